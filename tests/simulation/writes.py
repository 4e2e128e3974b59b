"""What a write of a plan is about, whether it would change anything, and what it makes of an adopted route."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

from crossfade.api import meta
from crossfade.decide.plan import ROUTES, Action, Apply, Delete, Label, Scale, Target, Weigh
from crossfade.decide.slots import slot_weights
from crossfade.decide.workloads import has_ports
from crossfade.model.route import Adoption, RouteFacts
from crossfade.model.snapshot import Snapshot

from tests.simulation.routes import weights


def writes(action: Action, target: Target) -> TypeGuard[Apply]:
    """Whether it writes an object of this kind."""
    return isinstance(action, Apply) and action.target is target


def routes(action: Action, seen: Snapshot) -> TypeGuard[Apply]:
    """Whether it writes the users' route, or the Service that stands for it."""
    of_users = isinstance(action, Apply) and action.target in (*ROUTES, Target.SERVICE)
    return of_users and action.body["metadata"]["name"] == seen.rollout.name


def key_of(action: Action) -> tuple[str, str, str]:
    """What it does to which object."""
    match action:
        case Apply(target=target, body=body):
            return "Apply", target.value, body["metadata"]["name"]
        case Scale(name=name):
            return "Scale", Target.DEPLOYMENT.value, name
        case Label(name=name):
            return "Label", "Pod", name
        case Delete(target=target, name=name):
            return "Delete", target.value, name
        case Weigh(name=name):
            return "Weigh", Target.HTTP_ROUTE.value, name


def is_so_already(action: Action, seen: Snapshot) -> bool:
    """Whether it would change nothing."""
    if seen.adoption is not None and (known := _is_so_in_adopted(action, seen.adoption, seen.route)) is not None:
        return known
    match action:
        case Apply(target=Target.DEPLOYMENT, body=body):
            return body["metadata"]["name"] in seen.revisions
        case Apply(target=Target.SERVICE, body=body) if body["metadata"]["name"] == seen.rollout.name:
            live, same = seen.route, body["spec"]["selector"]
            leads = live is not None and has_ports(body["spec"], live.spec) and same == live.spec["selector"]
            return live is not None and leads and weights(body) == dict(live.weights)
        case Label(name=name, serves=serves):
            pods = (pod for found in seen.revisions.values() for pod in found.pods)
            return any(pod.name == name and pod.serves is serves for pod in pods)
        case Apply(target=Target.SERVICE, body=body):
            found = seen.revisions.get(body["metadata"]["name"])
            return found is not None and found.service is not None and found.service["spec"] == body["spec"]
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


def _is_so_in_adopted(action: Action, adoption: Adoption, live: RouteFacts | None) -> bool | None:
    """The same of weights and Services of an adopted route; None of everything else."""
    match action:
        case Apply(target=Target.SERVICE, body=body) if body["metadata"]["name"] in adoption.slots:
            return adoption.slots[body["metadata"]["name"]] == body["spec"]["selector"][meta.LABEL_REVISION]
        case Weigh(weights=given):
            return slot_weights(adoption, live.spec if live else {}) == given
    return None


def route_written(seen: Snapshot, actions: Iterable[Action]) -> dict[str, Any] | None:
    """The users' route as it is written, or what stands for it; None when it is left as it is."""
    if seen.adoption is not None:
        return _adopted(seen, actions)
    return next((one.body for one in actions if routes(one, seen)), None)


def _adopted(seen: Snapshot, actions: Iterable[Action]) -> dict[str, Any] | None:
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
    backends = [{"name": name, "weight": weight} for name, weight in shares.items()]
    return {"spec": {"rules": [{"backendRefs": backends}]}}


def written(actions: Iterable[Action]) -> Iterator[tuple[int, list[int]]]:
    """The weights of each rule that is written, and the least that one of them may be."""
    for action in actions:
        if isinstance(action, Weigh):
            yield 0, list(action.weights.values())
        elif isinstance(action, Apply) and action.target in ROUTES:
            yield from ((1, [one["weight"] for one in rule["backendRefs"]]) for rule in action.body["spec"]["rules"])


def weights_written(actions: Iterable[Action]) -> dict[str, int]:
    """The weights of an adopted route's Services that are written; empty when they are left as they are."""
    return next((dict(one.weights) for one in actions if isinstance(one, Weigh)), {})


def had_a_service(seen: Snapshot) -> set[str]:
    """The revisions by whose Service, which is gone, an adopted route names them."""
    known = seen.rollout.status.route
    gone = {name for name, selected in (seen.adoption.slots if seen.adoption else {}).items() if selected is None}
    return {one.revision for one in known.slots if one.name in gone} if known else set()


def had_lost_its_service(seen: Snapshot, revision: str) -> bool:
    """Whether the Service by which an adopted route names the revision is gone."""
    return revision in had_a_service(seen)
