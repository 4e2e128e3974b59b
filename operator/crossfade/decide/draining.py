"""How long an arm that lost its weight must keep its pods."""

from math import inf

from crossfade.api.v1alpha1.adopted import RouteStatus, SlotStatus
from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.rollout import RolloutStatus
from crossfade.decide.apportion import is_by_pods
from crossfade.decide.records import was_taken_back
from crossfade.decide.traffic import traffic_of
from crossfade.model.moments import moment, stamp
from crossfade.model.snapshot import Snapshot

DRAIN_SECONDS = 10.0
_HURRIED_SECONDS = 2.0
"""Nodes follow EndpointSlices about once a second, and a pod serves on for five after its end was asked for."""


def acknowledged(snapshot: Snapshot, status: RolloutStatus) -> RolloutStatus:
    """The status with the moment at which every parent was first seen to have taken the stored route."""
    live = snapshot.route
    if live is None or traffic_of(snapshot).untaken(snapshot) or _is_known(snapshot):
        return status
    now = RouteStatus(generation=live.generation, acknowledged_at=stamp(snapshot.now), slots=_slots(snapshot))
    return status.model_copy(update={"route": now})


def _is_known(snapshot: Snapshot) -> bool:
    """Whether what is stored is what was seen to be acknowledged, to the same pods."""
    live, known = snapshot.route, snapshot.rollout.status.route
    if live is None or known is None:
        return False
    return known.generation == live.generation and known.slots == _slots(snapshot)


def _slots(snapshot: Snapshot) -> list[SlotStatus]:
    found = snapshot.adoption.slots if snapshot.adoption else {}
    return [SlotStatus(name=name, revision=revision) for name, revision in found.items() if revision]


def kept_seconds(snapshot: Snapshot) -> float:
    """Seconds for which a candidate that was taken back keeps its pods, for people to look at."""
    spec, end = snapshot.rollout.spec, snapshot.rollout.status.outcome
    if end is None or not was_taken_back(end):
        return 0.0
    if spec is None:
        return inf
    keep = spec.strategy.on_rollback.keep_candidate
    return max(moment(end.at) + seconds(keep) - snapshot.now, 0.0) if keep else 0.0


def undrained(snapshot: Snapshot) -> float:
    """Seconds until arms that the stored route does not name may go; infinite while a parent has not taken it.

    A parent acknowledges a route before its data plane serves it (Traefik: up to 2 s, measured), so requests still
    reach the old arm for a while.
    """
    live, known = snapshot.route, snapshot.rollout.status.route
    if live is None:
        return 0.0
    if traffic_of(snapshot).untaken(snapshot):
        return inf
    lasts = _drain_seconds(snapshot)
    if known is None or not _is_known(snapshot):
        return lasts
    return max(moment(known.acknowledged_at) + lasts - snapshot.now, 0.0)


def _drain_seconds(snapshot: Snapshot) -> float:
    """For how long. Behind a Service clients keep their connections to a bad candidate until its pods end."""
    hurry = is_by_pods(snapshot) and was_taken_back(snapshot.rollout.status.outcome)
    return _HURRIED_SECONDS if hurry else DRAIN_SECONDS
