"""A route that is not as it was acknowledged, although nothing else is wanted: somebody else changed it."""

from collections.abc import Mapping
from typing import Any

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1 import RolloutStatus
from crossfade.decide.plan import ROUTES, Apply, Event, Plan
from crossfade.decide.routes import covers
from crossfade.model.snapshot import Snapshot


def repairs(snapshot: Snapshot, plan: Plan) -> tuple[Event, ...]:
    """The event that says so, when the plan writes the route of ours again; none when it wants something else of it.

    Other parents than those that are written are not told: they may be those that users were led away from just now.
    """
    name, before = snapshot.rollout.name, snapshot.rollout.status
    again = next((one for one in plan.first if isinstance(one, Apply) and one.target in ROUTES), None)
    if again is None or again.body["metadata"]["name"] != name or snapshot.rollout.deleting:
        return ()
    if _wanted(before) != _wanted(plan.status) or not _is_changed(snapshot, again.body):
        return ()
    what = "was changed" if snapshot.route else "was deleted"
    return (Event(Reason.ROUTE_REPAIRED, f"the {again.target} {name} {what} by others: {again.why}", warning=True),)


def _is_changed(snapshot: Snapshot, body: Mapping[str, Any]) -> bool:
    live, known = snapshot.route, snapshot.rollout.status.route
    if live is None or known is None:
        return known is not None
    return live.generation > known.generation and covers(body["spec"]["parentRefs"], live.spec.get("parentRefs", []))


def _wanted(status: RolloutStatus) -> tuple[object, ...]:
    """What the route is to give to whom."""
    traffic = status.traffic
    given = (traffic.desired, traffic.scale, traffic.reduced, traffic.shadow, traffic.match) if traffic else ()
    arms = [arm.revision if arm else "" for arm in (status.stable, status.candidate)]
    return (*arms, *given)
