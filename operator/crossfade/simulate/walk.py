"""Walks rollouts up their ladders: draws a window, lets the judge judge it, and does what the operator would."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from crossfade.api.v1alpha1.common import seconds
from crossfade.decide.judge.engine import Overall, fold, judge
from crossfade.decide.judge.rules import Rules
from crossfade.decide.judge.traffic import fold_traffic
from crossfade.model.ledger import Ledger, MetricLedger, TrafficLedger, Window
from crossfade.simulate.counts import Counts, Drawn, pods_of
from crossfade.simulate.scenario import Scenario

End = Literal["RolledBack", "Promoted", "Undecided"]


@dataclass(frozen=True, slots=True)
class Run:
    """How one rollout ended: when (s) and in which stage, what the candidate served, when the split was first doubted.

    `bad` are failed requests that the candidate served, `beyond` those that stable would not have failed. `unproven`
    says that a stage ended without evidence, because it asked for that.
    """

    end: End
    at: float
    stage: int
    requests: int
    bad: int
    beyond: float
    doubted: float | None
    unproven: bool


@dataclass(slots=True)
class Rollout:
    """One rollout on its way."""

    stage: int = 0
    entered: float = 0.0
    metrics: dict[str, MetricLedger] = field(default_factory=dict)
    traffic: TrafficLedger = field(default_factory=TrafficLedger)
    requests: int = 0
    bad: int = 0
    expected: float = 0.0
    doubted: float | None = None
    unproven: bool = False

    def ended(self, end: End, at: float) -> Run:
        """As it is now."""
        beyond = self.bad - self.expected
        return Run(end, at, self.stage, self.requests, self.bad, beyond, self.doubted, self.unproven)


def walk(scenario: Scenario, runs: int, seed: int, at: int) -> list[Run]:
    """`runs` rollouts, block number `at`. Cost: some 50 us of one core a window and metric."""
    rules = scenario.rules(seed, at)
    counts = Counts(scenario.service, scenario.regression, scenario.kinds(), runs, seed, at)
    under_way = {number: Rollout() for number in range(runs)}
    found: dict[int, Run] = {}
    step = scenario.service.step
    for number in range(round(scenario.horizon / step)):
        if not under_way:
            break
        end, weights = (number + 1) * step, np.zeros(runs)
        for one, rollout in under_way.items():
            weights[one] = scenario.stages[rollout.stage].weight
        for look in list(_looks(counts.window(number, weights), scenario, end, under_way)):
            if ended := _judged(scenario, rules, under_way[look.run], look, end):
                found[look.run] = ended
                del under_way[look.run]
    found |= {one: rollout.ended("Undecided", scenario.horizon) for one, rollout in under_way.items()}
    return [found[one] for one in range(runs)]


def _looks(drawn: Drawn, scenario: Scenario, end: float, under_way: Mapping[int, Rollout]) -> Iterator["_Look"]:
    """What each rollout under way shows at `end`, as the operator would read it."""
    kinds = scenario.kinds()
    stable, candidate, errors = drawn.stable.tolist(), drawn.candidate.tolist(), drawn.errors.tolist()
    bad = {name: (drawn.stable_bad[name].tolist(), drawn.candidate_bad[name].tolist()) for name in drawn.stable_bad}
    first = next((name for name, kind in kinds if kind == "ratio"), None)
    ruled = {m.name: m.objective.rule for m in scenario.analysis.metrics if m.objective.rule}
    quiet = {name: float(rule.max or rule.min or 0) for name, rule in ruled.items()}
    for one, rollout in under_way.items():
        weight, windows = scenario.stages[rollout.stage].weight or 0, {}
        for name, kind in kinds:
            if kind == "gauge":
                windows[name] = Window(end, (), (), (), weight, quiet[name])
                continue
            s = pods_of("stable", stable[one], bad[name][0][one])
            c = pods_of("candidate", candidate[one], bad[name][1][one])
            windows[name] = Window(end, s, c, scenario.service.bounds(kind), weight)
        failed = sum(pod[0] for pod in bad[first][1][one]) if first else 0
        yield _Look(one, windows, sum(candidate[one]), failed, errors[one])


@dataclass(frozen=True, slots=True)
class _Look:
    """One run's windows by metric, what its candidate served in them, and stable's rate of errors then."""

    run: int
    windows: dict[str, Window]
    requests: int
    bad: int
    errors: float


def _judged(scenario: Scenario, rules: Rules, rollout: Rollout, look: _Look, end: float) -> Run | None:
    """One look at the metrics; how the rollout ended, if it did."""
    for name, window in look.windows.items():
        rollout.metrics[name] = fold(rules, name, rollout.metrics.get(name, MetricLedger()), window)
    counted = next((window for window in look.windows.values() if window.stable), None)
    if counted is not None:
        rollout.traffic = fold_traffic(rules, rollout.traffic, counted.weight, rollout.entered, counted)
    rollout.requests += look.requests
    rollout.bad += look.bad
    rollout.expected += look.requests * look.errors
    judgement = judge(rules, Ledger(rollout.metrics, rollout.traffic))
    if judgement.why == "Mismatch" and rollout.doubted is None:
        rollout.doubted = end
    return _next(scenario, rollout, judgement.overall, end)


def _next(scenario: Scenario, rollout: Rollout, overall: Overall, end: float) -> Run | None:
    """Up, on, or back: what the operator makes of a verdict (`decide/progress.py`)."""
    stage, watched = scenario.stages[rollout.stage], end - rollout.entered
    over = stage.max_duration is not None and watched >= seconds(stage.max_duration)
    if overall == "Rollback" or (over and overall == "Continue" and stage.on_inconclusive == "Rollback"):
        return rollout.ended("RolledBack", end)
    proven = overall == "Advance" and watched >= seconds(stage.min_duration)
    unproven = over and overall == "Continue" and stage.on_inconclusive == "Advance"
    if not proven and not unproven:
        return None
    rollout.unproven |= unproven
    if rollout.stage + 1 == len(scenario.stages):
        return rollout.ended("Promoted", end)
    rollout.stage, rollout.entered = rollout.stage + 1, end
    return None
