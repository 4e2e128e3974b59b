"""Mode Managed: a route of our own, written whole."""

from typing import Any

from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.front import front_of, stored_front
from crossfade.decide.plan import Action, Apply, Preparation, Situation, Target
from crossfade.decide.routes import covers, is_live, render, unacknowledged
from crossfade.decide.shapes import Split
from crossfade.model.snapshot import Snapshot


class ManagedRoute:
    """See traffic.Traffic."""

    def says(self, snapshot: Snapshot, wanted: Split) -> bool:
        """The stored route is as it would be rendered."""
        return snapshot.route is not None and is_live(_rendered(snapshot, wanted), snapshot.route)

    def writes(self, snapshot: Snapshot, wanted: Split) -> tuple[Action, ...]:
        """The whole route."""
        body, live = _rendered(snapshot, wanted), snapshot.route
        if live is not None and is_live(body, live):
            return ()
        other = live is not None and not covers(stored_front(body["spec"]), stored_front(live.spec))
        also = " and have the parents, hosts and paths that are asked for" if other else ""
        return (Apply(Target(body["kind"]), body, f"the route must say {wanted}{also}"),)

    def untaken(self, snapshot: Snapshot) -> str | None:
        """Every parent that the route names has to accept it."""
        if snapshot.route is None:
            return "the route is being written"
        return unacknowledged(snapshot.rollout, snapshot.route)

    insists = writes

    def trouble(self, snapshot: Snapshot, wanted: Split) -> Situation | None:
        """The route is ours, and written over whoever wrote it."""
        return None

    def backends(self, snapshot: Snapshot, serving: Arm) -> tuple[Action, ...]:
        """Each revision has its own."""
        return ()

    def prepare(self, snapshot: Snapshot, wanted: Split, candidate: Arm) -> Preparation | None:
        """A backend comes into the route with its weight."""
        return None


def _rendered(snapshot: Snapshot, wanted: Split) -> dict[str, Any]:
    return render(snapshot.rollout, wanted, *front_of(snapshot))
