"""What a ModelVersion's spec says of its model and registry or files say otherwise: theirs stands, and that is told."""

from collections.abc import Iterator
from typing import Any, Final

from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.facts import Facts, Sourced
from crossfade.model.declared import GROUPS, fields_said

_MOST_TOLD: Final = 3
_LONGEST: Final = 64
_WHO: Final = {"Registry": "the registry says", "Artifact": "the model's files say"}
_ABBREVIATED: Final = "git_commit"


def overruled(spec: ModelVersionSpec, found: Facts) -> str:
    """The sentence; empty where the spec says nothing that is not so in what was found."""
    clauses = [clause for name in GROUPS for clause in _clauses(name, getattr(spec, name), getattr(found, name))]
    if not clauses:
        return ""
    more = len(clauses) - _MOST_TOLD
    told = " and ".join([*clauses[:_MOST_TOLD], *([f"{more} more"] if more > 0 else [])])
    return f"{told}; what registry and files say stands, so correct the one that is wrong"


def _clauses(name: str, said: Any, found: Sourced | None) -> Iterator[str]:
    """Of one group, each field that is recorded as somebody else says it."""
    if said is None or found is None or found.origin == "Spec":
        return
    for field, value in fields_said(said).items():
        alias = str(type(said).model_fields[field].alias)
        known = getattr(found, field)
        if alias in (found.declared or ()) or _is_so(_json(value), _json(known), field):
            continue
        what, who = f"`spec.{name}.{alias}`", _WHO[found.origin]
        if isinstance(value, str) and isinstance(known, str):
            yield f"{what} is {_shown(value)} where {who} {_shown(known)}"
        else:
            yield f"{what} has what is not in what {who}"


def _is_so(said: Any, known: Any, field: str) -> bool:
    """Whether all that is said is known; people shorten commits."""
    if isinstance(said, dict) and isinstance(known, dict):
        return all(_is_so(value, known.get(name), name) for name, value in said.items())
    if isinstance(said, list) and isinstance(known, list):
        return all(any(_is_so(one, other, field) for other in known) for one in said)
    return said == known or (field == _ABBREVIATED and bool(said) and str(known).startswith(said))


def _json(value: Any) -> Any:
    """Models as their members, and what they leave out left out."""
    if isinstance(value, list):
        return [_json(one) for one in value]
    return value.model_dump(exclude_none=True) if hasattr(value, "model_dump") else value


def _shown(value: str) -> str:
    return repr(value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…")
