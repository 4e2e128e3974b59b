"""How traffic moves: the ladder of stages, the bake behind it, and what happens after a rollback."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from crossfade.api.v1alpha1.common import ApiModel, DnsLabel, Duration, cel, seconds, unique_names, validations

_BY_NAME: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
_RESERVED = ("bake", "full")

_ONE_SHAPE = cel(
    "(has(self.weight) ? 1 : 0) + (has(self.shadow) ? 1 : 0) + (has(self.match) ? 1 : 0) <= 1",
    "must have at most one of `weight`, `shadow` and `match`",
)
_SOMETHING = cel(
    "has(self.weight) || has(self.shadow) || has(self.match) || has(self.gate)",
    "must have `weight`, `shadow`, `match` or `gate`",
)
_OWN_NAME = cel("!(self.name in ['bake', 'full'])", "must have another `name` than `bake` and `full`")
_LASTS = cel(
    "!has(self.maxDuration) || duration(self.maxDuration) >= duration(self.minDuration)",
    "must have a `maxDuration` that is not less than `minDuration`, which is `1m` when left out",
)
_DECIDES_LATER = cel(
    "self.onInconclusive == 'Hold' || has(self.maxDuration)",
    "must have `maxDuration` when `onInconclusive` is not `Hold`: it decides when that time is over",
)
_NOBODY_PASSES = cel(
    "!has(self.gate) || self.onInconclusive != 'Advance'",
    "must not have `onInconclusive: Advance` beside a `gate`: only people pass a gate",
)
_RISING = cel(
    "self.map(stage, has(stage.weight), stage.weight).isSorted() && self.all(stage, !has(stage.weight)"
    " || self.exists_one(other, has(other.weight) && other.weight == stage.weight))",
    "must rise: each stage's `weight` must be greater than those of the stages before it",
)
_EARLY = cel(
    "self.map(stage, has(stage.weight) || has(stage.shadow) || has(stage.match), has(stage.weight)).isSorted()",
    "must have stages with `shadow` or `match` before those with `weight`",
)
_WITHIN = cel(
    "self.stages.all(stage, !has(stage.weight) || stage.weight < self.weightScale)",
    "must have weights that are less than `weightScale`, which is `100` when left out",
)
_HELD_BACK = cel(
    "!has(self.bake) || (self.bake.holdback < self.weightScale"
    " && self.stages.all(stage, !has(stage.weight) || stage.weight < self.weightScale - self.bake.holdback))",
    "must have weights that are less than `weightScale` minus `bake.holdback`, which is what the bake gives",
)


Scale = Literal[100, 1000, 10000]
"""What weights are parts of."""


class HeaderMatch(ApiModel):
    """A header that a request must have, with this value."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9!#$%&'*+.^_|~-]+$", min_length=1, max_length=256)]
    """The header's name in lower case; requests may write it as they like."""
    value: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]+$", min_length=1, max_length=1024)]
    """The whole value."""


class Cohort(ApiModel):
    """Who gets the candidate before anybody else does."""

    headers: Annotated[
        list[HeaderMatch], AfterValidator(unique_names), Field(min_length=1, max_length=8, json_schema_extra=_BY_NAME)
    ]
    """Requests that have all of them go to the candidate, all others to the stable version."""


class Stage(ApiModel):
    """What the candidate gets for a while, and what ends that while."""

    model_config = ConfigDict(
        json_schema_extra=validations(_ONE_SHAPE, _SOMETHING, _OWN_NAME, _LASTS, _DECIDES_LATER, _NOBODY_PASSES)
    )

    name: DnsLabel
    """Shown in status and events."""
    weight: Annotated[int, Field(ge=1, le=9999)] | None = None
    """Share of the requests, in parts of `weightScale`: percent, unless that says otherwise."""
    shadow: Annotated[int, Field(ge=1, le=100)] | None = None
    """Percent of the requests of which the candidate gets a copy; its answers are thrown away."""
    match: Cohort | None = None
    """Requests that go to the candidate, all of them."""
    gate: Literal["Manual"] | None = None
    """`Manual` waits for `crossfade.dev/advance`; a stage with nothing beside it keeps what the one before it gave."""
    min_duration: Duration = "1m"
    """Counted from the moment the stage is proven live; then it ends as soon as the evidence allows. A gate is passed
    sooner."""
    max_duration: Duration | None = None
    """Counted likewise; then `onInconclusive` decides. For ever when left out."""
    on_inconclusive: Literal["Hold", "Advance", "Rollback"] = "Hold"
    """What happens when `maxDuration` is over and the evidence says neither worse nor good enough, or nobody has passed
    the gate."""

    @model_validator(mode="after")
    def _shaped(self) -> Self:
        shapes = [one for one in (self.weight, self.shadow, self.match) if one is not None]
        if len(shapes) > 1:
            raise ValueError(_ONE_SHAPE["message"])
        if not shapes and self.gate is None:
            raise ValueError(_SOMETHING["message"])
        if self.name in _RESERVED:
            raise ValueError(_OWN_NAME["message"])
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.max_duration is not None and seconds(self.max_duration) < seconds(self.min_duration):
            raise ValueError(_LASTS["message"])
        if self.on_inconclusive != "Hold" and self.max_duration is None:
            raise ValueError(_DECIDES_LATER["message"])
        if self.gate is not None and self.on_inconclusive == "Advance":
            raise ValueError(_NOBODY_PASSES["message"])
        return self


class Bake(ApiModel):
    """The candidate has nearly everything, and a small stable arm shows whether it goes bad late."""

    duration: Duration
    """Counted from the moment the split is proven live; then the candidate is promoted."""
    holdback: Annotated[int, Field(ge=1, le=5000)]
    """What the stable version keeps, in parts of `weightScale`."""


class RollbackWindow(ApiModel):
    """From where on the way back needs no stages."""

    revisions: Annotated[int, Field(ge=1, le=9)]
    """How many versions back: of those that served before the stable one, so many. `status.history` remembers their
    promotions before failed tries, and what is not in it is rolled out like any other version."""


class OnRollback(ApiModel):
    """What happens to a candidate that was rolled back."""

    keep_candidate: Duration | None = None
    """For how long its pods stay, without traffic, for people to look at. Left out, they go when they have drained."""


class Strategy(ApiModel):
    """The way from nothing to everything."""

    model_config = ConfigDict(json_schema_extra=validations(_WITHIN, _HELD_BACK))

    weight_scale: Scale = 100
    """What weights are parts of: with `1000`, a weight of `5` is half a percent."""
    stages: Annotated[
        list[Stage],
        AfterValidator(unique_names),
        Field(min_length=1, max_length=16, json_schema_extra={**_BY_NAME, **validations(_RISING, _EARLY)}),
    ]
    """In order; after the last one come the bake, if there is one, and promotion."""
    min_pods: Annotated[int, Field(ge=1, le=100)] = 1
    """Fewest pods of the candidate, however small its share, and of a stable version that `stableCapacity` makes
    smaller; never more than carry everything. With `2` no drained node takes all of a small candidate, and with it the
    rollout."""
    stable_capacity: Literal["Full", "MatchTraffic"] = "Full"
    """Pods of the stable version in a rollout. `Full` keeps all of them, so that everything can be taken back in one
    write: up to twice the pods run. With `MatchTraffic` it has those for its share, once a weight is proven live, and
    is given all again before requests come back to it, as fast as its pods get ready: fewer pods, against a rollback
    that lasts as long as they take to start."""
    bake: Bake | None = None
    """A last stage, in which the stable version keeps a little."""
    on_rollback: OnRollback = OnRollback()
    """What is left after a rollback."""
    rollback_window: RollbackWindow | None = None
    """Going back to a version that was promoted and served before needs no stages and no analysis: everything at once,
    when its pods are ready, also while suspended. Left out, it is rolled out like any other version."""
    keep_previous: Duration | None = None
    """For how long after a promotion the version before keeps all its pods, so that going back to it moves traffic at
    once; counted from the promotion, and the next promotion ends it. It costs as many pods again. Left out, they go
    when they have drained."""

    @model_validator(mode="after")
    def _climbs(self) -> Self:
        weights = [stage.weight for stage in self.stages if stage.weight is not None]
        if any(before >= after for before, after in pairwise(weights)):
            raise ValueError(f"`stages` {_RISING['message']}")
        first = next((at for at, stage in enumerate(self.stages) if stage.weight is not None), len(self.stages))
        if any(stage.shadow is not None or stage.match is not None for stage in self.stages[first:]):
            raise ValueError(f"`stages` {_EARLY['message']}")
        if max(weights, default=0) >= self.weight_scale:
            raise ValueError(_WITHIN["message"])
        if self.bake is not None and max(weights, default=0) >= self.weight_scale - self.bake.holdback:
            raise ValueError(_HELD_BACK["message"])
        return self
