"""What must hold where pods behind one Service are the weights, beside what holds for every Rollout."""

from typing import TYPE_CHECKING

from crossfade.decide.plan import Label

from tests.simulation.routes import is_service
from tests.simulation.writes import routes

if TYPE_CHECKING:
    from tests.simulation.invariants import Pass
    from tests.simulation.world import World


def pods_are_ready_to_serve_before_they_are_selected(one: "Pass") -> None:
    """A Service is turned from one arm to both only when as many pods of each as it says have its label, and no
    others; what has the label already comes in before anybody goes out."""
    before = one.seen.route is not None and len(one.seen.route.weights) > 1
    serve = {pod.name: name for name, found in one.seen.revisions.items() for pod in found.pods if pod.serves}
    arm_of = {pod.name: name for name, found in one.seen.revisions.items() for pod in found.pods}
    gone = False
    for action in one.actions:
        if isinstance(action, Label):
            assert not (gone and before and action.serves), "a pod goes out before another comes in"
            gone = gone or not action.serves
            serve.pop(action.name, None)
            serve |= {action.name: arm_of[action.name]} if action.serves else {}
        if routes(action, one.seen) and is_service(action.body) and len(one.weights) > 1 and not before:
            counted = {name: sum(arm == name for arm in serve.values()) for name in {*serve.values(), *one.weights}}
            there = {name: len(one.seen.revisions[name].pods) for name in one.weights}
            assert counted == {name: min(pods, there[name]) for name, pods in one.weights.items()}, counted


def never_fewer_behind(world: "World") -> None:
    """Behind a Service there are never fewer ready pods than serve everything, as far as stable has them."""
    stable, service = world.status.stable, world.route
    if service is None or not is_service(service) or stable is None or stable.revision not in world.revisions:
        return
    if world.lines[-1].endswith("KILLED") or world.deleting:
        return
    ready = {name: world.ready(name) for name in world.revisions}
    behind = len(list(world.members.behind(service, ready, world.revisions)))
    least = min(int(world.spec["serving"].get("replicas", 1)), ready[stable.revision])
    assert behind >= least, f"{behind} ready pods are behind the Service, and {least} there might be"
