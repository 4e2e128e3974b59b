"""Where in the ladder: the stages of the spec, behind them the bake, and behind that the step to all traffic."""

from dataclasses import dataclass
from math import inf
from typing import Literal

from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.rollout import RolloutSpec
from crossfade.decide.shapes import NOTHING, Shape, shape_of

BAKE, FULL = "bake", "full"
"""Names of the steps behind the last stage: all but the hold-back, then everything."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: what the candidate gets, and the least and most seconds it is watched once that is proven.

    `otherwise` is what happens when the evidence has said neither by then; a `gated` one is ended by people alone.
    """

    index: int
    name: str
    shape: Shape
    summary: str
    least: float = 0.0
    most: float = inf
    otherwise: Literal["Hold", "Advance", "Rollback"] = "Hold"
    gated: bool = False

    @property
    def is_bake(self) -> bool:
        """Whether it is the one behind all stages, in which the stable version keeps a little."""
        return self.name == BAKE


def step_at(spec: RolloutSpec, index: int) -> Step:
    """The rung at `index`, counted from 0; everything behind the last one is the step to all traffic."""
    strategy = spec.strategy
    stages, scale, bake = strategy.stages, strategy.weight_scale, strategy.bake
    rungs = len(stages) + (bake is not None)
    if index < len(stages):
        stage = stages[index]
        shapes = (shape_of(one, scale) for one in stages[index::-1])
        shape = next((one for one in shapes if one is not None), NOTHING)
        most = seconds(stage.max_duration) if stage.max_duration else inf
        return Step(
            index=index,
            name=stage.name,
            shape=shape,
            summary=f"{index + 1}/{rungs} {stage.name}",
            least=seconds(stage.min_duration),
            most=most,
            otherwise=stage.on_inconclusive,
            gated=stage.gate is not None,
        )
    if bake is not None and index == len(stages):
        lasts = seconds(bake.duration)
        shape = Shape(scale - bake.holdback, scale)
        return Step(index, BAKE, shape, f"{rungs}/{rungs} {BAKE}", lasts, lasts, "Advance")
    return Step(rungs, FULL, Shape(scale, scale), f"{rungs}/{rungs} {FULL}")


def last_step(spec: RolloutSpec) -> Step:
    """The step to all traffic."""
    return step_at(spec, len(spec.strategy.stages) + 1)


def same_step(spec: RolloutSpec, name: str, index: int, shape: Shape) -> Step | None:
    """The rung of this name that gives this, at `index` or, in a ladder edited meanwhile, elsewhere; None when gone."""
    rungs = (step_at(spec, at) for at in (index, *range(len(spec.strategy.stages) + 2)))
    return next((step for step in rungs if step.name == name and step.shape.equals(shape)), None)


def step_within(spec: RolloutSpec, shape: Shape) -> Step:
    """The first of the rungs that give most without giving more: where an edited ladder is taken up again."""
    rungs = len(spec.strategy.stages) + (spec.strategy.bake is not None)
    steps = [step_at(spec, index) for index in range(rungs)]
    reached = [step for step in steps if step.shape.weight and step.shape.gives_no_more_than(shape)]
    return max(reached, key=lambda step: (step.shape.weight, -step.index), default=steps[0])
