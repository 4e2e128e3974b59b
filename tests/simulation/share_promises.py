"""What must hold of a stage's share in the world itself, whatever the status says of it."""

from tests.simulation.world import World

_NEAR = 0.005
"""So far beside the share, as a part of all requests, whole pods and whole weights may be."""


def what_was_given_was_served(world: World) -> None:
    assert world.seen is not None
    assert world.plan is not None
    before, after, live = world.seen.rollout.status, world.plan.status, world.seen.route
    if before.stage is None or after.stage is None or before.candidate is None or live is None:
        return
    forward = after.stage.index > before.stage.index and not {"skip-stage"} & world.plan.obeyed.keys()
    name = before.candidate.revision
    if not forward or name not in live.reached:
        return
    found = world.served.get(name, 0) / (sum(world.served.values()) or 1)
    assert abs(found - live.share(name)) <= _NEAR, f"a step from {live.share(name):.1%}, and {found:.1%} is served"
    assert found or name in world.extra, "a step from copies or a cohort that no gateway serves"
