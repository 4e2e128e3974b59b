"""What lies in a folder."""

from pathlib import Path


def on_disk(folder: Path) -> dict[str, bytes]:
    """All files below a folder; those of one that is a file by its name."""
    if folder.is_file():
        return {folder.name: folder.read_bytes()}
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
