"""What Argo Rollouts, Flagger, Kayenta and a z-test make of the same simulated counts as the judge."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from crossfade.simulate.rivals import counted, rules_for, served
from crossfade.simulate.scenario import Scenario
from crossfade.simulate.service import Pods, Regression, Service, Shocks

from bench.judge_bars import LONG, Effort, ladder, scenario

OURS = "Crossfade"


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of one scenario under one rule: share rolled back; of those, median and 95 % seconds and failures."""

    share: float
    median: float | None
    p95: float | None
    bad: float | None


def scenarios() -> Mapping[str, Scenario]:
    """Every stage lasts as long as it lasts, so that all rules see the same counts."""
    still, steps = ladder(10, least=LONG), ladder(5, 10, 25, 50, least="10m")
    noisy = Service(pods=Pods(cv=0.5))
    hit = Service(pods=Pods(cv=0.5), shocks=Shocks(2))
    return {
        "equal, 1 %, 50 rps, 10 %": scenario(stages=still),
        "equal, 1 %, 10 rps, 5 %": scenario(Service(10), stages=ladder(5, least=LONG)),
        "equal, 0.1 %, 50 rps, 10 %": scenario(Service(50, 0.001), stages=still),
        "equal, 1 %, 50 rps, 10 %, pods CV 50 %": scenario(noisy, stages=still),
        "equal, the same and shocks": scenario(hit, stages=still),
        "x2, 1 %, 50 rps, 10 %": scenario(regression=Regression(2), stages=still),
        "x5, 1 %, 50 rps, 10 %": scenario(regression=Regression(5), stages=still),
        "x20, 1 %, 50 rps, 10 %": scenario(regression=Regression(20), stages=still),
        "x5 from minute 20, 1 %, 50 rps, 10 %": scenario(regression=Regression(5, onset=1200), stages=still),
        "x5, 0.1 %, 200 rps, 5/10/25/50 %": scenario(Service(200, 0.001), Regression(5), stages=steps),
        "x2, 1 %, 200 rps, 5/10/25/50 %": scenario(Service(200), Regression(2), stages=steps),
        "x5, 1 %, 10 rps, 10 %": scenario(Service(10), Regression(5), stages=still),
    }


def compared(effort: Effort) -> dict[str, dict[str, Cell]]:
    """By scenario, by rule."""
    every = scenarios()
    found = {}
    for (name, one), runs in zip(every.items(), effort.run(*every.values()), strict=True):
        back = [run for run in runs if run.end == "RolledBack"]
        cells = {OURS: _cell(len(runs), [run.at for run in back], [run.bad for run in back])}
        table = counted(one, "errors", effort.runs, effort.seed)
        for rule, judge in rules_for(one.service.errors).items():
            ends = judge(table)
            hit = ends <= one.horizon
            cells[rule] = _cell(len(ends), ends[hit].tolist(), served(table, ends)[hit].tolist())
        found[name] = cells
    return found


def _cell(runs: int, times: Iterable[float], bad: Iterable[float]) -> Cell:
    seen = list(times)
    if not seen:
        return Cell(0.0, None, None, None)
    median, p95 = np.quantile(seen, (0.5, 0.95), method="inverted_cdf")
    return Cell(len(seen) / runs, float(median), float(p95), float(np.median(list(bad))))
