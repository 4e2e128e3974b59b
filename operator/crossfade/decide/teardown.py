"""Deleting a Rollout: traffic ends on the stable version alone, then the object is released."""

from crossfade.api.conditions import Reason
from crossfade.decide.children import finalizer, removal
from crossfade.decide.plan import Plan, Situation, Standing
from crossfade.decide.routes import split, unacknowledged
from crossfade.decide.settle import route_actions
from crossfade.model.snapshot import Snapshot


def tear_down(snapshot: Snapshot) -> Plan:
    """Never hangs on what is gone already: without a route, or without a stable arm, there is no split to undo."""
    rollout, stable = snapshot.rollout, snapshot.rollout.status.stable
    situation = Situation(Standing.IN_PROGRESS, Reason.DRAINING, "being deleted: the stable version keeps serving")
    if stable is not None and snapshot.route is not None:
        route = route_actions(snapshot, split(stable.revision, None, 0))
        if route or unacknowledged(rollout, snapshot.route):
            return Plan(status=rollout.status, situation=situation, first=route, look_again=5.0, available=True)
    keep = [stable.revision] if stable else list(snapshot.route.weights if snapshot.route else ())
    return Plan(
        status=rollout.status,
        situation=situation,
        first=(*removal(snapshot, keep), *finalizer(rollout, wanted=False)),
        available=stable is not None,
    )
