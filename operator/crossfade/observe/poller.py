"""Reads the metrics of all Rollouts under way. Equal queries are asked once, however many Rollouts ask them."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from crossfade.api.v1alpha1.rollout import Metric
from crossfade.decide.templates import selectors
from crossfade.model.evidence import Counters, Evidence, Series
from crossfade.ports import Clock, Metrics, MetricsError, RawSeries
from crossfade.telemetry.metrics import EVIDENCE_READ_AT

log = logging.getLogger(__name__)

WINDOW_SECONDS = 300
_AT_ONCE = 8
_AT_ONCE_A_NAMESPACE = 2
"""Whoever asks what Prometheus takes long to answer waits alone: three more namespaces go on beside it."""
_LONGEST_PAUSE_SECONDS = 30.0

Place = tuple[str, str]
"""Namespace and name of a Rollout."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A Rollout under way: what to read, and of which revisions."""

    place: Place
    metrics: Sequence[Metric]
    revisions: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one selector gave at `at` (unix seconds): series by namespace and revision, or the sentence why not.

    `loose` has namespace and pod, empty where missing, of the series that lack one of our labels.
    """

    at: float
    arms: dict[tuple[str, str], tuple[Series, ...]] = field(default_factory=dict)
    loose: frozenset[tuple[str, str]] = frozenset()
    error: str | None = None


_Ask = Callable[[str], Awaitable[_Answer]]


class Poller:
    """Fills `evidence` by Rollout every `interval` seconds.

    `under_way` names what to read; `on_evidence` is told of a Rollout as soon as its own answers are in. One that
    waits for its answers is not read again meanwhile and holds up nobody else. A Prometheus that answers nothing at
    all is asked less and less often, up to every 30 s.
    """

    def __init__(
        self,
        metrics: Metrics,
        clock: Clock,
        interval: float,
        under_way: Callable[[], Iterable[Watched]],
        on_evidence: Callable[[Place], None],
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._interval = interval
        self._under_way = under_way
        self._on_evidence = on_evidence
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._shares: dict[str, asyncio.Semaphore] = {}
        self._asking: dict[str, asyncio.Task[_Answer]] = {}
        self._reading: set[Place] = set()
        self._outcomes: list[bool] = []
        self.evidence: dict[Place, Evidence] = {}

    async def run(self) -> None:
        """Poll until cancelled."""
        pause = self._interval
        async with asyncio.TaskGroup() as rounds:
            while True:
                rounds.create_task(self.poll())
                await asyncio.sleep(pause)
                pause = self._next_pause(pause)

    async def poll(self) -> None:
        """Read all that are not being read already, and wait for them."""
        watched = list(self._under_way())
        for gone in self.evidence.keys() - {one.place for one in watched}:
            del self.evidence[gone]
        owners = _owners(watched)
        self._shares = {
            owner: self._shares.get(owner) or asyncio.Semaphore(_AT_ONCE_A_NAMESPACE) for owner in owners.values()
        }
        asked: dict[str, asyncio.Task[_Answer]] = {}

        def ask(selector: str) -> Awaitable[_Answer]:
            if selector not in asked:
                asked[selector] = self._asking.get(selector) or self._start(selector, self._shares[owners[selector]])
            return asked[selector]

        await asyncio.gather(*(self._read(one, ask) for one in watched if one.place not in self._reading))

    async def _read(self, one: Watched, ask: _Ask) -> None:
        self._reading.add(one.place)
        try:
            self.evidence[one.place] = await self._evidence(one, ask)
        finally:
            self._reading.discard(one.place)
        self._on_evidence(one.place)

    async def _evidence(self, one: Watched, ask: _Ask) -> Evidence:
        """One query after the other, so that a Rollout holds one slot; as old as the earliest of its answers."""
        found, read_at = dict[str, Counters](), inf
        for metric in one.metrics:
            pair: list[tuple[Series, ...]] = []
            for selector in selectors(metric):
                answer = await ask(selector)
                read_at = min(read_at, answer.at)
                error = answer.error or _unlabelled(one, metric, answer)
                if error is not None:
                    return Evidence(read_at=read_at, error=error)
                pair.append(
                    tuple(
                        s for revision in sorted(one.revisions) for s in answer.arms.get((one.place[0], revision), ())
                    )
                )
            found[metric.name] = Counters(bad=pair[0], total=pair[1])
        return Evidence(read_at=min(read_at, self._clock.now()), metrics=found)

    def _start(self, selector: str, share: asyncio.Semaphore) -> asyncio.Task[_Answer]:
        task = self._asking[selector] = asyncio.create_task(self._ask(selector, share))
        task.add_done_callback(lambda _: self._asking.pop(selector, None))
        return task

    async def _ask(self, selector: str, share: asyncio.Semaphore) -> _Answer:
        async with share, self._slots:
            at = self._clock.now()  # Prometheus evaluates when it is asked, however late it answers
            try:
                found = await self._metrics.window(selector, WINDOW_SECONDS)
            except MetricsError as error:
                log.warning("metrics cannot be read: %s", error, extra={"selector": selector})
                self._outcomes.append(False)
                return _Answer(at, error=str(error))
        self._outcomes.append(True)
        EVIDENCE_READ_AT.set(at)
        return _by_arm(at, found)

    def _next_pause(self, pause: float) -> float:
        """Longer after nothing but refusals; as it was while answers are awaited."""
        outcomes, self._outcomes = self._outcomes, []
        if any(outcomes) or not (outcomes or self._reading):
            return self._interval
        return min(pause * 2, max(_LONGEST_PAUSE_SECONDS, self._interval)) if outcomes else pause


def _owners(watched: Iterable[Watched]) -> dict[str, str]:
    """The namespace in whose share of the slots a selector is asked; the empty one for what several ask."""
    found: dict[str, str] = {}
    for one in watched:
        for selector in (selector for metric in one.metrics for selector in selectors(metric)):
            found[selector] = one.place[0] if found.get(selector, one.place[0]) == one.place[0] else ""
    return found


def _by_arm(at: float, found: Sequence[RawSeries]) -> _Answer:
    arms: dict[tuple[str, str], list[Series]] = defaultdict(list)
    loose: set[tuple[str, str]] = set()
    for raw in found:
        namespace, revision, pod = (raw.labels.get(label, "") for label in ("namespace", "revision", "pod"))
        if namespace and revision and pod:
            arms[namespace, revision].append(Series(revision, pod, raw.samples))
        else:
            loose.add((namespace, pod))
    return _Answer(at, {arm: tuple(series) for arm, series in arms.items()}, frozenset(loose))


def _unlabelled(one: Watched, metric: Metric, answer: _Answer) -> str | None:
    """Why an answer that has series counts nothing. Pods of other workloads have no revision; that is no fault."""
    ours = tuple(f"{revision}-" for revision in one.revisions)
    mine = any(namespace == one.place[0] and pod.startswith(ours) for namespace, pod in answer.loose)
    anyones = not answer.arms and any(not (namespace and pod) for namespace, pod in answer.loose)
    if not (mine or anyones):
        return None
    return (
        f"the metric {metric.name!r} cannot be counted: its series lack the labels namespace, pod and revision; "
        "see docs/prometheus.md"
    )
