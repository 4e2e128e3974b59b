"""Signatures, and how MLflow writes them in an `MLmodel` file: columns, tensors and parameters.

Nothing here can fail: what is not as expected is left out, and not taken for nothing.
"""

import hashlib
import json
import re
from typing import Any, Final

from crossfade.api.v1alpha1.facts import MOST_COLUMNS, Column, Signature
from crossfade.model.loose import member

_LONGEST: Final = 64
_READABLE: Final = 47
_DEEPEST: Final = 32
_HOLDERS: Final = {"array": "items", "map": "values"}
_PLAIN: Final = re.compile(r"[\w.-]+")


def signature_of(model: dict[str, Any]) -> Signature | None:
    """What the file says goes in and comes out; None where it says nothing of either."""
    said = member(model, "signature")
    parameters = _listed(said.get("params"))
    return signature(
        inputs=_columns(_listed(said.get("inputs"))),
        outputs=_columns(_listed(said.get("outputs"))),
        parameters=None if parameters is None else [{**one, "presence": "Optional"} for one in _columns(parameters)],
    )


def signature(
    *, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]], parameters: list[dict[str, Any]] | None
) -> Signature | None:
    """What a model's files say, by the kind of column; None where there is neither input nor output. `parameters` is
    None where they cannot be read. As much as there is room for is listed, and if that is not all of it, there is a
    digest of all."""
    if not inputs and not outputs:
        return None
    told = {"inputs": inputs, "outputs": outputs}
    if parameters is not None:
        told["parameters"] = parameters
    listed = {kind: [Column.model_validate(one) for one in columns] for kind, columns in told.items()}
    found = Signature.model_validate({"origin": "Artifact", **listed})
    shown = {kind: [one.model_dump() for one in getattr(found, kind)] for kind in told}
    full = any(len(columns) >= MOST_COLUMNS for columns in told.values())
    return found.model_copy(update={"digest": _digest(told)}) if full or shown != told else found


def _digest(told: object) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _listed(text: object) -> list[Any] | None:
    """MLflow keeps a list in a text: columns of a table, or tensors. None where it is something else."""
    try:
        listed = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return None
    if listed is None:
        return []
    return listed if isinstance(listed, list) and isinstance(text, str) else None


def _columns(listed: list[Any] | None) -> list[dict[str, Any]]:
    return [_column(place, said if isinstance(said, dict) else {}) for place, said in enumerate(listed or ())]


def _column(place: int, said: dict[str, Any]) -> dict[str, Any]:
    """Without a type where its shape is none, so that nobody takes it for known."""
    name, shape = said.get("name"), member(said, "tensor-spec").get("shape", said.get("shape"))
    sizes = isinstance(shape, list) and all(isinstance(size, int) for size in shape)
    return {
        "name": name if isinstance(name, str) and name else str(place),
        "type": _type(said) if sizes or shape is None else None,
        "shape": json.dumps(shape) if sizes else None,
        "presence": "Optional" if _may_be_left_out(said) else "Required",
    }


def _may_be_left_out(said: dict[str, Any]) -> bool:
    return said.get("required") is False or said.get("optional") is True


def _type(said: dict[str, Any]) -> str | None:
    found = member(said, "tensor-spec").get("dtype") or _spelled(said, 0) or said.get("type")
    if not isinstance(found, str):
        return None
    if len(found) <= _LONGEST:
        return found
    return f"{found[:_READABLE]}#{hashlib.sha256(found.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _spelled(said: dict[str, Any], depth: int) -> str | None:
    """Lists, maps and objects with what is in them; None where not all of that is said."""
    kind = said.get("type")
    if depth >= _DEEPEST or not isinstance(kind, str):
        return None
    if kind == "object":
        listed = member(said, "properties")
        properties = [_property(name, member(listed, name), depth) for name in sorted(listed)]
        told = [one for one in properties if one is not None]
        return f"object{{{','.join(told)}}}" if told and told == properties else None
    if kind not in _HOLDERS:
        return kind
    inner = _spelled(member(said, _HOLDERS[kind]), depth + 1)
    return f"{kind}<{inner}>" if inner else None


def _property(name: str, said: dict[str, Any], depth: int) -> str | None:
    inner = _spelled(said, depth + 1)
    shown = name if _PLAIN.fullmatch(name) else json.dumps(name)
    return f"{shown}{'?' if _may_be_left_out(said) else ''}:{inner}" if inner else None
