"""The judge's bars: what is promised of it, each measured on simulated rollouts of described services."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from crossfade.api.v1alpha1.analysis import Analysis
from crossfade.api.v1alpha1.strategy import Stage
from crossfade.decide.judge.replay import upper_bound
from crossfade.simulate.fleet import simulate_all
from crossfade.simulate.scenario import Scenario
from crossfade.simulate.service import FINE, PLAIN, SAME, Drift, Latency, Pods, Regression, Service, Shocks
from crossfade.simulate.summary import quantiles, summary
from crossfade.simulate.walk import Run

from bench.figures import Bar

ALPHA = 0.01
SEED = 20_261_122
RELATIVE = {"relative": {"rollbackAbove": 10, "promoteWithin": 50}}
SLOWER = {"relative": {"slowerBy": 10, "promoteWithin": 50}}
LONG = "40m"
_KINDS = {"errors": "ratio", "latency": "latency"}


@dataclass(frozen=True, slots=True)
class Effort:
    """How many rollouts each scenario gets, from which seed, on how many processes."""

    runs: int
    seed: int = SEED
    processes: int = 2

    def run(self, *scenarios: Scenario, times: int = 1) -> list[list[Run]]:
        """All rollouts of each scenario; `times` as many where they are short, and quantiles are promised."""
        return simulate_all(list(scenarios), self.runs * times, self.seed, self.processes)


Measure = Callable[[Effort], list[Bar]]


def analysis(objective: object = RELATIVE, name: str = "errors") -> Analysis:
    """One metric with this objective, everything else as it comes."""
    return Analysis.model_validate(
        {"metrics": [{"name": name, "template": f"mlserver/{name}", "objective": objective}]}
    )


def ladder(*weights: int, least: str = "1m") -> tuple[Stage, ...]:
    """Stages that end as soon as the evidence allows, and not before."""
    return tuple(Stage(name=f"at-{weight}", weight=weight, min_duration=least) for weight in weights)


def scenario(service: Service = PLAIN, regression: Regression = SAME, **more: object) -> Scenario:
    """A rollout at 10 % with one metric of errors, unless said otherwise."""
    given = {"analysis": analysis(), "stages": ladder(10), "templates": _KINDS, **more}
    return Scenario(service=service, regression=regression, **given)  # type: ignore[arg-type]


def cells() -> list[Scenario]:
    """32 services whose candidates are as good as stable, each watched at one weight for 40 minutes."""
    return [
        scenario(Service(rps=rps, errors=errors), stages=ladder(weight, least=LONG))
        for errors in (0.0001, 0.001, 0.01, 0.2)
        for rps in (1.0, 50.0, 200.0, 2000.0)
        for weight in (1, 50)
    ]


def hardships() -> dict[str, Scenario]:
    """Candidates as good as stable in services where naive statistics see regressions."""
    noisy, shaken = Pods(cv=0.5), Shocks(an_hour=2)
    still = ladder(10, least=LONG)
    steps = ladder(5, 10, 25, 50, least="10m")
    return {
        "shared shocks (x20 for 60 s, twice an hour)": scenario(Service(shocks=shaken), stages=still),
        "pod noise, CV 50 %": scenario(Service(pods=noisy), stages=still),
        "pod noise, CV 50 %, 200 rps": scenario(Service(200, pods=noisy), stages=still),
        "pod noise, CV 30 %, 200 rps": scenario(Service(200, pods=Pods(cv=0.3)), stages=still),
        "pod noise, CV 50 %, and shocks": scenario(Service(pods=noisy, shocks=shaken), stages=still),
        "pod noise, CV 50 %, and shocks, 200 rps": scenario(Service(200, pods=noisy, shocks=shaken), stages=still),
        "diurnal drift of +-80 %": scenario(Service(200, drift=Drift(0.8)), stages=still),
        "a whole wave of +-80 % in 40 min": scenario(Service(200, drift=Drift(0.8, 2400)), stages=still),
        "weight changes under drift (5/10/25/50 %)": scenario(Service(200, drift=Drift(0.8, 2400)), stages=steps),
        "staged, 0.1 %, noise and shocks": scenario(Service(200, 0.001, pods=noisy, shocks=shaken), stages=steps),
        "latency, default buckets": _latency(SAME, least=LONG),
        "latency, fine buckets": _latency(SAME, FINE, least=LONG),
    }


def _latency(regression: Regression, bounds: tuple[float, ...] | None = None, least: str = "1m") -> Scenario:
    service = Service(latency=Latency(bounds=bounds)) if bounds else PLAIN
    return scenario(service, regression, analysis=analysis(SLOWER, "latency"), stages=ladder(10, least=least))


def false_rollbacks(effort: Effort) -> list[Bar]:
    """Clean cells, and hardships one by one."""
    clean = effort.run(*cells())
    rates = [sum(run.end == "RolledBack" for run in runs) for runs in clean]
    total, everyone = sum(rates), effort.runs * len(clean)
    found = [
        _share("false rollback over all 32 clean cells", total, everyone, ALPHA),
        _share("split doubted though applied < 0.1 % (same cells)", _doubts(clean), everyone, 0.001),
    ]
    if effort.runs >= 1 / ALPHA:  # of fewer, one is more than 1 %
        worst = "false rollback <= 1 % in the worst of 32 clean cells"
        found.insert(0, _share(worst, max(rates), effort.runs, ALPHA))
    hard = hardships()
    for (name, _), runs in zip(hard.items(), effort.run(*hard.values()), strict=True):
        found.append(_share(f"false rollback <= 1 %: {name}", _count(runs, "RolledBack"), len(runs), ALPHA))
    return found


def detection(effort: Effort) -> list[Bar]:
    """Regressions of errors and of latency."""
    staged = ladder(5, 10, 25, 50)
    five, twenty, rare, slow, slow_fine = effort.run(
        scenario(regression=Regression(5)),
        scenario(regression=Regression(20)),
        scenario(Service(200, 0.001), Regression(5), stages=staged),
        _latency(Regression(latency=1.25), least=LONG),
        _latency(Regression(latency=1.25), FINE, least=LONG),
        times=4,
    )
    return [
        _caught(
            "x5 errors (1 %, 50 rps, 10 %): median <= 90 s, p95 <= 165 s, <= 25 bad beyond base", five, 90, 165, 25
        ),
        _caught("x20 errors (same): median and p95 <= 45 s", twenty, 45, 45),
        _caught("x5 errors (0.1 %, 200 rps, 5/10/25/50 %): all caught, median <= 240 s", rare, 240),
        _caught("latency +25 % (50 rps, 10 %, margin 10 %, default buckets): median <= 300 s", slow, 300),
        _caught("latency +25 % (the same, fine buckets): median <= 300 s", slow_fine, 300),
    ]


def acceptance(effort: Effort) -> list[Bar]:
    """Equal versions found good enough, and versions that are not."""
    absolute = analysis({"absolute": {"max": "0.02"}})
    fast = Service(200)
    within, below = effort.run(scenario(fast, stages=ladder(25)), scenario(analysis=absolute), times=4)
    wrong, wrong_below, margin, less = effort.run(
        scenario(fast, Regression(1.5), stages=ladder(25), analysis=_patient()),
        scenario(regression=Regression(2), analysis=absolute),
        scenario(fast, Regression(1.1), stages=ladder(25, least=LONG)),
        scenario(fast, Regression(1.05), stages=ladder(25, least=LONG)),
    )
    return [
        _promoted("equal, proven within 50 % (1 %, 200 rps, 25 %): median <= 105 s, p95 <= 300 s", within, 105, 300),
        _promoted("equal, proven below 2 % (1 %, 50 rps, 10 %): median <= 240 s, p95 <= 600 s", below, 240, 600),
        _share("x1.5 wrongly found within 50 % <= 5 %", _count(wrong, "Promoted"), len(wrong), 0.05),
        _share("2 % wrongly found below 2 % <= 5 %", _count(wrong_below, "Promoted"), len(wrong_below), 0.05),
        _share(
            "a regression of just the margin (x1.1) rolled back <= 1 %",
            _count(margin, "RolledBack"),
            len(margin),
            ALPHA,
        ),
        _share(
            "a regression below the margin (x1.05) rolled back <= 1 %", _count(less, "RolledBack"), len(less), ALPHA
        ),
    ]


def _patient() -> Analysis:
    """Rolls back only far beyond what is promoted, so that nothing hides a wrong promotion."""
    return analysis({"relative": {"rollbackAbove": 49, "promoteWithin": 50}})


def late(effort: Effort) -> list[Bar]:
    """A regression that starts when half of the time is over."""
    still = ladder(10, least=LONG)
    at_once, later = effort.run(
        scenario(regression=Regression(5), stages=still), scenario(regression=Regression(5, onset=1200), stages=still)
    )
    now, then = summary(at_once, "RolledBack"), summary(later, "RolledBack", since=1200)
    measured = f"{then.median:.0f} s against {now.median:.0f} s" if now.median and then.median else "not caught"
    met = bool(now.median and then.median) and then.share == 1 and (then.median or 0) <= 2 * (now.median or 0)
    return [Bar("x5 from minute 20 on: found in <= 2 times the time of one from the start", measured, "", met)]


def traffic(effort: Effort) -> list[Bar]:
    """A weight that the gateway does not apply, or not all of it; with it the candidate gets 10 requests a second."""
    wrong = {"none of": (0.0, 1), "half of": (0.5, 4), "twice": (2.0, 1)}
    services = [Service(100, applied=applied) for applied, _ in wrong.values()]
    doubted = effort.run(*[scenario(one, stages=ladder(10, least=LONG), horizon=600.0) for one in services])
    found = []
    for (name, (_, scrapes)), runs in zip(wrong.items(), doubted, strict=True):
        times = [run.doubted for run in runs if run.doubted is not None]
        latest = 60 + scrapes * PLAIN.step
        told = f"{len(times) / len(runs):.1%} doubted, last after {max(times, default=0):.0f} s"
        promise = f"{name} the weight applied (100 rps, 10 %): doubted {scrapes} scrape(s) after grace ({latest:.0f} s)"
        found.append(Bar(promise, told, "", len(times) == len(runs) and max(times) <= latest))
    return found


def peers(effort: Effort) -> list[Bar]:
    """The cells in which Flagger and Argo Rollouts were measured on the same bed."""
    gross, hidden = effort.run(
        scenario(Service(50, 0.001, 5), Regression(50)),
        scenario(Service(100, 0.001, 5), Regression(5), stages=ladder(5, 10, 25, 50)),
        times=4,
    )
    promoted = _count(hidden, "Promoted")
    return [
        _caught("5 % against 0.1 % (50 rps, 10 %, 5 s scrapes): median <= 30 s, <= 8 bad", gross, 30, bad=8),
        replace(
            _share("0.5 % against 0.1 % (100 rps, 5/10/25/50 %): never promoted", promoted, len(hidden), 0),
            met=not promoted,
        ),
    ]


ALL: Sequence[Measure] = (false_rollbacks, detection, acceptance, late, traffic, peers)


def _count(runs: Sequence[Run], end: str) -> int:
    return sum(run.end == end for run in runs)


def _doubts(cells_: Sequence[Sequence[Run]]) -> int:
    return sum(run.doubted is not None for runs in cells_ for run in runs)


def _share(promise: str, found: int, runs: int, most: float) -> Bar:
    measured = f"{found / runs:.2%} ({found} of {runs:,})"
    return Bar(promise, measured, f"{upper_bound(found, runs):.2%}", found / runs <= most)


def _caught(
    promise: str, runs: Sequence[Run], median: float, p95: float | None = None, bad: float | None = None
) -> Bar:
    ended = summary(runs, "RolledBack")
    if ended.median is None or ended.p95 is None or ended.beyond is None:
        return Bar(promise, "never caught", "", met=False)
    met = ended.share == 1 and ended.median <= median and (p95 is None or ended.p95 <= p95)
    met = met and (bad is None or ended.beyond <= bad)
    told = (
        f"{ended.share:.1%} caught, {ended.median:.0f} / {ended.p95:.0f} s, {max(ended.beyond, 0):.0f} bad beyond base"
    )
    return Bar(promise, told, "", met)


def _promoted(promise: str, runs: Sequence[Run], median: float, p95: float) -> Bar:
    """Runs that are not promoted count as if they never were."""
    times = [run.at if run.end == "Promoted" else np.inf for run in runs]
    middle, late_ones = quantiles(times)
    share = _count(runs, "Promoted") / len(runs)
    told = f"{share:.1%} proven, {middle:.0f} / {late_ones:.0f} s"
    return Bar(promise, told, "", middle <= median and late_ones <= p95)
