"""What lies in a folder, or in an archive."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path


def on_disk(folder: Path) -> dict[str, bytes]:
    """All files below a folder; those of one that is a file by its name."""
    if folder.is_file():
        return {folder.name: folder.read_bytes()}
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tar(files: Mapping[str, bytes]) -> bytes:
    """An archive of these files."""
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w") as made:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return kept.getvalue()
