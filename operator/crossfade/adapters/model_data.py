"""Where the bytes of a SageMaker model package are: `s3://<bucket>/<key>`, how they are packed, and by which mark."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode

from crossfade.adapters.buckets.bucket import Place, place
from crossfade.model.loose import member, objects, text
from crossfade.ports import SourceError

_PACKED: Final = "tar.gz"


@dataclass(frozen=True, slots=True)
class ModelData:
    """A folder, or with `single` one object, which with `packed` is an archive of the model's files. `etag` is the
    object's when the package was registered, empty where that is not known."""

    place: Place
    single: bool = False
    packed: bool = False
    etag: str = ""

    def __str__(self) -> str:
        """As `parsed` reads it."""
        pairs = {"as": "object"} if self.single else {}
        pairs |= {"packed": _PACKED} if self.packed else {}
        pairs |= {"etag": self.etag} if self.etag else {}
        return f"{_written(str(self.place))}{'?' if pairs else ''}{urlencode(pairs)}"


def _written(place: str) -> str:
    """With the letters escaped that mean something else in an address; all others stay, for who reads it."""
    return place.replace("%", "%25").replace("?", "%3F").replace("#", "%23")


def parsed(uri: str) -> ModelData:
    """The place that is meant. Raises SourceError."""
    where, _, query = uri.partition("?")
    told = dict(parse_qsl(query))
    return ModelData(place(unquote(where)), "as" in told, told.get("packed") == _PACKED, told.get("etag", ""))


def data_of(package: Mapping[str, Any], what: str) -> ModelData:
    """The place that a package names. Raises SourceError, in which `what` is the package, when it names none, or
    several."""
    containers = objects(member(package, "InferenceSpecification").get("Containers"))
    if len(containers) != 1:
        raise SourceError(
            f"{what} has {len(containers)} containers; register one model with one container", retry=False
        )
    [container] = containers
    source = member(member(container, "ModelDataSource"), "S3DataSource")
    if source:
        return _of_source(source, what)
    uri = text(container.get("ModelDataUrl"))
    if uri is None:
        raise SourceError(
            f"{what} names no model data; register it with `ModelDataUrl` or `ModelDataSource`", retry=False
        )
    return ModelData(_place(uri, what), True, True, _mark(container.get("ModelDataETag")))


def _of_source(source: Mapping[str, Any], what: str) -> ModelData:
    found = ModelData(_place(text(source.get("S3Uri")) or "", what))
    if source.get("ManifestS3Uri"):
        raise SourceError(
            f"{what} lists its files in a manifest, which is not read; register their prefix", retry=False
        )
    packed = source.get("CompressionType") == "Gzip"
    if packed or source.get("S3DataType") == "S3Object":
        return replace(found, single=True, packed=packed, etag=_mark(source.get("ETag")))
    return found


def _place(uri: str, what: str) -> Place:
    found = place(uri)
    if found.scheme != "s3" or not found.key:
        raise SourceError(f"{what} has its model data at {uri[:256]!r}, which is no object of S3", retry=False)
    return found


def _mark(told: object) -> str:
    return (text(told) or "").strip('"')[:128]
