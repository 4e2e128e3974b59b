"""Where the bytes of an Azure ML model are, by what Azure writes: addresses of blobs, and paths of datastores."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from crossfade.adapters.buckets.bucket import Place, place
from crossfade.model.loose import text
from crossfade.ports import SourceError

_SUFFIXES: Final = ("core.windows.net", "core.chinacloudapi.cn", "core.usgovcloudapi.net")
"""Where Azure's storage is: nobody else is shown a token for it."""
_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}")
_MODEL: Final = re.compile(r"azureml://(workspaces|registries)/([^/]+)/models/([^/]+)/versions/([^/]+)")
_ADDRESS: Final = re.compile(
    r"https://(?P<account>[^/.]+)\.blob\.(?P<suffix>[^/:?#]+)/(?P<container>[^/?]+)(/(?P<path>[^?]*))?(\?(?P<query>(?s:.+)))?"
)
_DATASTORE: Final = re.compile(
    r"azureml://(subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)/workspaces/(?P<workspace>[^/]+)/)?"
    r"datastores/(?P<datastore>[^/]+)/paths/(?P<path>.+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Blobs:
    """A folder of blobs, or a single one, in a storage account at `host`; `signature` lets its bearer read them, and is
    empty where tokens do, or, of `public` ones, where nobody needs any."""

    account: str
    host: str
    place: Place
    signature: str = field(default="", repr=False)
    public: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A path in a datastore; in which workspace is empty where that goes without saying."""

    workspace: tuple[str, ...]
    datastore: str
    path: str


def model_uri(kind: str, owner: str, name: str, version: str) -> str:
    """The address of a version, as `model_of` reads it."""
    return f"azureml://{kind}/{owner}/models/{name}/versions/{version}"


def model_of(uri: str, kind: str, owner: str) -> tuple[str, str]:
    """The name and the version that an address means. Raises SourceError, also for what is of another workspace or
    registry."""
    found = _MODEL.fullmatch(uri)
    if found is None or (found[1], found[2]) != (kind, owner):
        raise SourceError(
            f"the address {uri[:256]!r} is no azureml://{kind}/{owner}/models/<name>/versions/<version>; name the "
            "ModelRegistry that it is in"
        )
    return found[3], found[4]


def kept_in(uri: str) -> Kept | None:
    """The datastore's path that a model's address means; None for what is none."""
    found = _DATASTORE.fullmatch(uri)
    if found is None:
        return None
    named = (found["subscription"], found["group"], found["workspace"])
    workspace = tuple(part.lower() for part in named if part)
    return Kept(workspace, found["datastore"], found["path"])


def in_datastore(told: Mapping[str, Any], path: str, what: str) -> Blobs:
    """The blobs at a path of a datastore that is described so. Raises SourceError, in which `what` is the model."""
    kind = text(told.get("datastoreType")) or ""
    if kind != "AzureBlob":
        raise SourceError(f"{what} is in a datastore of the type {kind[:64]!r}; register it from one of type AzureBlob")
    suffix = (text(told.get("endpoint")) or _SUFFIXES[0]).lower()
    return _blobs(text(told.get("accountName")), suffix, text(told.get("containerName")), path, what)


def at_address(address: str, what: str) -> Blobs:
    """The blobs of an https address, whose path Azure writes as it is, with the signature behind it. Raises
    SourceError, in which `what` is the model and the signature is not."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise _unknown(what)
    signature = (found["query"] or "").lstrip("?")
    if not (signature.isascii() and signature.isprintable()) or " " in signature:
        raise SourceError(f"{what} has a signature that is none of Azure's; register it anew")
    return _blobs(found["account"], found["suffix"], found["container"], found["path"] or "", what, signature)


def _blobs(account: str | None, suffix: str, container: str | None, path: str, what: str, signature: str = "") -> Blobs:
    if suffix not in _SUFFIXES or not _ACCOUNT.fullmatch(account or ""):
        raise _unknown(what)
    return Blobs(str(account), f"{account}.blob.{suffix}", place(f"az://{container or ''}/{path}"), signature)


def _unknown(what: str) -> SourceError:
    return SourceError(f"{what} is at no address of Azure's blob storage; register it from there")
