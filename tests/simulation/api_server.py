"""The fake world's API server: what an apply of ours makes of an object that others may have written, too.

As on a real one (docs/decisions/0056): maps are merged field by field, and what an apply does not name stays as it is,
unless we named it before and nobody changed it since. Lists are replaced whole, but for the ports of a Service.
"""

from copy import deepcopy
from typing import Any

from crossfade.act.beside import clearing

Json = dict[str, Any]
_ATOMIC = frozenset({"selector"})
"""Maps that are replaced whole."""


class RefusedError(Exception):
    """The API server answers 422: what would be stored is invalid."""


def written(stored: Json | None, body: Json) -> Json:
    """What is stored after act/ has written it: what cannot stand beside it is taken away first."""
    for one in clearing(stored, body) if stored and body["kind"] == "Service" else ():
        stored = {**deepcopy(stored), "spec": {**stored["spec"], "ports": one["value"]}}
    return applied(stored, body)


def applied(stored: Json | None, body: Json) -> Json:
    """What is stored after a server-side apply by force; its one managed field is what we named. Raises RefusedError.

    The very object that is stored where nothing changes.
    """
    before = stored["metadata"].get("managedFields", [{}])[0] if stored else {}
    merged: Json = _merged(stored or {}, body, before)
    merged["metadata"]["managedFields"] = [body]
    _check(merged)
    return stored if stored == merged else merged


def _merged(stored: Any, named: Any, before: Any, key: str = "") -> Any:
    if key == "ports":
        return list(_merged(_keyed(stored), _keyed(named), _keyed(before or [])).values())
    if not isinstance(named, dict) or not isinstance(stored, dict) or key in _ATOMIC:
        return named
    known = before if isinstance(before, dict) else {}
    kept = {name: one for name, one in stored.items() if name not in known or one != known[name] or name in named}
    new = {name: _merged(kept.get(name, {}), one, known.get(name), name) for name, one in named.items()}
    return {name: one for name, one in {**kept, **new}.items() if one is not None}


def _keyed(ports: Any) -> Json:
    return {f"{one['port']}/{one.get('protocol', 'TCP')}": one for one in ports or ()}


def _check(found: Json) -> None:
    spec = found.get("spec", {})
    names = [one.get("name", "") for one in spec.get("ports", ())]
    if len(names) > 1 and "" in names:
        raise RefusedError("spec.ports: Required value: a port beside others needs a name")
    if len({*names}) < len(names):
        raise RefusedError(f"spec.ports: Duplicate value: {', '.join(names)}")
    if {"minAvailable", "maxUnavailable"} <= spec.keys():
        raise RefusedError("minAvailable and maxUnavailable cannot be both set")
