"""Building blocks shared by the kinds: base model, scalar types with their bounds, and conditions."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel, to_snake
from pydantic.config import JsonDict

_DURATION = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
_UNIT_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_LONGEST_SECONDS = 720 * 3600


class ApiModel(BaseModel):
    """Base of every API type: camelCase outside, snake_case inside, frozen, no coercion of one JSON type to another.

    Unknown fields are ignored, as the API server prunes them: an operator one release behind its CRDs keeps working.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        frozen=True,
        strict=True,
        extra="ignore",
    )

    def to_json(self) -> dict[str, Any]:
        """The object as the API server stores it: camelCase keys, unset and null fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def as_written(value: ApiModel) -> dict[str, Any]:
    """Only what differs from the defaults, so that a fingerprint of it outlives a release that adds a field."""
    return value.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def cel(rule: str, message: str) -> JsonDict:
    """One `x-kubernetes-validations` entry; the pydantic validator beside it must come to the same verdict."""
    return {"rule": rule, "message": message}


def validations(*rules: JsonDict) -> JsonDict:
    """The rules as an addition to a schema."""
    return {"x-kubernetes-validations": list(rules)}


def one_of(*names: str) -> JsonDict:
    """The rule that exactly one of these fields is set."""
    said = " and ".join([", ".join(f"`{name}`" for name in names[:-1]), f"`{names[-1]}`"][len(names) == 1 :])
    rule = f"[{', '.join(f'has(self.{name})' for name in names)}].filter(set, set).size() == 1"
    return cel(rule, f"must have exactly one of {said}" if len(names) > 1 else f"must have {said}")


def given(value: ApiModel, names: Iterable[str]) -> list[str]:
    """Which of these fields, by their names outside, are set."""
    return [name for name in names if getattr(value, to_snake(name)) is not None]


def unique_names(value: list[Any]) -> list[Any]:
    """Refuse a list in which two objects have the same `name`, as the API server does for a list-map."""
    names = [item.name for item in value]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"must have different names; twice or more: {', '.join(twice)}")
    return value


@lru_cache(maxsize=4096)
def seconds(duration: str) -> float:
    """Length of a GEP-2257 duration in seconds."""
    parts = re.findall(r"([0-9]+)(ms|h|m|s)", duration)
    return sum(int(n) * _UNIT_MILLISECONDS[unit] for n, unit in parts) / 1000


def _require(holds: Callable[[str], bool], rule: JsonDict) -> Callable[[str], str]:
    """A validator of a string that refuses with the rule's own message."""

    def check(value: str) -> str:
        if not holds(value):
            raise ValueError(rule["message"])
        return value

    return check


_BOUNDED = cel(
    "duration(self) > duration('0s') && duration(self) <= duration('720h')",
    "must be longer than `0s` and at most `720h` (30 days)",
)
_OPEN_INTERVAL = cel("double(self) > 0.0 && double(self) < 1.0", "must be greater than 0 and less than 1")
_LIMITED = cel(
    "self.matches('[hms]$') ? duration(self) > duration('0s') && duration(self) <= duration('720h')"
    " : double(self) > 0.0 && double(self) < 1.0",
    "must be a share greater than 0 and less than 1, or a duration longer than `0s` and at most `720h` (30 days)",
)


def _is_limit(text: str) -> bool:
    if text[-1] in "hms":
        return 0 < seconds(text) <= _LONGEST_SECONDS
    return 0.0 < float(text) < 1.0


DnsLabel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]
ObjectName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)
]
Duration = Annotated[
    str,
    StringConstraints(pattern=_DURATION, max_length=24),
    AfterValidator(_require(lambda text: 0 < seconds(text) <= _LONGEST_SECONDS, _BOUNDED)),
    Field(json_schema_extra=validations(_BOUNDED)),
]
"""A GEP-2257 duration such as `90s`, `10m`, `1h30m`."""
Ratio = Annotated[
    str,
    StringConstraints(pattern=r"^(0(\.[0-9]{1,9})?|1(\.0{1,9})?)$", max_length=11),
    AfterValidator(_require(lambda text: 0.0 < float(text) < 1.0, _OPEN_INTERVAL)),
    Field(json_schema_extra=validations(_OPEN_INTERVAL)),
]
"""A decimal between 0 and 1, both excluded, as a string (no floats in an API)."""
Limit = Annotated[
    str,
    StringConstraints(pattern=r"^(0(\.[0-9]{1,9})?|1(\.0{1,9})?|([0-9]{1,5}(h|m|s|ms)){1,4})$", max_length=24),
    AfterValidator(_require(_is_limit, _LIMITED)),
    Field(json_schema_extra=validations(_LIMITED)),
]
"""A share between 0 and 1, both excluded, or a GEP-2257 duration."""
Decimal = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,9})?$", max_length=26)]
"""A number as a string (no floats in an API)."""
Figure = Annotated[str, StringConstraints(max_length=16)]
"""A number for people, rounded."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^sha256:[a-f0-9]{64}$", max_length=71)]
Sentence = Annotated[str, StringConstraints(max_length=1024)]
Timestamp = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[-+][0-9]{2}:[0-9]{2})$",
        max_length=35,
    ),
    Field(json_schema_extra={"format": "date-time"}),
]
"""RFC 3339 in UTC with microseconds, as metav1.MicroTime."""
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""How many of something a person could list."""
LargeCount = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""How many bytes, requests or writes; bounded by the integers that every JSON reader keeps exact."""
Generation = Annotated[int, Field(ge=-1, le=2**53 - 1)]
"""A `metadata.generation` that was acted upon; -1 before the first look."""


class Condition(ApiModel):
    """One observation of the object, as metav1.Condition."""

    type: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z]([-A-Za-z0-9_./]*[A-Za-z0-9])?$", min_length=1, max_length=316)
    ]
    """Which observation; see the catalogue of conditions."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", min_length=1, max_length=1024)
    ]
    """Why, in one word of the catalogue."""
    message: Annotated[str, StringConstraints(max_length=32768)] = ""
    """Why, in a sentence for people."""
    observed_generation: LargeCount | None = None
    """The `metadata.generation` that it speaks of."""
    last_transition_time: Timestamp
    """When `status` last changed."""


Conditions = Annotated[
    list[Condition],
    Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]
