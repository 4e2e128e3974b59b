"""Where on a PersistentVolumeClaim a model lies, as an address: `pvc://<claim>/<path>`, as KServe writes it."""

from dataclasses import dataclass

SCHEME = "pvc"
VOLUME_FOLDER = "/mnt/crossfade-volume"
"""Where the claim is mounted, in the one container of a pod that reads it."""
_PREFIX = f"{SCHEME}://"


@dataclass(frozen=True, slots=True)
class Subject:
    """The ModelVersion that a model on a volume is read for: its place and its uid."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class VolumePlace:
    """A claim, and the path of a file or a folder on it; empty for all of it."""

    claim: str
    path: str = ""

    @property
    def uri(self) -> str:
        """The address. Nothing in it is encoded, for no claim has a slash in its name."""
        return f"{_PREFIX}{self.claim}/{self.path}".removesuffix("/")


def volume_place(uri: str) -> VolumePlace | None:
    """What the address means; None for one of another scheme."""
    if not uri.startswith(_PREFIX):
        return None
    claim, _, path = uri.removeprefix(_PREFIX).partition("/")
    return VolumePlace(claim, path)
