"""An operating characteristic: what becomes of candidates that are more and more worse."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from crossfade.simulate.fleet import simulate_all
from crossfade.simulate.scenario import Scenario
from crossfade.simulate.service import Regression
from crossfade.simulate.summary import Ended, summary


@dataclass(frozen=True, slots=True)
class Point:
    """What became of one candidate; times (s) are from the first stage on.

    `doubted` is the share of runs in which the split was not what was asked for, `unproven` of those in which a stage
    ended without evidence.
    """

    label: str
    equal: bool
    rolled_back: Ended
    promoted: Ended
    doubted: float
    unproven: float


def curve(scenario: Scenario, candidates: Sequence[Regression], runs: int, seed: int, processes: int) -> list[Point]:
    """A point for each candidate, in order."""
    scenarios = [replace(scenario, regression=candidate) for candidate in candidates]
    found = []
    for candidate, ended in zip(candidates, simulate_all(scenarios, runs, seed, processes), strict=True):
        found.append(
            Point(
                label=label(candidate),
                equal=candidate.errors == candidate.latency == 1.0,
                rolled_back=summary(ended, "RolledBack"),
                promoted=summary(ended, "Promoted"),
                doubted=sum(run.doubted is not None for run in ended) / len(ended),
                unproven=sum(run.unproven for run in ended) / len(ended),
            )
        )
    return found


def label(candidate: Regression) -> str:
    """Such as `x5 errors` or `25 % slower`."""
    if candidate.latency != 1.0:
        change = round(abs(candidate.latency - 1) * 100)
        return f"{change} % {'slower' if candidate.latency > 1 else 'faster'}"
    return "equal" if candidate.errors == 1.0 else f"x{candidate.errors:g} errors"
