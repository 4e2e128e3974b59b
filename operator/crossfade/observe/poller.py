"""Reads the metrics of all Rollouts under way. Equal queries are asked once, however many Rollouts ask them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from crossfade.decide.templates import Source
from crossfade.model.evidence import Counters, Evidence
from crossfade.observe.answers import Answer, Place, Watched, counters_of
from crossfade.observe.line import LONGEST_PAUSE_SECONDS, Line, Query
from crossfade.observe.pace import LEAST_SECONDS, next_read, window_seconds
from crossfade.ports import Clock, Metrics

_Ask = Callable[[Line, Query], asyncio.Task[Answer]]


class Poller:
    """Fills `evidence` by Rollout, each one's shortly after its candidate was scraped, at least every `interval` s.

    `prometheuses` are those that Rollouts may name. `under_way` names what to read; `on_evidence` is told of a Rollout
    as soon as its own answers are in. One that waits for its answers is not read again meanwhile and holds up nobody
    else, nor does a Prometheus that does not answer hold up the others.
    """

    def __init__(
        self,
        prometheuses: Mapping[str, Metrics],
        clock: Clock,
        interval: float,
        under_way: Callable[[], Iterable[Watched]],
        on_evidence: Callable[[Place], None],
    ) -> None:
        self._lines = {name: Line(metrics, clock, interval) for name, metrics in prometheuses.items()}
        self._clock = clock
        self._interval = interval
        self._under_way = under_way
        self._on_evidence = on_evidence
        self._watched: list[Watched] = []
        self._reading: set[Place] = set()
        self._due: dict[Place, float] = {}
        self._read_one = asyncio.Event()
        self.evidence: dict[Place, Evidence] = {}

    async def run(self) -> None:
        """Poll until cancelled."""
        async with asyncio.TaskGroup() as rounds:
            while True:
                rounds.create_task(self.poll())
                await asyncio.sleep(LEAST_SECONDS)
                looked_at = self._clock.now()
                while (pause := min(self.pause(), looked_at + self._interval - self._clock.now())) > 0:
                    self._read_one.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._read_one.wait()

    async def poll(self) -> None:
        """Read all that are due and not being read already, and wait for them."""
        self._watched = list(self._under_way())
        for gone in self.evidence.keys() - {one.place for one in self._watched}:
            del self.evidence[gone], self._due[gone]
        for name, line in self._lines.items():
            line.serve(_owners(one for one in self._watched if one.prometheus == name))
        asked: dict[tuple[Line, Query], asyncio.Task[Answer]] = {}

        def ask(line: Line, query: Query) -> asyncio.Task[Answer]:
            if (line, query) not in asked:
                asked[line, query] = line.ask(query)
            return asked[line, query]

        now = self._clock.now()
        due = [one for one in self._watched if one.place not in self._reading and self._wait(one, now) <= 0]
        await asyncio.gather(*(self._read(one, ask) for one in due))

    def pause(self) -> float:
        """Seconds until the next of those that were under way at the last poll is due."""
        now = self._clock.now()
        waits = (self._wait(one, now) for one in self._watched if one.place not in self._reading)
        return min(waits, default=self._interval)

    def _wait(self, one: Watched, now: float) -> float:
        """Seconds until a Rollout is due; none when they are so many that the clock must have been set back."""
        line = self._lines.get(one.prometheus)
        free = (line.free_at(selector) for selector in _selectors(one)) if line is not None else ()
        wait = max(self._due.get(one.place, 0.0), max(free, default=0.0)) - now
        return wait if wait <= max(LONGEST_PAUSE_SECONDS, self._interval) else 0.0

    async def _read(self, one: Watched, ask: _Ask) -> None:
        self._reading.add(one.place)
        try:
            found = await self._evidence(one, ask)
        finally:
            self._reading.discard(one.place)
        self.evidence[one.place] = found
        self._due[one.place] = next_read(found.metrics, one.candidate, self._clock.now(), self._interval)
        self._read_one.set()
        self._on_evidence(one.place)

    async def _evidence(self, one: Watched, ask: _Ask) -> Evidence:
        """One query after the other, so that a Rollout holds one slot; as old as the earliest of its answers.

        What could be read is there beside the sentence about the first that could not.
        """
        read_at = self._clock.now()
        line = self._lines.get(one.prometheus)
        if line is None:
            return Evidence(read_at, error=self._unknown(one))
        found, error = dict[str, Counters](), None
        for name, source in one.sources.items():
            seconds = window_seconds(one.since.get(name, 0.0), self._clock.now())
            answers = [] if isinstance(source, str) else await _answers(line, source, seconds, ask)
            read_at = min(read_at, *(answer.at for answer in answers)) if answers else read_at
            failure = next((answer.error for answer in answers if answer.error is not None), None)
            if failure is not None:
                return Evidence(read_at, found, error or failure)
            counters = source if isinstance(source, str) else counters_of(one, name, source, answers)
            if isinstance(counters, str):
                error = error or counters
            else:
                found[name] = counters
        return Evidence(read_at, found, error)

    def _unknown(self, one: Watched) -> str:
        return (
            f"`spec.analysis.prometheus` names {one.prometheus!r}, which the operator does not know; "
            f"it knows {', '.join(sorted(self._lines))}"
        )


async def _answers(line: Line, source: Source, seconds: int, ask: _Ask) -> list[Answer]:
    """Those to the selectors of one metric, up to the first failure."""
    answers: list[Answer] = []
    for selector in source.selectors:
        answers.append(await ask(line, Query(selector, seconds)))
        if answers[-1].error is not None:
            break
    return answers


def _selectors(one: Watched) -> Iterable[str]:
    return (selector for source in one.sources.values() if isinstance(source, Source) for selector in source.selectors)


def _owners(watched: Iterable[Watched]) -> dict[str, str]:
    """The namespace in whose share of the slots a selector is asked; the empty one for what several ask."""
    found: dict[str, str] = {}
    for one in watched:
        for selector in _selectors(one):
            found[selector] = one.place[0] if found.get(selector, one.place[0]) == one.place[0] else ""
    return found
