"""What must hold of EndpointSlices and the weight of those whom they list; in words in `invariants.py`."""

from crossfade.api.conditions import Reason

from tests.simulation.passes import Pass, backends
from tests.simulation.routes import is_service, reached, weights
from tests.simulation.world import World


def nobody_gets_more_whom_no_slice_lists(world: World) -> None:
    live = world.seen.route if world.seen else None
    given_up = world.deleting and world.now - world.deleting_since > 60
    if live is None or world.route is None or is_service(world.route) or given_up:
        return
    if world.route_generation == live.generation:
        return  # a Service that is led elsewhere leads to whom it did until its slices follow
    given = weights(world.route)
    able = any(world.found(name) for name in live.reached if name in world.revisions)
    for name in reached(world.route):
        share = given.get(name, 0) / (sum(given.values()) or 1)
        rises = share > live.share(name) or (name not in live.reached and given.get(name, 1))
        lists = name in world.revisions and world.seen_ends(name)
        assert lists or not rises or not able, f"no slice lists a pod of {name}, which gets {share:.0%}"


def a_candidate_that_no_slice_lists_has_no_requests(one: Pass) -> None:
    status, live = one.seen.rollout.status, one.seen.route
    if live is None or live.is_service or status.stable is None or status.candidate is None:
        return
    if one.plan.situation.reason in (Reason.ROUTE_INVALID, Reason.ROUTE_CONTESTED):
        return
    name = status.candidate.revision
    if one.ready(status.stable.revision) and not one.ready(name):
        left = live.reached if one.route is None else frozenset(backends(one.route))
        assert name not in left, f"no slice lists a pod of {name}, which keeps what it has"
