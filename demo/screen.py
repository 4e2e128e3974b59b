"""The board in a terminal that can be painted over: steps, the two versions and their traffic, the operator's word."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from crossfade.api.v1alpha1.rollout import Arm
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from demo.board import Board, Step

_PAINTS_A_SECOND = 5
_RATE_SECONDS = 3.0


class Screen:
    """Paints the board a few times a second; nothing has to be told to it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spinner = Spinner("dots")

    @contextmanager
    def showing(self, board: Board) -> Iterator[None]:
        """Paint until the context ends; the last picture stays."""
        paint = Live(
            console=self._console,
            get_renderable=lambda: self.render(board),
            refresh_per_second=_PAINTS_A_SECOND,
            redirect_stderr=False,
        )
        with paint:
            yield

    def began(self, step: Step) -> None:
        """See Audience."""

    def noted(self, step: Step) -> None:
        """See Audience."""

    def ended(self, step: Step) -> None:
        """See Audience."""

    def changed(self, board: Board) -> None:
        """See Audience."""

    def render(self, board: Board) -> RenderableType:
        """The picture as of now."""
        parts: list[RenderableType] = [self._steps(board)]
        if board.endpoint.status.stable or board.endpoint.status.candidate:
            parts += [_arms(board), Text(board.endpoint.sentence, style=_mood(board))]
        title = f"Crossfade demo  {board.elapsed():.0f} s"
        return Panel(Group(*parts), title=title, title_align="left", border_style="dim")

    def _steps(self, board: Board) -> Table:
        now = time.monotonic()
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=2)
        grid.add_column(no_wrap=True)
        grid.add_column(justify="right", style="dim", no_wrap=True, min_width=7)
        grid.add_column(style="dim", no_wrap=True, overflow="ellipsis", ratio=1)
        for step in list(board.steps):
            mark: RenderableType = Text("✓", style="green") if step.ended else self._spinner
            grid.add_row(mark, step.title, f"{step.seconds(now):.1f} s", step.note)
        return grid


def _arms(board: Board) -> Table:
    """One row a version that has served, the ones of this moment with their weights."""
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for title in ("version", "role"):
        table.add_column(title)
    for title in ("asked", "acknowledged", "observed", "requests", "per second", "errors"):
        table.add_column(title, justify="right")
    status = board.endpoint.status
    recent = _recent(board)
    for revision, name in list(board.endpoint.versions.items()):
        role, weights = _part(board, revision, status.stable, status.candidate)
        counts = (f"{board.tally.requests[name]:,}", f"{recent.get(name, 0) / _RATE_SECONDS:.0f}")
        table.add_row(name, role, *weights, *counts, _errors(board.tally.by_model[name], ""))
    for what, errors in (("a model, unnamed", board.tally.by_model[None]), ("the route itself", board.tally.by_route)):
        table.add_row(what, "", "", "", "", "", "", _errors(errors, "green"))
    return table


def _errors(number: int, otherwise: str) -> Text:
    return Text(str(number), style="bold red" if number else otherwise)


def _part(board: Board, revision: str, stable: Arm | None, candidate: Arm | None) -> tuple[str, tuple[str, str, str]]:
    """What a revision is now, and the share of the requests that it is to get, acknowledged to get, seen to get."""
    traffic = board.endpoint.status.traffic
    if candidate is not None and revision == candidate.revision:
        if traffic is None:
            return "candidate, starting", ("-", "-", "-")
        acknowledged = "-" if traffic.acknowledged is None else f"{traffic.acknowledged}%"
        return "candidate", (f"{traffic.desired}%", acknowledged, traffic.observed or "-")
    if stable is not None and revision == stable.revision:
        asked = 100 - traffic.desired if traffic else 100
        acknowledged = f"{asked}%" if traffic is None or traffic.acknowledged is not None else "-"
        return "stable", (f"{asked}%", acknowledged, "")
    end = board.endpoint.outcomes.get(board.endpoint.versions[revision])
    return ("rolled back" if end and end.result == "RolledBack" else "replaced"), ("", "", "")


def _recent(board: Board) -> dict[str, int]:
    """Requests per arm that were sent within the last three seconds."""
    since, counts = time.time() - _RATE_SECONDS, dict[str, int]()
    for sample in reversed(board.tally.samples):
        if sample.wall < since:
            break
        counts[sample.arm or ""] = counts.get(sample.arm or "", 0) + 1
    return counts


def _mood(board: Board) -> str:
    end = board.endpoint.status.outcome
    if board.endpoint.stalled:
        return "bold red"
    return "bold green" if end and board.endpoint.status.candidate is None else "yellow"
