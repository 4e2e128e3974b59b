"""Signatures, and how MLflow writes them in an `MLmodel` file: columns, tensors and parameters.

Nothing here can fail: what is not as expected is left out.
"""

import hashlib
import json
import re
from collections.abc import Iterator
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
    return signature(
        inputs=list(_columns(said.get("inputs"))),
        outputs=list(_columns(said.get("outputs"))),
        parameters=[{**one, "presence": "Optional"} for one in _columns(said.get("params"))],
    )


def signature(**told: list[dict[str, Any]]) -> Signature | None:
    """What a model's files say, by the kind of column; None where there is neither input nor output. As much as there
    is room for is listed, and if that is not all of it, there is a digest of all."""
    if not told["inputs"] and not told["outputs"]:
        return None
    listed = {kind: [Column.model_validate(one) for one in columns] for kind, columns in told.items()}
    found = Signature.model_validate({"origin": "Artifact", **listed})
    shown = {kind: [one.model_dump() for one in getattr(found, kind)] for kind in told}
    full = any(len(columns) >= MOST_COLUMNS for columns in told.values())
    return found.model_copy(update={"digest": _digest(told)}) if full or shown != told else found


def _digest(told: object) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _columns(text: object) -> Iterator[dict[str, Any]]:
    """MLflow keeps a list in a text: columns of a table, or tensors."""
    try:
        listed = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return
    for place, said in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(said, dict):
            name = said.get("name")
            yield {
                "name": name if isinstance(name, str) and name else str(place),
                "type": _type(said),
                "shape": _shape(said),
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


def _shape(said: dict[str, Any]) -> str | None:
    found = member(said, "tensor-spec").get("shape", said.get("shape"))
    return json.dumps(found) if isinstance(found, list) and all(isinstance(size, int) for size in found) else None
