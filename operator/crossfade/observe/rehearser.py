"""Sends a rehearsal's requests in the background until all are answered as they should be, or the time is over."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from crossfade.model.rehearsal import Finding, Probe, Rehearsal, Rehearsed
from crossfade.ports import Answer, Clock, ProbeError, Prober

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 10.0
"""A gateway says Accepted before it serves: Traefik up to 2 s, Envoy Gateway until Envoy has it."""
_PAUSE_SECONDS = 0.1
_AT_ONCE = 8


class Rehearser:
    """What came of rehearsals, by uid of the Rollout and key. `patience` is in seconds for a whole rehearsal."""

    def __init__(self, prober: Prober, clock: Clock, patience: float = _PATIENCE_SECONDS) -> None:
        self._prober = prober
        self._clock = clock
        self._patience = patience
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._found: dict[str, dict[str, Rehearsed]] = {}

    def of(self, uid: str) -> Mapping[str, Rehearsed]:
        """What came of the Rollout's rehearsals, by key."""
        return MappingProxyType(self._found.get(uid, {}))

    def request(self, uid: str, rehearsals: Sequence[Rehearsal], on_done: Callable[[], None]) -> None:
        """Have these carried out, unless they are being carried out, and `on_done` called after each.

        What is not asked for any more is broken off: pods that went meanwhile would be taken for the gateway's fault.
        """
        wanted = {one.key for one in rehearsals}
        for place in [place for place in self._tasks if place[0] == uid and place[1] not in wanted]:
            self._tasks.pop(place).cancel()
        for one in rehearsals:
            if one.probes and (uid, one.key) not in self._tasks:
                work = self._rehearse(uid, one, on_done)
                self._tasks[uid, one.key] = asyncio.create_task(work, name=f"rehearse-{uid}")

    def forget(self, uid: str) -> None:
        """The Rollout is gone, or no rollout is under way."""
        self._found.pop(uid, None)
        self.request(uid, (), lambda: None)

    async def close(self) -> None:
        """Cancel all that is under way."""
        tasks = list(self._tasks.values())
        for uid, _ in list(self._tasks):
            self.forget(uid)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _rehearse(self, uid: str, rehearsal: Rehearsal, on_done: Callable[[], None]) -> None:
        deadline = asyncio.get_running_loop().time() + self._patience
        try:
            findings = await self._try(rehearsal, deadline)
        except Exception:
            log.exception("a rehearsal cannot be carried out")
            fault = "it could not be tried because of a fault in the operator; see its log"
            findings = tuple(Finding(probe, fault, reached=False) for probe in rehearsal.probes)
        self._found.setdefault(uid, {})[rehearsal.key] = Rehearsed(self._clock.now(), findings)
        self._tasks.pop((uid, rehearsal.key), None)
        on_done()

    async def _try(self, rehearsal: Rehearsal, deadline: float) -> tuple[Finding, ...]:
        """Those without the headers come last: before the rule is served they would prove nothing."""
        ours = [probe for probe in rehearsal.probes if probe.token is not None]
        others = [probe for probe in rehearsal.probes if probe.token is None]
        found = [one for one in await asyncio.gather(*(self._until(one, deadline) for one in ours)) if one]
        if not found:
            found = [one for one in await asyncio.gather(*(self._until(one, deadline) for one in others)) if one]
        return tuple(found)

    async def _until(self, probe: Probe, deadline: float) -> Finding | None:
        """Send the probe until its answer is right; what was wrong with the last one when there is no time left."""
        while True:
            try:
                async with self._slots:
                    answer = await self._prober.ask(probe)
                fault, reached = fault_of(probe, answer), tells(probe, answer)
            except ProbeError as error:
                fault, reached = str(error), False
            if not fault:
                return None
            over = asyncio.get_running_loop().time() + _PAUSE_SECONDS >= deadline
            if over or (reached and probe.token is None):
                return Finding(probe, fault, reached)
            await asyncio.sleep(_PAUSE_SECONDS)


def tells(probe: Probe, answer: Answer) -> bool:
    """Whether the answer proves anything, for or against the rule. Not all gateways mark answers to calls: without a
    mark, such an answer may have come through the rule or past it."""
    marked = bool(answer.revision or answer.token)
    return probe.protocol == "http" or marked or answer.failed or answer.status >= 300


def fault_of(probe: Probe, answer: Answer) -> str:
    """What is wrong with an answer; empty when nothing is."""
    if probe.token is None:
        return "a request without its headers met the rule as well" if answer.token else ""
    if answer.failed:
        return f"a request through the rule was answered with {answer}"
    if not tells(probe, answer):
        return "its answers do not say which version gave them"
    if answer.token != probe.token:
        return f"no request came through the rule; the last one was answered with {answer} past it"
    if answer.revision != probe.revision:
        return f"{answer.revision or 'an unknown arm'} answered in place of {probe.revision}"
    return ""
