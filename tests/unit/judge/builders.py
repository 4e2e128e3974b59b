"""Rules, windows and ledgers for the judge's tests, as short as what a test is about."""

from math import log
from typing import Any

from crossfade.api.v1alpha1.objective import Rule
from crossfade.decide.judge.engine import fold
from crossfade.decide.judge.rules import MetricRules, Rules
from crossfade.model.ledger import MetricLedger, PodCount, TrafficLedger, Window

Arm = tuple[int, int]
"""(bad, all)"""
BOUNDS = (0.1, 0.2, 0.4, 0.8)


def errors(**changed: Any) -> MetricRules:
    """A share of bad requests: regressed from 1.1 times stable and a floor of 1 %, good enough within 1.5 times."""
    return MetricRules(**{"name": "errors", "kind": "ratio", "role": "Required", **_MARGINS, "floor": 0.01, **changed})


def slower(**changed: Any) -> MetricRules:
    """A latency: regressed when 1.1 times as slow, good enough within 1.5 times."""
    return MetricRules(**{"name": "latency", "kind": "latency", "role": "Required", **_MARGINS, **changed})


def capped(limit: float = 0.02, **changed: Any) -> MetricRules:
    """A share of bad requests with an absolute limit alone."""
    return errors(**{"worse": None, "enough": None, "floor": None, "limit": limit, **changed})


def gauge(role: str = "Guardrail", **rule: Any) -> MetricRules:
    """A plain threshold: at most 95, broken in 2 of the last 3."""
    asked = Rule.model_validate({"max": "95", "violations": 2, "windows": 3, **rule})
    return MetricRules(name="memory", kind="gauge", role=role, rule=asked)  # type: ignore[arg-type]


def held_to(*metrics: MetricRules, **changed: Any) -> Rules:
    """Rules with odds of 100 to roll back and 20 to promote, planned for 11 windows."""
    figures = {"threshold": 100.0, "enough": 20.0, "confidence": 0.99, "planned": 11, "step": 15.0, "tolerance": 0.2}
    named = {metric.name: metric for metric in metrics}
    return Rules(metrics=metrics, by_name=named, grace=60.0, **{**figures, **changed})  # type: ignore[arg-type]


def window(candidate: Arm = (0, 0), stable: Arm = (0, 0), end: float = 15.0, **changed: Any) -> Window:
    """A window of one pod an arm."""
    return Window(end, (_pod("s", stable),), (_pod("c", candidate),), **{"weight": 10, **changed})


def histogram(
    candidate: tuple[int, ...], stable: tuple[int, ...], end: float = 15.0, bounds: tuple[float, ...] = BOUNDS
) -> Window:
    """A window of one pod an arm: all requests, then those beyond each bound."""
    arms = [(PodCount(pod, total, tuple(bad)),) for pod, (total, *bad) in (("s", stable), ("c", candidate))]
    return Window(end, arms[0], arms[1], bounds, 10)


def folded(rules: Rules, *windows: Window, ledger: MetricLedger | None = None) -> MetricLedger:
    """The ledger of the first metric after these windows."""
    found = ledger or MetricLedger()
    for one in windows:
        found = fold(rules, rules.metrics[0].name, found, one)
    return found


def counted(**changed: Any) -> MetricLedger:
    """A ledger of bad requests in which nothing speaks for or against the candidate."""
    flat = {"worse": ((0.0,) * 20,), "over_floor": (0.0,) * 20, "over_limit": (0.0,) * 20}
    proof = {"milder": ((0.0,) * 5,), "lower": (0.0,) * 6}
    return MetricLedger(**{"end": 15.0, "looks": 1, "bounds": (0.0,), "used": (0,), **flat, **proof, **changed})


def proven() -> MetricLedger:
    """A ledger of bad requests that proves the candidate good enough beyond any doubt."""
    return counted(milder=((log(1e6),) * 5,), lower=(log(1e6),) * 6)


def astray() -> TrafficLedger:
    """A split that is surely not what was asked for."""
    return TrafficLedger(weight=10, since=1.0, end=100.0, candidate=0, total=1000, logs=(50.0,) * 20)


_MARGINS = {"worse": 1.1, "enough": 1.5}


def _pod(name: str, arm: Arm) -> PodCount:
    return PodCount(name, arm[1], (arm[0],))
