"""What a write of a plan is about, and whether it would change anything."""

from typing import TypeGuard

from crossfade.api import meta
from crossfade.decide.plan import ROUTES, Action, Apply, Delete, Label, Scale, Target
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


def is_so_already(action: Action, seen: Snapshot) -> bool:
    """Whether it would change nothing."""
    match action:
        case Apply(target=Target.DEPLOYMENT, body=body):
            return body["metadata"]["name"] in seen.revisions
        case Apply(target=Target.SERVICE, body=body) if body["metadata"]["name"] == seen.rollout.name:
            live, same = seen.route, body["spec"]["selector"]
            return live is not None and same == live.spec["selector"] and weights(body) == dict(live.weights)
        case Label(name=name, serves=serves):
            pods = (pod for found in seen.revisions.values() for pod in found.pods)
            return any(pod.name == name and pod.serves is serves for pod in pods)
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
