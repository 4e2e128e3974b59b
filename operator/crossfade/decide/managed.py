"""Mode Managed: an HTTPRoute of our own, written whole."""

from crossfade.decide.plan import Action, Apply, Target
from crossfade.decide.routes import is_live, render, unacknowledged
from crossfade.decide.shapes import Split
from crossfade.model.snapshot import Snapshot


class ManagedRoute:
    """See traffic.Traffic."""

    def says(self, snapshot: Snapshot, wanted: Split) -> bool:
        """The stored route is as it would be rendered."""
        return snapshot.route is not None and is_live(render(snapshot.rollout, wanted, snapshot.route), snapshot.route)

    def writes(self, snapshot: Snapshot, wanted: Split) -> tuple[Action, ...]:
        """The whole route."""
        if self.says(snapshot, wanted):
            return ()
        body = render(snapshot.rollout, wanted, snapshot.route)
        return (Apply(Target(body["kind"]), body, f"the route must say {wanted}"),)

    def untaken(self, snapshot: Snapshot) -> str | None:
        """Every parent that the spec names has to accept it."""
        if snapshot.route is None:
            return "the route is being written"
        return unacknowledged(snapshot.rollout, snapshot.route)
