"""How what is in a registry is spelled: the types that a ModelVersion's source and what a ModelSource follows share."""

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

SEMVER = (
    r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$"
)
_VERSION = re.compile(SEMVER.replace("^", "v?", 1))
_NUMBER = "(0|[1-9][0-9]{0,8})"
_PRERELEASE = r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
_ANY = "[xX*]"
_PARTIAL = (
    rf"({_ANY}|{_NUMBER}(\.{_ANY}){{0,2}}|{_NUMBER}\.{_NUMBER}(\.{_ANY})?|{_NUMBER}\.{_NUMBER}\.{_NUMBER}{_PRERELEASE})"
)
_COMPARATOR = rf"(\^|~|>=|<=|>|<|=)?{_PARTIAL}"
_ALTERNATIVE = rf"{_COMPARATOR}( {_COMPARATOR}){{0,7}}"
RANGE = rf"^{_ALTERNATIVE}( \|\| {_ALTERNATIVE}){{0,7}}$"
"""As npm writes ranges, without hyphens between versions."""
_GTO_NAME = r"[a-zA-Z0-9]([a-zA-Z0-9-/_]*[a-zA-Z0-9])?"
_REPO_PART = "[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
_OCI_NAME = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_OCI_REPOSITORY = rf"{_OCI_NAME}(/{_OCI_NAME})*"
_OCI_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"

_WANDB_NAME = r"^[^\x00-\x1f\x7f/\\#?%:]+$"

AzureName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$", max_length=255)]
AzureLabel = Annotated[str, StringConstraints(pattern="^latest$", max_length=6)]
AzureStage = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=255)]
AzureTag = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f=]+=[^\x00-\x1f\x7f]*$", max_length=512)]
VersionRange = Annotated[str, StringConstraints(pattern=RANGE, max_length=128)]
"""A range of semantic versions, such as `^1.2`."""
ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
Patterns = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=128)]],
    Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
]
Revision = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x20\x7f~^:?*\[\\#%./-][^\x00-\x20\x7f~^:?*\[\\#%]*$", max_length=255)
]
GitPath = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f\\/]+(/[^\x00-\x1f\x7f\\/]+)*$", max_length=512)]
GtoArtifact = Annotated[str, StringConstraints(pattern=rf"^([a-zA-Z0-9_./-]+:)?{_GTO_NAME}$", max_length=253)]
GtoVersion = Annotated[str, StringConstraints(pattern=SEMVER.replace("^", "^v", 1), max_length=64)]
GtoStage = Annotated[str, StringConstraints(pattern=rf"^{_GTO_NAME}$", max_length=63)]
HubRepo = Annotated[str, StringConstraints(pattern=rf"^({_REPO_PART}/)?{_REPO_PART}$", max_length=193)]
MlflowName = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^/:.%\"'@]+$")]
MlflowAlias = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]+$", max_length=255)]
MlflowStage = Literal["Staging", "Production", "Archived"]
OciRepository = Annotated[str, StringConstraints(pattern=rf"^{_OCI_REPOSITORY}$", max_length=383)]
OciTag = Annotated[str, StringConstraints(pattern=rf"^{_OCI_TAG}$", max_length=128)]
OciReference = Annotated[
    str, StringConstraints(pattern=rf"^{_OCI_REPOSITORY}(:{_OCI_TAG}|@sha256:[a-f0-9]{{64}})$", max_length=512)
]
SageMakerGroup = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$", max_length=63)]
SageMakerApproval = Literal["Approved", "PendingManualApproval"]
VertexModel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_][a-z0-9_-]*$", max_length=63)]
VertexAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]$", max_length=128)]
WandbName = Annotated[str, StringConstraints(pattern=_WANDB_NAME, max_length=128)]
WandbRegistryName = Annotated[str, StringConstraints(pattern=_WANDB_NAME, max_length=113)]
WandbTitle = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f/:]+$", max_length=128)]


def is_version(name: str) -> bool:
    """Whether it is a semantic version, with or without a `v`, and short enough to be recorded."""
    return len(name) <= 64 and _VERSION.fullmatch(name) is not None
