"""Deleting a Rollout: traffic ends on the stable version alone, then the object is released."""

from collections.abc import Sequence
from math import inf

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.capacity import whole
from crossfade.decide.children import finalizer, leftovers, removal, upheld
from crossfade.decide.draining import undrained
from crossfade.decide.plan import Action, Plan, Situation, Standing
from crossfade.decide.shapes import alone
from crossfade.decide.shrinking import lacks_pods
from crossfade.decide.traffic import traffic_of
from crossfade.decide.workloads import owners
from crossfade.model.snapshot import Snapshot

_PATIENCE_SECONDS = 60.0
"""Deletion waits no longer than this for a gateway that is gone, or for a stable arm that could not answer yet."""
_LAST_SECONDS = _PATIENCE_SECONDS + 10.0
"""Nor longer than this for a write of the route, which may come but then: it is refused, or changes nothing."""
HAND_BACK_SECONDS = 40.0
"""Nor longer than this for pods of stable that are to carry more: then there is time left to drain."""


def tear_down(snapshot: Snapshot) -> Plan:
    """Without a route or a stable arm no split is to be undone; no gateway and no write of the route is waited for for
    ever. What holds the Rollout for as long as it lasts is a child that may not be deleted (decision 60)."""
    rollout, stable = snapshot.rollout, snapshot.rollout.status.stable
    keep = [stable.revision] if stable else list(snapshot.route.reached if snapshot.route else ())
    route: tuple[Action, ...] = ()
    given_up, hopeless = (snapshot.now - rollout.deleting_since > one for one in (_PATIENCE_SECONDS, _LAST_SECONDS))
    waits = stable is not None and _alone_answers(snapshot, stable) and not given_up
    if stable is not None and snapshot.route is not None and not waits:
        route = traffic_of(snapshot).writes(snapshot, alone(stable.revision))
    slots: tuple[Action, ...] = ()
    if stable is not None and not (waits or route or given_up):
        slots = traffic_of(snapshot).backends(snapshot, stable)
    named = stable is not None and snapshot.route is not None and not snapshot.route.reached <= {*keep}
    left = inf if waits or slots or named or route else undrained(snapshot) if leftovers(snapshot, keep) else 0.0
    rest = traffic_of(snapshot).leftover(snapshot, alone(stable.revision)) if stable and not given_up else None
    left = max(left, rest.wait) if rest else left
    first = (*route, *slots, *(rest.actions if rest else ()))
    ends = not (route or rest or left)
    if ends:
        first = (*removal(snapshot, keep), *finalizer(rollout, wanted=False))
    elif left == inf and given_up and (hopeless or not route):
        first = (*finalizer(rollout, wanted=False), *route)  # its pods stay: requests may still reach them
    return Plan(
        status=rollout.status,
        situation=Situation(Standing.IN_PROGRESS, Reason.DRAINING, f"being deleted: {_what_is_left(snapshot, keep)}"),
        first=(*first, *_kept_whole(snapshot, ends=ends)),  # last, as it may hold up nothing
        available=stable is not None,
        look_again=min(left, 5.0) or None,
    )


def _what_is_left(snapshot: Snapshot, keep: Sequence[str]) -> str:
    """What requests meet from now on; `keep` are the revisions that stay."""
    if snapshot.rollout.status.stable is not None:
        reduced = ", and capacity is reduced: not all of its pods are ready" if lacks_pods(snapshot) else ""
        return f"the stable version keeps serving{reduced}"
    return "what its requests are led to stays" if keep else "no version has served yet"


def _alone_answers(snapshot: Snapshot, stable: Arm) -> bool:
    """Whether another arm has traffic and ready pods, and stable has none."""
    ready = {name: found.ready for name, found in snapshot.revisions.items()}
    others = snapshot.route.weights.keys() - {stable.revision} if snapshot.route else set()
    return not ready.get(stable.revision) and any(ready.get(name) for name in others)


def _kept_whole(snapshot: Snapshot, *, ends: bool) -> tuple[Action, ...]:
    """What is missing of stable, to which requests are led, while we hold the Rollout; in the end, if it stays, with
    the bounds that the spec gives its autoscaler; if it goes too, as small as it is, until its minute is over: who
    knows for how long a child that may not be deleted holds it then. What only others hold is let go already."""
    rollout, stable = snapshot.rollout, snapshot.rollout.status.stable
    goes = bool(owners(rollout)) and snapshot.now - rollout.deleting_since <= _PATIENCE_SECONDS
    if stable is None or snapshot.route is None or not rollout.finalizer or (ends and goes):
        return ()
    if goes:
        return upheld(snapshot, stable)
    ends = ends and not owners(rollout)
    return upheld(snapshot, whole(stable).model_copy(update={"floor": None}) if ends else whole(stable))
