"""The API server's own reading of a spec, without an API server: for linting, and as the other half of a fuzz test."""

import copy
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from crossfade.api.kinds import Kind
from crossfade.api.problems import sentences


def refusals(kind: Kind, spec: object) -> list[str]:
    """Why the API server would refuse the spec under `fieldValidation=Strict`: a sentence each; none when it would not.

    Unlike the operator's own reading, unknown fields are errors and snake_case names are unknown.
    """
    try:
        kind.spec.model_validate(spec, extra="forbid", by_alias=True, by_name=False)
    except ValidationError as error:
        nulls = [problem["loc"] for problem in error.errors() if _is_null_field(problem)]
        return refusals(kind, _without(spec, nulls)) if nulls else sentences(error, "spec")
    return []


def _is_null_field(problem: ErrorDetails) -> bool:
    """Whether a declared field is null. That is an absent one to the API server; a list's item is not."""
    in_object = bool(problem["loc"]) and isinstance(problem["loc"][-1], str)
    return in_object and problem["input"] is None and problem["type"] != "extra_forbidden"


def _without(spec: object, locations: list[tuple[int | str, ...]]) -> object:
    """A copy of the spec without the fields at these places."""
    pruned: Any = copy.deepcopy(spec)
    for *parents, name in locations:
        holder = pruned
        for part in parents:
            holder = holder[part]
        holder.pop(name, None)
    return pruned
