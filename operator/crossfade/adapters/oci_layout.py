"""What an OCI manifest's layers make: which of them are files of the model, and how they are packed. Pure."""

import re
from typing import Any, Final

from crossfade.model.image import MODELS
from crossfade.model.loose import member
from crossfade.ports import Archive, Packing, SourceError, StoredFile

Json = dict[str, Any]
MODELPACK_CONFIG: Final = "application/vnd.cncf.model.config.v1+json"
KITFILE: Final = "application/vnd.kitops.modelkit.config.v1+json"
_IMAGE_CONFIGS: Final = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
_FILEPATH: Final = "org.cncf.model.filepath"
_TITLE: Final = "org.opencontainers.image.title"
_UNPACK: Final = "io.deis.oras.content.unpack"
_FOLDER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_MODELPACK_LAYER: Final = re.compile(
    r"application/vnd\.cncf\.model\.(weight|weight\.config|doc|code|dataset)\.v1\.(raw|tar|tar\+gzip|tar\+zstd)"
)
_KITOPS_LAYER: Final = re.compile(r"application/vnd\.kitops\.modelkit\.([a-z]+)\.v1\.(tar|tar\+gzip|tar\+zstd)")
_IMAGE_LAYERS: Final[dict[str, Packing]] = {
    "application/vnd.oci.image.layer.v1.tar": "tar",
    "application/vnd.oci.image.layer.v1.tar+gzip": "tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd": "tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar": "tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "tar+gzip",
}
_PACKINGS: Final[dict[str, Packing]] = {"tar": "tar", "tar+gzip": "tar+gzip", "tar+zstd": "tar+zstd"}
_DIGEST: Final = re.compile(r"sha256:([a-f0-9]{64})")


def layers(manifest: Json, what: str) -> list[tuple[StoredFile, str]]:
    """The stored files that a manifest names, each with the digest of its blob. Raises SourceError, in which `what` is
    the artifact, when it is of no kind that is known, or has no file of a model."""
    config = str(member(manifest, "config").get("mediaType", ""))
    listed = manifest.get("layers")
    if not isinstance(listed, list) or not all(isinstance(layer, dict) for layer in listed):
        raise SourceError(f"{what} has no layers; push it as an OCI artifact or an image", retry=False)
    made = {MODELPACK_CONFIG: _modelpack, KITFILE: _modelkit}.get(config, _artifact)
    if _is_image(config, listed):
        made = _image
    found = [(file, digest) for layer in listed if (file := made(layer, digest := _digest(layer, what), what))]
    if not found:
        raise SourceError(f"{what} has no layer with a file of a model; push it with some", retry=False)
    return found


def image_id(manifest: Json) -> str | None:
    """The digest of the config of an image whose layers could be read; None for an artifact that is none."""
    config = member(manifest, "config")
    digest = config.get("digest")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return None
    return digest if _is_image(str(config.get("mediaType", "")), manifest["layers"]) else None


def _is_image(config: str, listed: list[Json]) -> bool:
    """By the config's media type, which ORAS borrows for its artifacts, whose layers have titles."""
    return config in _IMAGE_CONFIGS and not any(_TITLE in member(layer, "annotations") for layer in listed)


def the_one(index: Json, what: str) -> str:
    """The digest of the one manifest of an image index, beside which only attestations may be. Raises SourceError."""
    entries = [entry for entry in index["manifests"] if isinstance(entry, dict)] if _is_list(index) else []
    found = [entry for entry in entries if not _is_attestation(entry)]
    if len(found) != 1:
        raise SourceError(
            f"{what} is an index of {len(found)} manifests, one for each platform; name one of them by its digest",
            retry=False,
        )
    _digest(found[0], what)
    return str(found[0]["digest"])


def is_index(manifest: Json) -> bool:
    """Whether it lists manifests and not layers."""
    return "manifests" in manifest


def _is_list(index: Json) -> bool:
    return isinstance(index.get("manifests"), list)


def _is_attestation(entry: Json) -> bool:
    return member(entry, "annotations").get("vnd.docker.reference.type") == "attestation-manifest"


def _modelpack(layer: Json, digest: str, what: str) -> StoredFile | None:
    """A raw layer is a file by its annotation; an archive has its files' paths in it. Datasets do not serve."""
    kind = _MODELPACK_LAYER.fullmatch(str(layer.get("mediaType", "")))
    if kind is None:
        raise _foreign(layer, what)
    if kind[1] == "dataset":
        return None
    if kind[2] != "raw":
        return _packed(layer, digest, _PACKINGS[kind[2]])
    path = member(layer, "annotations").get(_FILEPATH)
    if not isinstance(path, str):
        raise SourceError(
            f"{what} has a raw layer without the annotation `{_FILEPATH}`; add its path there", retry=False
        )
    return _file(layer, digest, path)


def _modelkit(layer: Json, digest: str, what: str) -> StoredFile | None:
    """Archives, with the paths of the Kitfile's folder in them. Datasets do not serve."""
    kind = _KITOPS_LAYER.fullmatch(str(layer.get("mediaType", "")))
    if kind is None:
        raise _foreign(layer, what)
    return None if kind[1] in ("dataset", "datasets") else _packed(layer, digest, _PACKINGS[kind[2]])


def _image(layer: Json, digest: str, what: str) -> StoredFile | None:
    """What lies in /models."""
    packing = _IMAGE_LAYERS.get(str(layer.get("mediaType", "")))
    if packing is None:
        raise _foreign(layer, what)
    return _packed(layer, digest, packing, MODELS)


def _artifact(layer: Json, digest: str, what: str) -> StoredFile | None:
    """A file by its title, as ORAS pushes it; a folder it packs, and marks so, in Python by the media type alone."""
    notes = member(layer, "annotations")
    title = notes.get(_TITLE)
    if not isinstance(title, str):
        raise SourceError(
            f"{what} is no ModelPack, no ModelKit and no image, and has a layer without the annotation `{_TITLE}`; "
            "push it as one of them, or with ORAS",
            retry=False,
        )
    folder = notes.get(_UNPACK, str(layer.get("mediaType") == _FOLDER).lower()) == "true"
    return _packed(layer, digest, "tar+gzip") if folder else _file(layer, digest, title)


def _foreign(layer: Json, what: str) -> SourceError:
    return SourceError(
        f"{what} has a layer of the media type {str(layer.get('mediaType'))[:128]!r}, which is not read; push it as "
        "what its config says that it is",
        retry=False,
    )


def _file(layer: Json, digest: str, path: str) -> StoredFile:
    return StoredFile(path, int(layer["size"]), digest.removeprefix("sha256:"), parts=True)


def _packed(layer: Json, digest: str, packing: Packing, below: str = "") -> StoredFile:
    return StoredFile(digest, int(layer["size"]), digest.removeprefix("sha256:"), Archive(packing, below), parts=True)


def _digest(entry: Json, what: str) -> str:
    """The digest, and a size that is one. Raises SourceError."""
    digest, size = entry.get("digest"), entry.get("size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest) or not isinstance(size, int) or size < 0:
        raise SourceError(f"{what} has a layer without size and SHA-256 digest; push it again with them", retry=False)
    return digest
