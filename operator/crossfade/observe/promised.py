"""Looks at pickles once more, in the pod that serves, where what they would import is known by hearsay."""

import os
from pathlib import Path

from crossfade.observe.formats.inspection import Inspection
from crossfade.observe.verify import DigestMismatch

_CHUNK_BYTES = 1 << 20
_FROM_SAFE_TO_WORST = ("None", "Known", "Unreadable", "Unsafe")


def require(folder: Path, promised: str, uri: str) -> None:
    """Raise DigestMismatch where pickles below the folder, which is verified, are worse than was promised; and
    OSError."""
    inspection = Inspection()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name, size = path.relative_to(folder).as_posix(), path.stat().st_size
            with path.open("rb") as source, inspection.create(name, size, Path(os.devnull).open("wb")) as seen:
                while piece := source.read(_CHUNK_BYTES):
                    seen.write(piece)
    found = inspection.result()
    if _FROM_SAFE_TO_WORST.index(found.pickle) > _FROM_SAFE_TO_WORST.index(promised):
        suspect, why = next(iter(found.suspects.items()), ("", ""))
        said = f": the file {suspect!r} {why}" if suspect else ""
        raise DigestMismatch(
            f"the pickles of the model at {uri!r} are {found.pickle!r}, and {promised!r} was recorded when it was "
            f"resolved{said}; somebody forged what was recorded, or the release that found it knew less"
        )
