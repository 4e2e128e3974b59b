"""What a verdict costs: processor time of reading, of a look and of a thousand Rollouts; bytes of memory in status."""

import time
from collections.abc import Callable
from math import inf

import numpy as np
from crossfade.api.v1alpha1.analysis import Analysis
from crossfade.decide.judge.checkpoint import encode
from crossfade.decide.judge.engine import fold, judge
from crossfade.decide.judge.rules import Rules, rules_of
from crossfade.decide.judge.traffic import fold_traffic
from crossfade.decide.judge.windows import rounds
from crossfade.model.evidence import Counters, Series
from crossfade.model.ledger import Ledger, MetricLedger, PodCount, Window
from crossfade.simulate.service import CLASSIC

from bench.figures import Figure

_PODS = 10
_WINDOWS = 100
_STEP = 15.0
_SCRAPES = 8
_RATIO = {"relative": {"rollbackAbove": 10}}
_LATENCY = {"relative": {"slowerBy": 10}}
_KINDS = {"errors": "ratio", "timeouts": "ratio", "first-token": "latency", "answer": "latency"}
_Windows = list[dict[str, Window]]


def speed(repeats: int = 7) -> list[Figure]:
    """Figures with their baselines: the same sums compared with a threshold, and the limits that we set ourselves."""
    rules, windows = _rules(), _windows()
    ledger = _folded(rules, windows)
    ours = [_microseconds(lambda: _folded(rules, windows)) for _ in range(repeats)]
    plain = [_microseconds(lambda: _thresholds(windows)) for _ in range(repeats)]
    cores = [1000 * one / 1e6 / _STEP * 100 for one in ours]
    sizes = [len(encode(one)) for one in ledger.metrics.values()]
    counters = _counters()
    read = [_microseconds(lambda: _read(counters)) for _ in range(repeats)]
    subtracted = [_microseconds(lambda: _subtracted(counters)) for _ in range(repeats)]
    return [
        Figure("raw counters of 20 pods' latency, read", "us", read, "the same, subtracted and added up", subtracted),
        Figure("one look at 4 metrics of 20 pods, judged", "us", ours, "the same compared with a threshold", plain),
        Figure("the same look against its bar", "us", ours, "bar", [300]),
        Figure("judging 1,000 Rollouts each 15 s", "% of a core", cores, "bar", [5]),
        Figure("checkpoint of a metric after 100 windows", "bytes", sizes, "bar", [4096]),
    ]


def _microseconds(run: Callable[[], object]) -> float:
    """Of processor time, a window; `run` goes through a hundred."""
    began = time.process_time()
    run()
    return (time.process_time() - began) / _WINDOWS * 1e6


def _rules() -> Rules:
    metrics = [
        {"name": name, "template": f"mlserver/{name}", "objective": _RATIO if kind == "ratio" else _LATENCY}
        for name, kind in _KINDS.items()
    ]
    return rules_of(Analysis.model_validate({"metrics": metrics}), [], _STEP, _KINDS)  # type: ignore[arg-type]


def _folded(rules: Rules, windows: _Windows) -> Ledger:
    """What the operator does at each look, a hundred times."""
    ledger = Ledger({name: MetricLedger() for name in _KINDS})
    for window in windows:
        metrics = {name: fold(rules, name, ledger.metrics[name], one) for name, one in window.items()}
        traffic = fold_traffic(rules, ledger.traffic, 10, 1.0, window["errors"])
        ledger = Ledger(metrics, traffic)
        judge(rules, ledger)
    return ledger


def _thresholds(windows: _Windows) -> int:
    """As cheap as a verdict can be: add up, divide, compare."""
    broken = 0
    for window in windows:
        for one in window.values():
            total, bad = sum(pod.total for pod in one.candidate), sum(pod.bad[-1] for pod in one.candidate)
            broken += bad > 0.02 * total
    return broken


def _windows() -> _Windows:
    rng = np.random.default_rng(3)
    return [{name: _window(rng, number, kind) for name, kind in _KINDS.items()} for number in range(_WINDOWS)]


def _window(rng: np.random.Generator, number: int, kind: str) -> Window:
    arms = (_pods(rng, "stable", 135, kind), _pods(rng, "candidate", 15, kind))
    return Window(_STEP * (number + 1), *arms, CLASSIC if kind == "latency" else (), 10)


def _pods(rng: np.random.Generator, arm: str, requests: int, kind: str) -> tuple[PodCount, ...]:
    found = []
    for number in range(_PODS):
        total = int(rng.poisson(requests))
        if kind == "latency":
            waits = rng.lognormal(np.log(0.08), 0.6, total)
            bad = tuple(int((waits > bound).sum()) for bound in CLASSIC)
        else:
            bad = (int(rng.binomial(total, 0.01)),)
        found.append(PodCount(f"{arm}-{number}", total, bad))
    return tuple(found)


def _read(counters: Counters) -> None:
    """The round that is new since the last look, a hundred times."""
    ledger = MetricLedger(end=_STEP * (_SCRAPES - 1), bounds=CLASSIC)
    for _ in range(_WINDOWS):
        list(rounds(counters, "latency", "stable", "candidate", ledger, _STEP, 10))


def _subtracted(counters: Counters) -> None:
    """As cheap as reading can be: the last sample of each series less the one before, added up by arm and bound."""
    for _ in range(_WINDOWS):
        found: dict[tuple[str, float], float] = {}
        for bound, series in counters.buckets.items():
            for one in series:
                place = one.revision, bound
                found[place] = found.get(place, 0.0) + one.samples[-1][1] - one.samples[-2][1]


def _counters() -> Counters:
    """A histogram of all pods, scraped at the same times."""
    rng = np.random.default_rng(3)
    grown = [_window(rng, number, "latency") for number in range(_SCRAPES)]
    buckets: dict[float, list[Series]] = {bound: [] for bound in (*CLASSIC, inf)}
    for arm in ("stable", "candidate"):
        for pod in range(_PODS):
            counts = [getattr(window, arm)[pod] for window in grown]
            within = np.cumsum([[one.total - beyond for beyond in (*one.bad, 0)] for one in counts], axis=0)
            for series, values in zip(buckets.values(), within.T.tolist(), strict=True):
                samples = tuple((_STEP * (number + 1), float(value)) for number, value in enumerate(values))
                series.append(Series(arm, counts[0].pod, samples))
    return Counters(buckets={bound: tuple(series) for bound, series in buckets.items()})
