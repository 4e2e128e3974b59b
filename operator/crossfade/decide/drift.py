"""A route that is not as it was acknowledged, although nothing else is wanted: somebody else changed it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1 import RolloutStatus
from crossfade.decide.plan import ROUTES, Action, Apply, Event, Label, Plan, Target
from crossfade.decide.proving import unseen
from crossfade.decide.routes import covers
from crossfade.model.snapshot import Snapshot

_ENTRIES = frozenset({*ROUTES, Target.SERVICE})


def put_right(snapshot: Snapshot, plan: Plan) -> Plan:
    """The plan; when it only writes again what others changed of the route, with an event, and its stage to be proven
    anew, for requests were split otherwise meanwhile.

    That is recorded before the write: after a kill in between the route would look as if nothing had been. But not that
    gateways have taken what others wrote: nobody would be told of it then. Where it is on record, the write comes
    first, so that one that is refused again and again changes nothing in the status.
    """
    again = _repair(snapshot, plan)
    if again is None:
        return plan
    what = "was changed" if snapshot.route else "was deleted"
    message = f"the {again.target} {snapshot.rollout.name} {what} by others: {again.why}"
    told = replace(plan, events=(Event(Reason.ROUTE_REPAIRED, message, warning=True, by=again), *plan.events))
    status = plan.status
    if status.stage is None or snapshot.rollout.deleting:  # then nothing is to be proven any more
        return told
    traffic = status.traffic and status.traffic.model_copy(update={"acknowledged": None, "observed": None})
    known = snapshot.rollout.status
    status = status.model_copy(update={"stage": unseen(status.stage), "traffic": traffic})
    if (status.stage, status.traffic) == (known.stage, known.traffic):
        return replace(told, status=status, proven=False)
    return replace(
        told,
        status=status.model_copy(update={"route": known.route}),
        first=tuple(one for one in plan.first if not _is_of_entry(one, snapshot)),
        then=(*(one for one in plan.first if _is_of_entry(one, snapshot)), *plan.then),
        proven=False,
    )


def _repair(snapshot: Snapshot, plan: Plan) -> Apply | None:
    """The write of the route, or of the Service that stands for it, that puts right what others changed; None when
    there is none, or when the plan wants something else of it."""
    again = next((one for one in plan.first if isinstance(one, Apply) and _is_of_entry(one, snapshot)), None)
    if again is None or _wanted(snapshot.rollout.status) != _wanted(plan.status):
        return None
    if snapshot.rollout.deleting and not (snapshot.route and snapshot.route.ours):
        return None  # a deletion wants another route than is on record: whether ours was changed is not known then
    return again if _is_changed(snapshot, again.body) else None


def _is_of_entry(action: Action, snapshot: Snapshot) -> bool:
    """Whether it is a part of writing the route, or the Service that stands for it and the pods behind that."""
    if isinstance(action, Label):
        return True
    return isinstance(action, Apply) and action.target in _ENTRIES and _name(action) == snapshot.rollout.name


def _name(action: Apply) -> str:
    return str(action.body["metadata"]["name"])


def _is_changed(snapshot: Snapshot, body: Mapping[str, Any]) -> bool:
    """Whether others wrote it since it was acknowledged, and since we did.

    Other parents than those that are written are not told: they may be those that users were led away from just now.
    """
    live, known = snapshot.route, snapshot.rollout.status.route
    if live is None or known is None:
        return known is not None
    parents = body["spec"].get("parentRefs", []), live.spec.get("parentRefs", [])
    return live.generation > max(known.generation, live.ours) and covers(*parents, "parentRefs")


def _wanted(status: RolloutStatus) -> tuple[object, ...]:
    """What the route is to give to whom."""
    traffic = status.traffic
    given = (
        (traffic.desired, traffic.scale, traffic.reduced, traffic.given, traffic.shadow, traffic.match)
        if traffic
        else ()
    )
    arms = [arm.revision if arm else "" for arm in (status.stable, status.candidate)]
    return (*arms, *given)
