"""An operator that has not heard of the last write of the status, and the API server that refuses what it writes."""

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from crossfade.api.v1alpha1 import RolloutStatus
from crossfade.model.snapshot import Snapshot

if TYPE_CHECKING:
    from tests.simulation.world import World

_DEAF = 60.0
"""For how long (s) a watch may tell nothing before it is begun anew."""


class ChangedError(Exception):
    """What was to be written over is not what was seen."""


@dataclass
class Record:
    """What the operator knows of the stored status: all of it, or all but its last write."""

    former: RolloutStatus | None = None
    """The status before its last write."""
    heard_at: float = -inf
    """When the operator hears of that write, unless it wants to write before."""
    refusals: int = 0

    def falls_behind(self, now: float) -> None:
        """The last write is not heard of, for as long as can be."""
        self.heard_at = now + _DEAF

    def catches_up(self) -> None:
        """The stored status is known."""
        self.heard_at = -inf

    def known(self, world: "World") -> RolloutStatus:
        """What the operator takes for the status."""
        return world.status if self.former is None or world.now >= self.heard_at else self.former

    def seen(self, world: "World") -> Snapshot:
        """All that a decision sees, with the status that is known."""
        stored, world.status = world.status, self.known(world)
        try:
            return world.snapshot()
        finally:
            world.status = stored

    def compare(self, world: "World") -> None:
        """Raises ChangedError where the status that is known is not the stored one; from then on that one is."""
        behind = self.known(world) is not world.status
        self.catches_up()
        if behind:
            self.refusals += 1
            raise ChangedError
