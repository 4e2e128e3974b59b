"""What must hold of pods and the weight that they carry, and where pods behind one Service are the weights."""

from collections import Counter
from math import ceil

from crossfade.decide.plan import Label

from tests.simulation.passes import Pass, pods_for_all, rises
from tests.simulation.routes import is_service, weights
from tests.simulation.world import World
from tests.simulation.writes import routes


def pods_are_ready_to_serve_before_they_are_selected(one: Pass) -> None:
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
            there = Counter(arm_of.values())
            assert counted == {name: min(pods, there[name]) for name, pods in one.weights.items()}, counted


def every_rise_has_its_pods(one: Pass) -> None:
    stable, candidate = one.seen.rollout.status.stable, one.candidate
    if stable is None or candidate is None or not rises(one) or not one.ready(stable.revision):
        return
    share, full = one.weights.get(candidate.revision, 0) / sum(one.weights.values()), pods_for_all(one.seen, stable)
    if share <= 1 - one.ready(stable.revision) / max(full, 1):
        return  # the pods that stable has are not enough for more
    needed = ceil(share * full - 1e-9)
    ready = one.ready(candidate.revision)
    assert ready >= needed, f"{ready} pods are ready, and {needed} carry {share:.0%}"


def never_fewer_behind(world: World) -> None:
    stable, service = world.status.stable, world.route
    if service is None or not is_service(service) or stable is None or stable.revision not in world.revisions:
        return
    if world.lines[-1].endswith("KILLED") or world.deleting:
        return
    ready = {name: world.ready(name) for name in world.revisions}
    behind = len(list(world.members.behind(service, ready, world.revisions)))
    least = min(int(world.spec["serving"].get("replicas", 1)), ready[stable.revision])
    assert behind >= least, f"{behind} ready pods are behind the Service, and {least} there might be"


def no_weight_without_pods(world: World) -> None:
    if getattr(world, "writer", None) is not None:
        return  # others wrote what a route of theirs says
    stable, candidate, shares = world.status.stable, world.status.candidate, weights(world.route)
    if not (stable and candidate and stable.revision in world.revisions and candidate.revision in world.revisions):
        return
    share = shares.get(candidate.revision, 0) / max(sum(shares.values()), 1)
    ready = world.ready(candidate.revision)
    before, given = getattr(world, "_given", {}).get(candidate.revision, (0.0, 0))
    full = world.spec["serving"].get("replicas") or stable.floor or 1
    found = min(stable.ready, world.ready(stable.revision))  # those that no slice lists yet carry nothing
    given = min(given, ceil(before * full - 1e-9))  # fewer may be enough by an edit
    if share > before:
        lacks = share <= 1 - world.ready(stable.revision) / full
        given = min(ceil(share * full - 1e-9), ready) if lacks else ceil(share * full - 1e-9)
        assert ready >= given, f"{ready} pods are ready, and {given} carry {share:.0%}"
        before = share
    elif ready < given and ready and found >= full and not world.lines[-1].endswith("KILLED"):
        assert share <= before * ready / given + 1e-9, f"{ready} of {given} pods are ready and have {share:.0%}"
    elif ready >= given and share < before:
        before, given = share, min(given, ready)
    world._given = {candidate.revision: (before, given)}  # type: ignore[attr-defined]
