"""One run of the demo, from the first download to the last process ended."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rich.console import Console

from demo.board import Audience, Board
from demo.elsewhere import Elsewhere
from demo.endpoint import Endpoint
from demo.errors import DemoError
from demo.ground import Ground
from demo.plain import Plain
from demo.report import Facts, Report, broken_promises, report
from demo.screen import Screen
from demo.story import BAD, BETTER, ROLLOUT, Story
from demo.summary import hints, summary
from demo.traffic import Traffic
from testbed.bed import Bed
from testbed.errors import TestbedError
from testbed.handle import ClusterHandle
from testbed.layout import Layout
from testbed.record import folder_of

_LOAD_SECONDS = 900  # a bound for requests that nobody stops


class Demo:
    """The demo on `console`, with its report in `target`; `kept_as` names the bed that stays up at the end. On
    `elsewhere`, a cluster that is no bed of its own, nothing is made but what the story asks for, and nothing removed.
    """

    def __init__(
        self,
        console: Console,
        target: Path | None,
        *,
        kept_as: str | None = None,
        elsewhere: ClusterHandle | None = None,
    ) -> None:
        self._console = console
        self._target = target
        self._kept_as = kept_as
        self._elsewhere = elsewhere
        self._name = kept_as or f"demo-{os.getpid()}"
        self._folder = Path(tempfile.mkdtemp(prefix="crossfade-demo-"))
        self._traffic = Traffic(self._folder / "requests.jsonl")
        self._screen = Screen(console) if console.is_terminal else None
        audience: Audience = self._screen or Plain(lambda line: console.print(line, markup=False, soft_wrap=True))
        self._board = Board(Endpoint(ROLLOUT), self._traffic.tally, audience)
        self._board.endpoint.on_change = lambda: audience.changed(self._board)

    async def run(self) -> int:
        """All of it, and the tidying up. Returns the exit status."""
        try:
            failures = await self._play()
            found = self._report()
            broken = [*failures, *broken_promises(found, [BETTER], [BAD])]
            if self._target is not None:
                found.write(self._target)
            self._console.print(summary(found, broken))
        except BaseException:  # also a person's Ctrl-C, who wants no logs
            await self._remove()
            raise
        await self._tidy(well=not broken)
        return 1 if broken else 0

    async def _play(self) -> list[str]:
        """Play the story to its end, or to where it failed; why it failed, a sentence for each reason."""
        reasons: list[str] = []
        try:
            with self._showing():
                async with self._ground().prepared() as (cluster, registered):
                    story = Story(self._board, cluster, self._folder, self._traffic)
                    await story.play(registered, load_seconds=_LOAD_SECONDS, go_on=self._kept_as is not None)
        except* (DemoError, TestbedError) as failures:
            reasons += (str(failure) for failure in _leaves(failures))
        return list(dict.fromkeys(reasons))  # several parts may fail of one cause

    def _ground(self) -> Ground | Elsewhere:
        if self._elsewhere is not None:
            return Elsewhere(self._board, self._elsewhere)
        return Ground(self._board, self._name, kept=self._kept_as is not None)

    def _showing(self) -> AbstractContextManager[None]:
        return self._screen.showing(self._board) if self._screen else nullcontext()

    def _report(self) -> Report:
        endpoint = self._board.endpoint
        return report(
            Facts(
                samples=self._traffic.tally.samples,
                versions=endpoint.versions,
                outcomes=endpoint.outcomes,
                decided=endpoint.decided,
                digests=endpoint.digests,
                wall_seconds=self._board.elapsed(),
            )
        )

    async def _tidy(self, *, well: bool) -> None:
        """End everything, unless it is to be kept; the logs stay when something went wrong."""
        if well and self._kept_as is not None:
            self._console.print(hints(self._kept_as, _LOAD_SECONDS // 60), markup=False, soft_wrap=True)
        elif well:
            await self._remove()
        else:
            if self._elsewhere is None:
                _save_logs(Layout(folder_of(self._name)), self._folder)
            self._console.print(f"logs and the record of every request: {self._folder}", soft_wrap=True)
            await self._end()

    async def _remove(self) -> None:
        await self._end()
        shutil.rmtree(self._folder)

    async def _end(self) -> None:
        if self._elsewhere is None:
            await asyncio.to_thread(Bed.remove, self._name)


def _leaves(group: BaseExceptionGroup) -> Iterator[BaseException]:
    for failure in group.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            yield from _leaves(failure)
        else:
            yield failure


def _save_logs(bed: Layout, folder: Path) -> None:
    """Copy what the bed's servers and pods said, before the bed's folder goes."""
    for source in (bed.first_log, *bed.logs.glob("*.log"), *(bed.folder / "kubelet").rglob("*.log")):
        if source.is_file():
            target = folder / "bed" / source.relative_to(bed.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
