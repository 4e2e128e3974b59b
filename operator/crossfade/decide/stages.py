"""Where in the ladder: the stages of the spec, and behind them the step to all traffic."""

from dataclasses import dataclass

from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.rollout import RolloutSpec

FULL = "full"
"""Name of the step behind the last stage, in which the candidate gets every request."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: percent of the requests, and the least seconds it is watched once proven."""

    index: int
    name: str
    percent: int
    watch: float
    summary: str


def step_at(spec: RolloutSpec, index: int) -> Step:
    """The rung at `index`, counted from 0; everything behind the last stage is the step to 100 %."""
    stages = spec.strategy.stages
    if index >= len(stages):
        return Step(len(stages), FULL, 100, 0.0, f"{len(stages)}/{len(stages)} {FULL}")
    stage = stages[index]
    text = f"{index + 1}/{len(stages)} {stage.name}"
    return Step(index, stage.name, stage.weight, seconds(stage.min_duration), text)


def step_within(spec: RolloutSpec, percent: int) -> Step:
    """The highest stage that gives no more than `percent`, else the first: where an edited ladder is taken up again."""
    reached = [index for index, stage in enumerate(spec.strategy.stages) if stage.weight <= percent]
    return step_at(spec, max(reached, default=0))
