"""A status that was lost: who is stable, and what of a split stable could not carry alone, is read off the route."""

from dataclasses import replace
from math import floor

from crossfade.api.v1alpha1.rollout import Arm, TrafficStatus
from crossfade.api.v1alpha1.strategy import Scale
from crossfade.decide.capacity import size_of
from crossfade.decide.shrinking import matches_traffic
from crossfade.decide.workloads import arm_of
from crossfade.model.route import RouteFacts
from crossfade.model.snapshot import Snapshot
from crossfade.model.workload import RevisionFacts

_ROUNDING = 1e-9
_SCALES: tuple[Scale, ...] = (100, 1000, 10000)


def recovered(snapshot: Snapshot) -> Arm | None:
    """The stable arm read off a route that outlived its Rollout's status: the revision that was there first."""
    reached = snapshot.route.weights if snapshot.route else {}
    alive = [snapshot.revisions[name] for name in reached if name in snapshot.revisions]
    if not alive:
        return None
    oldest = min(alive, key=lambda revision: (revision.created_at, revision.revision))
    candidate = snapshot.rollout.status.candidate
    if candidate is not None and candidate.revision == oldest.revision:
        return None  # its own first roll-out, which `beginning` finishes
    return arm_of(oldest)


def recalled(snapshot: Snapshot) -> Snapshot:
    """The snapshot with what the route says of a split on record, where stable may have been made too small to take
    back all of it at once. Nobody judged the other version, as far as is known: it stands in until stable is whole."""
    rollout, live, spec = snapshot.rollout, snapshot.route, snapshot.rollout.spec
    known, stable = rollout.status, recovered(snapshot)
    if known.stable is not None or known.candidate is not None or stable is None or live is None or spec is None:
        return snapshot
    others = [snapshot.revisions.get(name) for name in live.weights if name != stable.revision]
    scale = next((one for one in _SCALES if one == sum(live.weights.values())), None)
    if not matches_traffic(snapshot) or snapshot.adoption is not None or len(others) != 1 or scale is None:
        return snapshot
    (other,), has = others, snapshot.revisions[stable.revision]
    if other is None:
        return snapshot
    stable = stable.model_copy(update={"floor": _for_all(live, has, other) if spec.serving.autoscaling else None})
    if min(has.ready, has.replicas) >= size_of(spec, stable):
        return snapshot
    traffic = TrafficStatus(desired=live.weights[other.revision], scale=scale, pods=other.ready)
    stable = stable.model_copy(update={"reduced": has.replicas})
    status = known.model_copy(update={"stable": stable, "candidate": arm_of(other), "traffic": traffic})
    return replace(snapshot, rollout=replace(rollout, status=status))


def _for_all(live: RouteFacts, *arms: RevisionFacts) -> int:
    """Pods that carry everything, at most: each of the arms has its part of them, rounded up, or more by `minPods`."""
    parts = ((one.replicas, live.share(one.revision)) for one in arms)
    return floor(min(pods / part for pods, part in parts if part) + _ROUNDING)
