"""Where a mount lands in its container: Kubernetes compares paths as they are written, and nodes as they are meant."""

from pathlib import PurePosixPath
from posixpath import normpath


def lands_at(path: str) -> str:
    """The absolute path that is meant: without `/` at its beginning it is below the root, and so it is with two."""
    return normpath("/" + path.lstrip("/"))


def is_within(path: str, folder: str) -> bool:
    """Whether a mount at `path` would cover the content of the absolute `folder`, or a part of it."""
    parts, base = PurePosixPath(lands_at(path)).parts, PurePosixPath(folder).parts
    return parts[: len(base)] == base
