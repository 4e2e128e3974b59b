"""The board as lines, for logs and terminals that cannot be painted over."""

import time
from collections.abc import Callable

from demo.board import Board, Step


class Plain:
    """Writes a line when something happens; `write` takes it without a newline."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._began = time.monotonic()
        self._last: object = None

    def began(self, step: Step) -> None:
        """See Audience."""
        self._say(f"… {step.title}")

    def noted(self, step: Step) -> None:
        """See Audience."""
        self._say(f"  {step.note}")

    def ended(self, step: Step) -> None:
        """See Audience."""
        self._say(f"✓ {step.title} ({step.seconds(time.monotonic()):.1f} s)")

    def changed(self, board: Board) -> None:
        """Tell the operator's word when weights, stage or outcome are others than at the last time."""
        status = board.endpoint.status
        traffic = status.traffic
        weights = (traffic.desired, traffic.acknowledged, bool(traffic.observed)) if traffic else None
        now = (status.candidate and status.candidate.revision, weights, status.outcome)
        if now == self._last or not board.endpoint.sentence:
            return
        self._last = now
        counts = board.tally
        self._say(
            f"  {board.endpoint.sentence} [{sum(counts.requests.values())} requests, errors: "
            f"{sum(counts.by_model.values())} by models, {counts.by_route} by the route]"
        )

    def _say(self, line: str) -> None:
        self._write(f"{time.monotonic() - self._began:6.1f} s {line}")
