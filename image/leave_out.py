"""Takes out of an environment what a list names: `python image/leave_out.py LIST`, with the environment's own Python.

Run while the image is built, so it needs nothing but the standard library.
"""

import csv
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

_MEBIBYTE = 2**20


def patterns(text: str) -> list[tuple[str, list[str]]]:
    """Each glob of a list with the globs, below it, of what it must not take."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    taken = [(line, lines[number + 1 :]) for number, line in enumerate(lines) if not line.startswith("!")]
    return [(glob, [later.removeprefix("!") for later in below if later.startswith("!")]) for glob, below in taken]


def named(root: Path, glob: str, kept: Iterable[str]) -> list[Path]:
    """The files that a glob names, in order. Raises ValueError for none, which a new release of theirs may bring."""
    safe = {found for keep in kept for found in root.glob(keep)}
    found = sorted(path for path in root.glob(glob) if path.is_file() and path not in safe)
    if not found:
        raise ValueError(f"{glob} names nothing in {root}: correct it, or take it out of the list")
    return found


def leave_out(root: Path, text: str) -> list[tuple[str, int]]:
    """Delete what a list names below `root`. Returns the bytes that each glob freed. Raises ValueError, see `named`."""
    freed = []
    for glob, kept in patterns(text):
        files = named(root, glob, kept)
        freed.append((glob, sum(file.stat().st_size for file in files)))
        for file in files:
            file.unlink()
    for record in sorted(root.glob("*.dist-info/RECORD")):
        _forget(root, record)
    return freed


def _forget(root: Path, record: Path) -> None:
    """Let a package's list of its files name only those that are there, as scanners read it."""
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(line for line in lines if (root / next(csv.reader([line]))[0]).exists()))


def main() -> None:
    """Entry point."""
    for glob, size in leave_out(Path(sysconfig.get_path("purelib")), Path(sys.argv[1]).read_text()):
        print(f"{size / _MEBIBYTE:6.1f} MiB  {glob}")


if __name__ == "__main__":
    main()
