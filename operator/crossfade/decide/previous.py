"""The version before: it keeps its pods for a time after a promotion, so that the way back loads nothing."""

from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.rollout import Arm, Previous, RolloutStatus
from crossfade.model.moments import moment, stamp
from crossfade.model.snapshot import Snapshot


def replaced(snapshot: Snapshot, stable: Arm) -> Previous | None:
    """The stable arm as the version before, from now on; None when nothing of it is to be kept."""
    spec = snapshot.rollout.spec
    if spec is None or spec.strategy.keep_previous is None:
        return None
    until = snapshot.now + seconds(spec.strategy.keep_previous)
    known = stable.model_dump(include={"model_version", "revision", "digest", "replicas", "ready", "floor"})
    return Previous(**known, until=stamp(until))


def kept(snapshot: Snapshot) -> Previous | None:
    """The version before while it is to be kept: its time is not over, its pods are there, it is not stable again.

    On its way back it is the candidate as well, and is kept on should that be given up. Without an autoscaler it has
    the pods that the spec says, whatever it had.
    """
    rollout = snapshot.rollout
    known = rollout.status.previous
    if known is None or (rollout.spec is not None and rollout.spec.strategy.keep_previous is None):
        return None
    found = snapshot.revisions.get(known.revision)
    if found is None or moment(known.until) <= snapshot.now or _serves(rollout.status, known):
        return None
    scaled = rollout.spec is None or rollout.spec.serving.autoscaling is not None
    floor = known.floor if scaled else None
    return known.model_copy(update={"replicas": found.replicas, "ready": found.ready, "floor": floor})


def with_previous(snapshot: Snapshot, status: RolloutStatus) -> RolloutStatus:
    """The status with the version before as it is now, unless another one has just become that."""
    if status.previous != snapshot.rollout.status.previous:
        return status
    now = kept(snapshot)
    gone = now is None or _serves(status, now)
    return status.model_copy(update={"previous": None if gone else now})


def _serves(status: RolloutStatus, arm: Arm) -> bool:
    return status.stable is not None and status.stable.revision == arm.revision
