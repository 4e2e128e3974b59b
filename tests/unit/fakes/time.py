"""An event loop whose time jumps to whatever is due next: minutes of waiting pass at once, and in order."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class _NoWaiting(selectors.SelectSelector):
    """Moves the loop's time in place of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """See selectors.BaseSelector."""
        self.now += timeout or 0.0
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """Nothing outside of it may be waited for."""

    def __init__(self) -> None:
        self._jumping = _NoWaiting()
        super().__init__(self._jumping)

    def time(self) -> float:
        """See asyncio."""
        return self._jumping.now


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run to the end in time that jumps."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)
