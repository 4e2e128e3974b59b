"""Building blocks shared by the kinds: base model, scalar types with their bounds, and conditions."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

_DURATION = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class ApiModel(BaseModel):
    """Base of every API type: camelCase outside, snake_case inside, frozen, no coercion of one JSON type to another.

    Unknown fields are ignored, as the API server prunes them: an operator one release behind its CRDs keeps working.
    """

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True, strict=True, extra="ignore")

    def to_json(self) -> dict[str, Any]:
        """The object as the API server stores it: camelCase keys, unset and null fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def cel(rule: str, message: str) -> dict[str, str]:
    """One `x-kubernetes-validations` entry. The pydantic validator beside it must agree (a differential test checks)."""
    return {"rule": rule, "message": message}


DnsLabel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]
ObjectName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)
]
Duration = Annotated[str, StringConstraints(pattern=_DURATION, max_length=24)]
"""A GEP-2257 duration such as `90s`, `10m`, `1h30m`."""
Ratio = Annotated[str, StringConstraints(pattern=r"^(0(\.[0-9]{1,9})?|1(\.0{1,9})?)$", max_length=11)]
"""A decimal between 0 and 1, as a string (no floats in an API)."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^sha256:[a-f0-9]{64}$", max_length=71)]
Sentence = Annotated[str, StringConstraints(max_length=1024)]
Timestamp = Annotated[str, StringConstraints(max_length=32), Field(json_schema_extra={"format": "date-time"})]
"""RFC 3339 in UTC with microseconds, as metav1.MicroTime."""


def seconds(duration: str) -> float:
    """Length of a GEP-2257 duration in seconds."""
    return sum(int(n) * _UNIT_SECONDS[unit] for n, unit in re.findall(r"([0-9]+)(ms|h|m|s)", duration))


class Condition(ApiModel):
    """metav1.Condition."""

    type: Annotated[str, StringConstraints(max_length=316)]
    status: Literal["True", "False", "Unknown"]
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", max_length=1024)]
    message: Annotated[str, StringConstraints(max_length=32768)] = ""
    observed_generation: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] | None = None
    last_transition_time: Timestamp
