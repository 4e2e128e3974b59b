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

    Raises ValueError for an empty model, an unsafe path, two files whose paths are equal once normalised, or a file
    that would have to be a folder too.
    """
    entries: list[dict[str, Any]] = sorted(
        ({"path": safe_path(file.path), "size": file.size, "sha256": file.sha256} for file in files),
        key=lambda entry: str(entry["path"]).encode(),
    )
    if not entries:
        raise ValueError("a model must have at least one file; none was found")
    _require_tree([entry["path"] for entry in entries])
    return "sha256:" + hashlib.sha256(rfc8785.dumps(entries)).hexdigest()


def safe_path(path: str) -> str:
    """The NFC-normalised relative path; ValueError when it could leave the model's folder."""
    normal = unicodedata.normalize("NFC", path)
    parts = normal.split("/")
    foreign = any(character in "\\\0" or "\ud800" <= character <= "\udfff" for character in normal)
    if foreign or any(part in ("", ".", "..") for part in parts):
        raise ValueError(
            f"the model has a file with the path {path!r}; it must be relative UTF-8, "
            "without backslashes, `..` and empty parts"
        )
    return normal


def _require_tree(paths: list[str]) -> None:
    """Raise ValueError when the paths cannot all be files of one folder."""
    if len(set(paths)) != len(paths):
        raise ValueError("two files of the model have the same path once Unicode is normalised; rename one of them")
    folders = {path[:end] for path in paths for end, character in enumerate(path) if character == "/"}
    if both := sorted(folders.intersection(paths)):
        raise ValueError(f"the model has {both[0]!r} both as a file and as a folder; rename one of them")
