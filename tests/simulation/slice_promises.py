"""What must hold of EndpointSlices and the weight of those whom they list; in words in `invariants.py`."""

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
