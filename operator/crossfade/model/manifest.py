"""The canonical digest `mvd1`: SHA-256 over the RFC 8785 JSON of a sorted file list. Pure."""

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import rfc8785


@dataclass(frozen=True, slots=True)
class File:
    """One file of a model: path relative to its root with `/`, size in bytes, SHA-256 in hex."""

    path: str
    size: int
    sha256: str


def mvd1(files: Iterable[File]) -> str:
    """`sha256:<hex>` over `[{"path","size","sha256"}…]`, sorted by UTF-8 path, paths NFC-normalised.

    Raises ValueError for an empty model, an unsafe path, or two files whose paths are equal once normalised.
    """
    entries: list[dict[str, Any]] = sorted(
        ({"path": safe_path(file.path), "size": file.size, "sha256": file.sha256} for file in files),
        key=lambda entry: str(entry["path"]).encode(),
    )
    if not entries:
        raise ValueError("a model must have at least one file; none was found")
    paths = [entry["path"] for entry in entries]
    if len(set(paths)) != len(paths):
        raise ValueError("two files of the model have the same path once Unicode is normalised; rename one of them")
    return "sha256:" + hashlib.sha256(rfc8785.dumps(entries)).hexdigest()


def safe_path(path: str) -> str:
    """The NFC-normalised relative path; ValueError when it could leave the model's folder."""
    normal = unicodedata.normalize("NFC", path)
    parts = normal.split("/")
    if not normal or "\\" in normal or "\0" in normal or any(part in ("", ".", "..") for part in parts):
        raise ValueError(
            f"the model has a file with the path {path!r}; it must be relative, without `..` or empty parts"
        )
    return normal
