"""What a plan's writes are of, whether they change anything, and what they make of an adopted route."""

from collections.abc import Iterable, Iterator
from typing import Any

from crossfade.api import meta
from crossfade.decide.plan import ROUTES, Action, Apply, Delete, Scale, Target, Weigh
from crossfade.decide.slots import slot_weights
from crossfade.model.snapshot import Snapshot


def key_of(action: Action) -> tuple[str, str, str]:
    """What is written: verb, kind and name."""
    match action:
        case Apply(target=target, body=body):
            return "Apply", target.value, body["metadata"]["name"]
        case Scale(name=name):
            return "Scale", Target.DEPLOYMENT.value, name
        case Delete(target=target, name=name):
            return "Delete", target.value, name
        case Weigh(name=name):
            return "Weigh", Target.HTTP_ROUTE.value, name


def is_so_already(action: Action, seen: Snapshot) -> bool:
    """Whether the write would change nothing."""
    slots = seen.adoption.slots if seen.adoption else {}
    match action:
        case Apply(target=Target.DEPLOYMENT, body=body):
            return body["metadata"]["name"] in seen.revisions
        case Apply(target=Target.SERVICE, body=body) if body["metadata"]["name"] in slots:
            return slots[body["metadata"]["name"]] == body["spec"]["selector"][meta.LABEL_REVISION]
        case Weigh(weights=weights):
            live = seen.route.spec if seen.route else {}
            return seen.adoption is not None and slot_weights(seen.adoption, live) == weights
        case Apply(target=Target.SERVICE, body=body):
            found = seen.revisions.get(body["metadata"]["name"])
            return found is not None and found.service is not None
        case Apply(target=target, body=body) if target in ROUTES:
            live = seen.route if body["metadata"]["name"] == seen.rollout.name else seen.rehearsal
            return live is not None and body["spec"] == live.spec
        case Apply(target=Target.ROLLOUT, body=body):
            return seen.rollout.finalizer == (meta.FINALIZER in body["metadata"]["finalizers"])
        case Scale(name=name, replicas=replicas):
            return name in seen.revisions and seen.revisions[name].replicas == replicas
    if not isinstance(action, Delete):
        return False
    return seen.rehearsal is None if action.target in ROUTES else action.name not in seen.revisions


def adopted_spec(seen: Snapshot, actions: Iterable[Action]) -> dict[str, Any] | None:
    """What an adopted route comes to by these writes, in the words of one of our own; None when they leave it as it is.

    A Service that is pointed elsewhere changes it as weights do.
    """
    adoption, live = seen.adoption, seen.route
    if adoption is None or live is None:
        return None
    slots, weights = dict(adoption.slots), slot_weights(adoption, live.spec)
    for action in actions:
        if isinstance(action, Weigh):
            weights = dict(action.weights)
        elif isinstance(action, Apply) and action.body["metadata"]["name"] in slots:
            slots[action.body["metadata"]["name"]] = action.body["spec"]["selector"][meta.LABEL_REVISION]
    shares: dict[str, int] = {}
    for slot, weight in weights.items():
        if weight:
            shares[slots[slot] or slot] = shares.get(slots[slot] or slot, 0) + weight
    if shares == dict(live.weights):
        return None
    return {"rules": [{"backendRefs": [{"name": name, "weight": weight} for name, weight in shares.items()]}]}


def written(actions: Iterable[Action]) -> Iterator[tuple[int, list[int]]]:
    """The weights of each rule that is written, and the least that one of them may be."""
    for action in actions:
        if isinstance(action, Weigh):
            yield 0, list(action.weights.values())
        elif isinstance(action, Apply) and action.target in ROUTES:
            yield from ((1, [one["weight"] for one in rule["backendRefs"]]) for rule in action.body["spec"]["rules"])


def had_lost_its_service(seen: Snapshot, revision: str) -> bool:
    """Whether the Service by which an adopted route names the revision is gone."""
    known = seen.rollout.status.route
    slots = {one.name: one.revision for one in known.slots} if known else {}
    gone = [name for name, selected in (seen.adoption.slots if seen.adoption else {}).items() if selected is None]
    return any(slots.get(name) == revision for name in gone)
