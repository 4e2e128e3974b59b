"""Reads the metrics of all Rollouts under way. Equal queries are asked once, however many Rollouts ask them."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from crossfade.api.v1alpha1.rollout import Metric
from crossfade.decide.templates import selectors
from crossfade.model.evidence import Counters, Evidence, Series
from crossfade.ports import Clock, Metrics, MetricsError, RawSeries
from crossfade.telemetry.metrics import EVIDENCE_READ_AT

log = logging.getLogger(__name__)

WINDOW_SECONDS = 300
_AT_ONCE = 4
_LONGEST_PAUSE_SECONDS = 30.0

Place = tuple[str, str]
"""Namespace and name of a Rollout."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A Rollout under way: what to read, and of which revisions."""

    place: Place
    metrics: Sequence[Metric]
    revisions: frozenset[str]


class Poller:
    """Fills `evidence` by Rollout every `interval` seconds.

    `under_way` names what to read; `on_evidence` is told after each reading. A Prometheus that answers nothing at all
    is asked less and less often, up to every 30 s.
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
        self.evidence: dict[Place, Evidence] = {}

    async def run(self) -> None:
        """Poll until cancelled."""
        loop = asyncio.get_running_loop()
        pause = self._interval
        while True:
            started = loop.time()
            answered = await self.poll()
            pause = self._interval if answered else min(pause * 2, max(_LONGEST_PAUSE_SECONDS, self._interval))
            await asyncio.sleep(max(started + pause - loop.time(), 0.0))

    async def poll(self) -> bool:
        """Read once. Returns whether anything was answered, or there was nothing to ask."""
        watched = list(self._under_way())
        places = {one.place for one in watched}
        for gone in self.evidence.keys() - places:
            del self.evidence[gone]
        asked = sorted({selector for one in watched for metric in one.metrics for selector in selectors(metric)})
        answers = dict(zip(asked, await asyncio.gather(*map(self._ask, asked)), strict=True))
        now = self._clock.now()
        for one in watched:
            self.evidence[one.place] = _evidence(one, answers, now)
            self._on_evidence(one.place)
        answered = not asked or any(not isinstance(answer, MetricsError) for answer in answers.values())
        if answered:
            EVIDENCE_READ_AT.set(now)
        return answered

    async def _ask(self, selector: str) -> "_Answer":
        try:
            async with self._slots:
                return _by_arm(await self._metrics.window(selector, WINDOW_SECONDS))
        except MetricsError as error:
            log.warning("metrics cannot be read: %s", error, extra={"selector": selector})
            return error


_Arms = dict[tuple[str, str], tuple[Series, ...]]
_Answer = _Arms | MetricsError


def _by_arm(found: Sequence[RawSeries]) -> _Arms:
    """Series by namespace and revision. Series without these labels belong to no pod of ours."""
    arms: dict[tuple[str, str], list[Series]] = defaultdict(list)
    for raw in found:
        namespace, revision, pod = (raw.labels.get(label) for label in ("namespace", "revision", "pod"))
        if namespace and revision and pod:
            arms[namespace, revision].append(Series(revision, pod, raw.samples))
    return {arm: tuple(series) for arm, series in arms.items()}


def _evidence(one: Watched, answers: dict[str, _Answer], now: float) -> Evidence:
    found: dict[str, Counters] = {}
    for metric in one.metrics:
        pair: list[tuple[Series, ...]] = []
        for selector in selectors(metric):
            answer = answers[selector]
            if isinstance(answer, MetricsError):
                return Evidence(read_at=now, error=str(answer))
            pair.append(
                tuple(s for revision in sorted(one.revisions) for s in answer.get((one.place[0], revision), ()))
            )
        found[metric.name] = Counters(bad=pair[0], total=pair[1])
    return Evidence(read_at=now, metrics=found)
