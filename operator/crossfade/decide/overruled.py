"""What a ModelVersion's spec says of its model and registry or files say otherwise: theirs stands, and that is told."""

from collections.abc import Iterator
from typing import Any, Final

from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.facts import MOST_ITEMS, MOST_NAMED, Facts, Sourced
from crossfade.model import loose, moments
from crossfade.model.declared import GROUPS, fields_said

_MOST_TOLD: Final = 3
_LONGEST: Final = 64
_WHO: Final = {"Registry": "the registry says", "Artifact": "the model's files say"}
_COMMIT: Final = "git_commit"
_TIMES: Final = ("created_at", "trained_at")


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
    known, who = fields_said(found), _WHO[found.origin]
    for field, value in fields_said(said).items():
        alias = str(type(said).model_fields[field].alias)
        if field not in known or alias in (found.declared or ()) or _is_so(_json(value), _json(known[field]), field):
            continue
        what, other = f"`spec.{name}.{alias}`", known[field]
        if isinstance(value, str) and isinstance(other, str) and "://" not in f"{value} {other}":
            yield f"{what} is {_shown(value)} where {who} {_shown(other)}"
        else:
            yield f"{what} is not in what {who}"


def _is_so(said: Any, known: Any, field: str) -> bool:
    """Whether all that is said is known, or may be beyond what is kept. People shorten commits, and write times without
    fractions."""
    if isinstance(said, dict) and isinstance(known, dict):
        kept = said.keys() & known.keys() if len(known) >= MOST_NAMED else said.keys()
        return all(_is_so(said[name], known.get(name), name) for name in kept)
    if isinstance(said, list) and isinstance(known, list):
        if not said:
            return not known
        return len(known) >= MOST_ITEMS or all(any(_is_so(one, other, field) for other in known) for one in said)
    if isinstance(said, str) and isinstance(known, str):
        if field in _TIMES:
            return _second(said) == _second(known)
        if field == _COMMIT:
            return known.startswith(said) or said.startswith(known)
    return bool(said == known)


def _second(time: str) -> int | str:
    return int(moments.moment(time)) if loose.moment(time) else time


def _json(value: Any) -> Any:
    """Models as their members, and what they leave out left out."""
    if isinstance(value, list):
        return [_json(one) for one in value]
    return value.model_dump(exclude_none=True) if hasattr(value, "model_dump") else value


def _shown(value: str) -> str:
    return repr(value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…")
