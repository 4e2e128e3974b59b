"""Where in the ladder: the stages of the spec, and behind them the step to all traffic."""

from dataclasses import dataclass
from math import inf
from typing import Literal

from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.rollout import RolloutSpec

FULL = "full"
"""Name of the step behind the last stage, in which the candidate gets every request."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: percent of the requests, and the least and most seconds it is watched once proven.

    `otherwise` is what happens when the evidence has said neither by then.
    """

    index: int
    name: str
    percent: int
    summary: str
    least: float = 0.0
    most: float = inf
    otherwise: Literal["Hold", "Advance", "Rollback"] = "Hold"


def step_at(spec: RolloutSpec, index: int) -> Step:
    """The rung at `index`, counted from 0; everything behind the last stage is the step to 100 %."""
    stages = spec.strategy.stages
    if index >= len(stages):
        return Step(len(stages), FULL, 100, f"{len(stages)}/{len(stages)} {FULL}")
    stage = stages[index]
    most = seconds(stage.max_duration) if stage.max_duration else inf
    summary = f"{index + 1}/{len(stages)} {stage.name}"
    return Step(index, stage.name, stage.weight, summary, seconds(stage.min_duration), most, stage.on_inconclusive)


def step_within(spec: RolloutSpec, percent: int) -> Step:
    """The highest stage that gives no more than `percent`, else the first: where an edited ladder is taken up again."""
    reached = [index for index, stage in enumerate(spec.strategy.stages) if stage.weight <= percent]
    return step_at(spec, max(reached, default=0))
