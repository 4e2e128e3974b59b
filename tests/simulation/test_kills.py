"""Would catch: what two bad moments in a row leave behind, which the model check found the way to."""

from tests.simulation.invariants import watched
from tests.simulation.test_stages import asking, at, revision
from tests.simulation.world import serving, weights


def test_no_route_names_a_candidate_whose_service_was_never_made() -> None:
    """Killed between the Deployment and the Service, then when the first stage was recorded, then another wish."""
    world = watched(serving())
    world.ask("v2")
    world.crash_after = 3
    world._once()
    assert world.revisions[revision(world, "v2")].service is None, "\n".join(world.lines)
    world.now += 5
    world.crash_after = 1
    world._once()
    world.ask("v9")
    world.run(1)
    assert all(world.revisions[name].service for name in weights(world.route))


def test_a_rollback_that_was_not_recorded_is_not_taken_back() -> None:
    """The last step is recorded, no candidate pod is ready any more, and the kill comes between route and record."""
    world = asking({"name": "half", "weight": 50})
    world.run(60, until=at("full", proven=False))
    world.room["v2"] = 0
    world.crash_after = 1
    world.run(0.5)
    assert world.share("v1") == 100, "\n".join(world.lines)
    shares = []
    world.checks.append(lambda one: shares.append(one.share("v2")))
    world.run(30)
    assert set(shares) == {0}
    world.room.clear()
    world.run(60)
    assert (set(shares), world.share("v1")) == ({0}, 100), "it was taken back, and nobody has asked for it again"
    assert world.status.outcome is not None
    assert (world.status.outcome.result, world.status.outcome.cause) == ("RolledBack", "NotReady")
