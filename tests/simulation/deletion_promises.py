"""What must hold of a Rollout that is being deleted, beside what holds of every other."""

from tests.simulation.world import World

_LONGEST = 75.0
"""The minute that a gateway, or stable, is waited for, a drain that begins at its end, and a few looks (s)."""


def a_deletion_ends(world: World) -> None:
    since = world.now - world.deleting_since
    assert not (world.deleting and world.finalizer and since > _LONGEST), f"held {since:.0f} s after its deletion"
