"""What of others an apply of ours cannot stand beside: server-side apply takes away nothing that it does not name, and
what is stored must be valid as a whole."""

from typing import Any

from crossfade.api import meta
from crossfade.ports import Object


def clearing(stored: Object, body: Object) -> tuple[Object, ...]:
    """JSON Patch of a stored Service, after which `body` can be applied; empty where it can be as it is.

    Ports are merged by number and protocol. So one whose number others changed would stay beside ours under the name of
    ours, and one without a name must be the only one. Those are ours under another number: they go, all others stay.
    """
    ports = stored.get("spec", {}).get("ports") or ()
    ours = {_key(one): one for one in body["spec"]["ports"]}
    names = {"", *(one["name"] for one in ours.values())}
    kept = [one for one in ports if _key(one) in ours or one.get("name", "") not in names]
    if len(kept) == len(ports):
        return ()
    there = {_key(one) for one in kept}
    lost = [one for key, one in ours.items() if key not in there]
    return ({"op": "replace", "path": "/spec/ports", "value": [*lost, *kept]},)


def letting_go(stored: Object) -> tuple[Object, ...]:
    """JSON Patch that takes our finalizer from a deleted Rollout which has it still, though an apply of ours does not
    name it: somebody else wrote it too, as who restores objects from a copy does. Empty where it has not, and where
    nobody deletes it: it harms nobody there, and who has it in Git would put it back."""
    held = stored["metadata"].get("finalizers") or []
    if meta.FINALIZER not in held or "deletionTimestamp" not in stored["metadata"]:
        return ()
    place = f"/metadata/finalizers/{held.index(meta.FINALIZER)}"
    return ({"op": "test", "path": place, "value": meta.FINALIZER}, {"op": "remove", "path": place})


def _key(port: Object) -> tuple[Any, Any]:
    return port["port"], port.get("protocol", "TCP")
