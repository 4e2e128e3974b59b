"""What counts as worse and what as good enough: margins against stable, fixed bounds, plain thresholds."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from crossfade.api.v1alpha1.common import ApiModel, Decimal, Limit, Ratio, cel, validations

_ONE_MARGIN = cel(
    "has(self.rollbackAbove) != has(self.slowerBy)",
    "must have exactly one of `rollbackAbove` (shares of bad requests) and `slowerBy` (latency)",
)
_WIDER = cel(
    "self.promoteWithin > (has(self.rollbackAbove) ? self.rollbackAbove : 0)"
    " && self.promoteWithin > (has(self.slowerBy) ? self.slowerBy : 0)",
    "must have a `promoteWithin` greater than `rollbackAbove` or `slowerBy`",
)
_SAYS_SOMETHING = cel("has(self.floor) || has(self.max)", "must have `floor`, `max` or both")
_UNIT = cel(
    "has(self.quantile) == (has(self.max) && self.max.matches('[hms]$'))",
    "must have `quantile` with a `max` that is a duration such as `500ms`, and only then",
)
_BOUNDED_RULE = cel("has(self.max) || has(self.min)", "must have `max`, `min` or both")
_ORDERED = cel(
    "!has(self.max) || !has(self.min) || double(self.min) <= double(self.max)",
    "must have a `min` that is not above `max`",
)
_WITHIN = cel("self.violations <= self.windows", "must have no more `violations` than `windows`")
_AIMS = cel(
    "has(self.rule) != (has(self.relative) || has(self.absolute))",
    "must have either `rule`, or `relative` or `absolute` or both",
)
_FLOORED = cel(
    "!has(self.absolute) || !has(self.absolute.floor) || (has(self.relative) && has(self.relative.rollbackAbove))",
    "must have `absolute.floor` only beside `relative.rollbackAbove`",
)
_OF_ERRORS = cel(
    "!has(self.relative) || !has(self.relative.rollbackAbove) || !has(self.absolute) || !has(self.absolute.quantile)",
    "must not have `absolute.quantile` beside `relative.rollbackAbove`: one is of latency, the other of bad requests",
)
_OF_LATENCY = cel(
    "!has(self.relative) || !has(self.relative.slowerBy) || !has(self.absolute) || !has(self.absolute.max)"
    " || has(self.absolute.quantile)",
    "must have an `absolute.max` that is a duration, with `quantile`, beside `relative.slowerBy`",
)


class Relative(ApiModel):
    """Margins against the stable version at the same time, in percent."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_MARGIN, _WIDER))

    rollback_above: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Share of bad requests: so much above stable's is no regression yet."""
    slower_by: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Latency: so much slower than stable is no regression yet."""
    promote_within: Annotated[int, Field(ge=1, le=2000)] = 50
    """Good enough is what is proven to be less than so much above stable."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.rollback_above is None) == (self.slower_by is None):
            raise ValueError(_ONE_MARGIN["message"])
        if self.promote_within <= max(self.rollback_above or 0, self.slower_by or 0):
            raise ValueError(_WIDER["message"])
        return self


class Absolute(ApiModel):
    """Bounds on the candidate alone."""

    model_config = ConfigDict(json_schema_extra=validations(_SAYS_SOMETHING, _UNIT))

    floor: Ratio | None = None
    """A share of bad requests too small to matter: below it nothing is a regression, and what is proven to be below it
    is good enough. `0.001` when `relative.rollbackAbove` is given without it."""
    max: Limit | None = None
    """What must not be exceeded, unless stable exceeds it just as well: a share of bad requests such as `0.02`, or,
    with `quantile`, a latency such as `500ms`, at which the histogram must have a bucket's end."""
    quantile: Ratio | None = None
    """The quantile of the latency that `max` bounds."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.floor is None and self.max is None:
            raise ValueError(_SAYS_SOMETHING["message"])
        if (self.quantile is not None) != (self.max is not None and self.max[-1] in "hms"):
            raise ValueError(_UNIT["message"])
        return self


class Rule(ApiModel):
    """A plain threshold, without statistics: worse when it is broken in `violations` of the last `windows` scrapes."""

    model_config = ConfigDict(json_schema_extra=validations(_BOUNDED_RULE, _ORDERED, _WITHIN))

    max: Decimal | None = None
    """The value that must not be exceeded."""
    min: Decimal | None = None
    """The value that must be reached."""
    violations: Annotated[int, Field(ge=1, le=100)] = 3
    """How many scrapes must break it."""
    windows: Annotated[int, Field(ge=1, le=100)] = 5
    """Of how many."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.max is None and self.min is None:
            raise ValueError(_BOUNDED_RULE["message"])
        if self.max is not None and self.min is not None and float(self.min) > float(self.max):
            raise ValueError(_ORDERED["message"])
        if self.violations > self.windows:
            raise ValueError(_WITHIN["message"])
        return self


class Objective(ApiModel):
    """What counts as worse, and what as good enough."""

    model_config = ConfigDict(json_schema_extra=validations(_AIMS, _FLOORED, _OF_ERRORS, _OF_LATENCY))

    relative: Relative | None = None
    """Against the stable version."""
    absolute: Absolute | None = None
    """Against fixed bounds."""
    rule: Rule | None = None
    """A plain threshold for N of the last M scrapes."""

    @model_validator(mode="after")
    def _aims(self) -> Self:
        if (self.rule is None) == (self.relative is None and self.absolute is None):
            raise ValueError(_AIMS["message"])
        if self.has_floor and not self.is_of_errors:
            raise ValueError(_FLOORED["message"])
        if self.is_of_errors and self.has_quantile:
            raise ValueError(_OF_ERRORS["message"])
        if self.is_slower_by and self.has_share:
            raise ValueError(_OF_LATENCY["message"])
        return self

    @property
    def is_of_errors(self) -> bool:
        """Whether it has a margin for shares of bad requests."""
        return self.relative is not None and self.relative.rollback_above is not None

    @property
    def is_slower_by(self) -> bool:
        """Whether it has a margin for latency."""
        return self.relative is not None and self.relative.slower_by is not None

    @property
    def has_floor(self) -> bool:
        """Whether it says below which share of bad requests nothing matters."""
        return self.absolute is not None and self.absolute.floor is not None

    @property
    def has_quantile(self) -> bool:
        """Whether its fixed bound is one of latency."""
        return self.absolute is not None and self.absolute.quantile is not None

    @property
    def has_share(self) -> bool:
        """Whether its fixed bound is a share of bad requests."""
        return self.absolute is not None and self.absolute.max is not None and self.absolute.quantile is None
