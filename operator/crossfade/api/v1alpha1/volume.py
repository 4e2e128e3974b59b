"""A model on a volume: where it lies on a PersistentVolumeClaim of the ModelVersion's namespace."""

from typing import Annotated

from pydantic import StringConstraints

from crossfade.api.v1alpha1.common import ApiModel, ObjectName, cel

_PART = r"(\.{0,2}[^\x00-\x1f\x7f\\/.][^\x00-\x1f\x7f\\/]*|\.{3}[^\x00-\x1f\x7f\\/]*)"
"""A name of a folder or a file, which is neither `.` nor `..`."""

VOLUME_IN_NONE = cel(
    "!(has(self.registryRef) && has(self.volume))",
    "must have no `registryRef` beside `volume`, which is in no registry",
)
"""Of a source."""


class VolumeSource(ApiModel):
    """A file or a folder of files on a PersistentVolumeClaim, which pods of its namespace read and never write."""

    claim_name: ObjectName
    """The PersistentVolumeClaim, of the same namespace."""
    path: Annotated[str, StringConstraints(pattern=rf"^{_PART}(/{_PART})*$", max_length=1024)] | None = None
    """Where the model lies on the volume, such as `fraud/7`; all of the volume when left out."""
