"""The address of an artifact's bytes on Weights & Biases:
`wandb://<entity>/<project>/<collection>/<version>?artifact=<id>&digest=<hex>`."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from crossfade.ports import SourceError

_PART: Final = r"([A-Za-z0-9._~%-]+)"
_ADDRESS: Final = re.compile(
    rf"wandb://{_PART}/{_PART}/{_PART}/(v[0-9]{{1,9}})\?artifact=([A-Za-z0-9._~%-]+)&digest=([0-9a-f]{{32}})", re.ASCII
)
DIGEST: Final = re.compile(r"[0-9a-f]{32}")
REGISTRY_PREFIX: Final = "wandb-registry-"
"""How projects begin that are registries."""
_LONGEST: Final = 2048


@dataclass(frozen=True, slots=True)
class WandbAddress:
    """A version in a project, and which artifact that is: its id and its digest, as the server has them."""

    entity: str
    project: str
    collection: str
    version: str
    artifact: str
    digest: str

    def __str__(self) -> str:
        names = (self.entity, self.project, self.collection, self.version)
        where = "/".join(quote(name, safe="") for name in names)
        return f"wandb://{where}?artifact={quote(self.artifact, safe='')}&digest={self.digest}"

    @property
    def name(self) -> str:
        """As W&B itself writes it, and people do."""
        return f"{self.entity}/{self.project}/{self.collection}:{self.version}"

    def fits(self) -> bool:
        """Whether it is short enough to be recorded."""
        return len(str(self)) <= _LONGEST


def parsed(uri: str) -> WandbAddress:
    """The address in a text. Raises SourceError."""
    found = _ADDRESS.fullmatch(uri)
    if found is None:
        raise SourceError(
            f"the address {uri[:256]!r} must be wandb://<entity>/<project>/<collection>/<version>?artifact=<id>&"
            "digest=<32 hex digits>",
            retry=False,
        )
    return WandbAddress(*(unquote(part) for part in found.groups()))
