"""Reads a stable version's past before each rollout, in the background: what is usual, and what may be expected."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from crossfade.api.v1alpha1 import RolloutSpec
from crossfade.api.v1alpha1.metrictemplate import MetricTemplateSpec
from crossfade.decide.judge.forecast import Volume, plan_of
from crossfade.decide.judge.outlook import plan_status
from crossfade.decide.judge.replay import calibrated
from crossfade.decide.judge.rules import rules_of
from crossfade.decide.templates import kinds_of, source_of
from crossfade.model.snapshot import Foresight
from crossfade.observe.answers import DEFAULT, Place
from crossfade.observe.past import Past, read_past
from crossfade.ports import Clock, Metrics, MetricsError

log = logging.getLogger(__name__)

_LOOKBACKS = (6 * 3600, 3600)
"""Seconds; the second when the first is more than Prometheus or we can take."""
_USUAL_STEP = 15.0
_MOST_COUNTS = 10_000
"""Windows times pods that are replayed: what they cost is linear in both, and the newest tell most."""
_LEAST_WINDOWS = 400

Key = tuple[str, int]
"""Uid and generation of a Rollout: another spec may ask for another past."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The Rollout to foresee: its stable revision, what it asks for, and the MetricTemplates that it may name."""

    place: Place
    stable: str
    spec: RolloutSpec
    templates: Mapping[str, MetricTemplateSpec]


class Foreseer:
    """`found` by key. One past is read at a time; a Prometheus that cannot give it is no reason not to begin."""

    def __init__(self, prometheuses: Mapping[str, Metrics], clock: Clock) -> None:
        self._prometheuses = prometheuses
        self._clock = clock
        self._slot = asyncio.Semaphore(1)
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self.found: dict[Key, Foresight] = {}

    def request(self, key: Key, subject: Subject, on_done: Callable[[], None]) -> None:
        """Have the past read, unless it is being read, and `on_done` called then."""
        if key in self._tasks:
            return
        self.forget(key[0])
        self._tasks[key] = asyncio.create_task(self._foresee(key, subject, on_done), name=f"foresee-{key[0]}")

    def forget(self, uid: str) -> None:
        """The Rollout is gone, or on its way."""
        for key in [key for key in self._tasks if key[0] == uid]:
            self._tasks.pop(key).cancel()
            self.found.pop(key, None)

    async def close(self) -> None:
        """Cancel all that is under way."""
        tasks = list(self._tasks.values())
        for key in list(self._tasks):
            self.forget(key[0])
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _foresee(self, key: Key, subject: Subject, on_done: Callable[[], None]) -> None:
        async with self._slot:
            try:
                past = await self._read(subject)
                self.found[key] = await asyncio.to_thread(_foresight, subject, past)
            except Exception:
                log.exception("the past of %s cannot be made use of", subject.stable)
                self.found[key] = Foresight()
        on_done()

    async def _read(self, subject: Subject) -> Past:
        metrics = self._prometheuses.get(subject.spec.analysis.prometheus or DEFAULT)
        if metrics is None:
            return Past()
        sources = {metric.name: source_of(metric, subject.templates) for metric in subject.spec.analysis.metrics}
        for seconds in _LOOKBACKS:
            try:
                return await read_past(metrics, subject.place, sources, subject.stable, seconds, self._clock.now())
            except MetricsError as error:
                log.warning("%d s of the past of %s cannot be read: %s", seconds, subject.stable, error)
                fault = str(error)
        return Past(faults=(fault,))


def _foresight(subject: Subject, past: Past) -> Foresight:
    """What the past tells. Takes seconds of a processor for many pods."""
    spec = subject.spec
    kinds = kinds_of(spec.analysis.metrics, subject.templates)
    rules = rules_of(spec.analysis, spec.strategy.stages, past.step or _USUAL_STEP, kinds)
    newest = {
        name: windows[-max(_LEAST_WINDOWS, _MOST_COUNTS // max((len(w.stable) for w in windows), default=1)) :]
        for name, windows in past.windows.items()
        if windows
    }
    told = calibrated(rules, newest)
    volume = Volume(max(past.rps.values(), default=0.0), spec.serving.least, past.rps)
    plan = plan_status(plan_of(told.rules, spec.strategy.stages, volume, told.replay, spec.strategy.weight_scale))
    if past.faults:
        plan = plan.model_copy(update={"summary": "; ".join((plan.summary, *past.faults))[:1024]})
    return Foresight({metric.name: metric.history for metric in told.rules.metrics if metric.history.total}, plan)
