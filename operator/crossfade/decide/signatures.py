"""What differs between two signatures, sorted by what callers of the first one meet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from crossfade.api.v1alpha1.facts import MOST_COLUMNS, Column, Signature

_UNSAID: Final = frozenset({None, "array", "map", "object", "tensor"})
"""Types that do not say what they hold."""
_Kind = Literal["input", "output", "parameter"]


@dataclass(slots=True)
class Differences:
    """Clauses: what breaks callers, what is new and breaks nobody, and why it cannot be told whether there is more."""

    breaking: list[str] = field(default_factory=list)
    harmless: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)


def differences(before: Signature | None, after: Signature | None) -> Differences:
    """Of the signature `after` to that of `before`. What is not recorded is untold, and never taken for the same."""
    found = Differences()
    if before is None or after is None:
        found.untold.append(f"no signature is recorded of {_whom(before, after)}")
        return found
    kinds: tuple[tuple[_Kind, Sequence[Column] | None, Sequence[Column] | None], ...] = (
        ("input", before.inputs or None, after.inputs or None),
        ("output", before.outputs or None, after.outputs or None),
        ("parameter", before.parameters, after.parameters),
    )
    cut = {kind: (_is_cut(before, kind, old), _is_cut(after, kind, new)) for kind, old, new in kinds}
    for kind, old, new in kinds:
        if old is None or new is None:
            found.untold.append(f"no {kind}s are recorded of {_whom(old, new)}")
        else:
            _compare(found, kind, old, new, cut[kind])
    if any(any(one) for one in cut.values()) and (before.digest is None or before.digest != after.digest):
        found.untold.append("signatures have more columns than are recorded, which may differ")
    return found


def _is_cut(one: Signature, kind: _Kind, columns: Sequence[Column] | None) -> bool:
    """Whether there may be more of a kind than is listed. Older operators left it at a full list; what the spec says is
    listed as a whole."""
    if one.origin == "Spec" or f"{kind}s" in (one.declared or ()):
        return False
    return one.digest is not None or len(columns or ()) >= MOST_COLUMNS


def _whom(before: object, after: object) -> str:
    if before is None and after is None:
        return "either"
    return "that one" if before is None else "this one"


def _compare(
    found: Differences, kind: _Kind, old: Sequence[Column], new: Sequence[Column], cut: tuple[bool, bool]
) -> None:
    """Columns of one kind, by their names. What is missing where not all is listed may be there all the same."""
    before, after = {one.name for one in old}, {one.name: one for one in new}
    for column in old:
        if column.name in after:
            _changed(found, kind, column, after[column.name])
        elif not cut[1]:
            found.breaking.append(f"the {kind} {column.name!r} is gone")
    for column in new:
        if column.name in before or cut[0]:
            continue
        if kind == "input" and column.presence == "Required":
            found.breaking.append(f"the input {column.name!r} is new and required")
        elif kind == "output" and column.name.isdecimal():
            found.breaking.append(f"the output {column.name!r} is new and has a place instead of a name")
        else:
            found.harmless.append(f"the {kind} {column.name!r} is new")


def _changed(found: Differences, kind: _Kind, old: Column, new: Column) -> None:
    what = f"the {kind} {old.name!r}"
    if old.type in _UNSAID or new.type in _UNSAID:
        found.untold.append(f"{what} has a type that is not recorded as a whole")
    elif old.type != new.type:
        found.breaking.append(f"{what} was of the type {old.type} and is of {new.type}")
    if old.shape != new.shape:
        found.breaking.append(f"{what} had {_shape(old)} and has {_shape(new)}")
    if old.presence != new.presence:
        # inputs that may be left out from now on, and outputs that may not, ask nothing of callers
        narrowed = (new.presence == "Required") == (kind == "input")
        clause = f"{what} may {'no longer' if new.presence == 'Required' else 'now'} be left out"
        (found.breaking if narrowed else found.harmless).append(clause)


def _shape(column: Column) -> str:
    return f"the shape {column.shape}" if column.shape else "no shape"
