"""The model behind every protocol: what becomes of a request, drawn from its behaviour, and counted once."""

from __future__ import annotations

import asyncio
import os
import time
from enum import Enum, auto
from random import Random
from typing import TYPE_CHECKING

from testbed.servers import metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from testbed.servers.behaviour import Behaviour

    Rows = list[list[float]]

_CRASH_EXIT_CODE = 70


class Outcome(Enum):
    """What became of a request for an inference."""

    PREDICTED = auto()
    LOADING = auto()
    NOT_UNDERSTOOD = auto()
    RAISED = auto()


class Model:
    """One model; holds the counts that its behaviour depends on."""

    def __init__(self, behaviour: Behaviour, revision: str = "") -> None:
        self.behaviour = behaviour
        known = (("x-model-revision", revision),) if revision else ()
        self.marks = (("x-model-version", behaviour.version), *known)
        """The headers that say who gave an answer."""
        self.loaded = False
        self.stopping = False
        self._random = Random(behaviour.seed)  # noqa: S311  # repeatable on purpose
        self._received = 0

    @property
    def ready(self) -> bool:
        """What the readiness probe is told."""
        limit = self.behaviour.fail_readiness_after_requests
        return self.loaded and not self.stopping and (limit is None or self._received < limit)

    async def infer(self, read: Callable[[], Rows], version: str) -> tuple[Outcome, int]:
        """What becomes of a request, and how many rows it has.

        ``read`` gives the rows, or raises LookupError, TypeError, ValueError or ArithmeticError when it is not
        understood. ``version`` is the label that the request's protocol has on the model's series.
        """
        self._received += 1
        limit = self.behaviour.crash_after_requests
        if limit is not None and self._received > limit:
            crash(f"crashAfterRequests: {limit} requests were answered")
        started = time.perf_counter()
        if self._received <= self.behaviour.cold.count:
            await asyncio.sleep(self.behaviour.cold.seconds)
        if self.behaviour.latency is not None:
            await asyncio.sleep(self.behaviour.latency.draw(self._random))
        outcome, rows = self._predict(read)
        if outcome is not Outcome.NOT_UNDERSTOOD:  # MLServer does not count a request that never reached the model
            good = outcome is Outcome.PREDICTED
            metrics.inferred(self.behaviour.name, version, good, time.perf_counter() - started)
        return outcome, rows

    def _predict(self, read: Callable[[], Rows]) -> tuple[Outcome, int]:
        if not self.loaded:
            return Outcome.LOADING, 0
        try:
            rows = read()
        except (LookupError, TypeError, ValueError, ArithmeticError):
            return Outcome.NOT_UNDERSTOOD, 0
        raised = self._random.random() < self.behaviour.error_rate or any(map(self.behaviour.rejects, rows))
        return (Outcome.RAISED if raised else Outcome.PREDICTED), len(rows)


def crash(reason: str) -> None:
    """End the process as a crash does: no clean-up and no answer."""
    print(f"crashing on purpose, {reason}", flush=True)
    os._exit(_CRASH_EXIT_CODE)
