"""How far a load is: a line in the log now and then, and a file for people and hooks."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from crossfade.observe.progress import Progress
from crossfade.observe.staging import STATUS, told_in

_FILE_SECONDS: Final = 1.0
_LINE_SECONDS: Final = 5.0
_MIB: Final = 1 << 20


class Teller:
    """Tells of `progress` below `target`. The file is replaced whole, lies beside the parts and goes with them."""

    def __init__(self, progress: Progress, target: Path, digest: str) -> None:
        self._progress, self._digest = progress, digest
        self._target = target
        self._state, self._message = "Loading", ""
        self._told = (time.monotonic(), 0)

    async def tell(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(_FILE_SECONDS)
            if self._progress.open:
                self._write()
            if self._progress.open and not self._message and time.monotonic() - self._told[0] >= _LINE_SECONDS:
                self._line()

    def waits(self, why: str, seconds: float) -> None:
        """The source failed, and is tried again after so many seconds."""
        self._state, self._message = "Waiting", why
        self._write(make=True)
        print(f"crossfade load: {why}; trying again in {seconds:.0f} s", flush=True)

    def goes_on(self) -> None:
        """It is tried again now."""
        self._state, self._message = "Loading", ""

    def failed(self, why: str) -> None:
        """It is not tried again."""
        self._state, self._message = "Failed", why
        self._write()

    def _line(self) -> None:
        found, rate = self._progress, self._rate()
        self._told = time.monotonic(), found.bytes_done - found.bytes_found
        print(
            f"crossfade load: {found.bytes_done // _MIB} of {found.bytes // _MIB} MiB, "
            f"{found.files_done} of {found.files} files, {rate / _MIB:.0f} MiB/s",
            flush=True,
        )

    def _rate(self) -> float:
        """Bytes a second since the last line; what was found on disk is none of them."""
        since, before = self._told
        loaded = self._progress.bytes_done - self._progress.bytes_found
        return max(0, loaded - before) / max(time.monotonic() - since, 0.001)

    def _status(self) -> dict[str, Any]:
        found = self._progress
        return {
            "state": self._state,
            "message": self._message,
            "digest": self._digest,
            "files": found.files,
            "filesDone": found.files_done,
            "bytes": found.bytes,
            "bytesDone": found.bytes_done,
            "bytesFoundOnDisk": found.bytes_found,
            "bytesPerSecond": round(self._rate()),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def _write(self, *, make: bool = False) -> None:
        with suppress(OSError):  # a load is not ended by what only tells of it
            folder = told_in(self._target, make=make)
            if folder is not None:
                new = (folder / STATUS).with_suffix(".new")
                new.write_text(json.dumps(self._status()) + "\n")
                new.replace(folder / STATUS)


@asynccontextmanager
async def telling(progress: Progress, target: Path, digest: str) -> AsyncIterator[Teller]:
    """Tell while this is entered."""
    teller = Teller(progress, target, digest)
    task = asyncio.create_task(teller.tell())
    try:
        yield teller
    finally:
        task.cancel()
