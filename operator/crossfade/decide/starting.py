"""What pods that are not ready wait for, how long they may, and how that is said."""

from dataclasses import dataclass

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.rollout import Arm, Cause
from crossfade.api.v1alpha1.serving import Startup
from crossfade.model.moments import clock, moment
from crossfade.model.workload import PodFacts, RevisionFacts

_IN_ORDER: tuple[Cause, ...] = ("Room", "Image", "Download", "Load", "WarmUp")
_REASONS: dict[Cause, Reason] = {
    "Room": Reason.NO_ROOM,
    "Image": Reason.PULLING_IMAGE,
    "Download": Reason.DOWNLOADING,
    "Load": Reason.LOADING,
    "WarmUp": Reason.WARMING_UP,
}
_TOO_LATE: dict[Cause, str] = {
    "Room": "NoRoom",
    "Image": "ImagePullTimeout",
    "Download": "DownloadTimeout",
    "Load": "LoadTimeout",
    "WarmUp": "WarmUpTimeout",
}
_OWN = {"Image": "prefetch", "Download": "prefetch", "Load": "load", "WarmUp": "warmUp"}
_LEAST_SECONDS = 3600
_SPARE_SECONDS = 60
_SHORTLY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Wait:
    """What the slowest of the missing pods waits for, and a sentence about it."""

    cause: Cause
    told: str


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when (unix s) an arm may wait as it does: `limit` is the duration, `field` where it is written."""

    at: float
    limit: str
    field: str


def slowest(revision: RevisionFacts | None, needed: int) -> Wait | None:
    """Of the pods that will make up the number needed, the one that is least far; None when nothing is seen."""
    if revision is None:
        return None
    if refused := _refused(revision, needed):
        return Wait("Room", refused)
    seen = [pod for pod in revision.pods if not pod.ready and pod.waits_for is not None]
    ready = sum(pod.ready for pod in revision.pods)
    coming = sorted(seen, key=_stage, reverse=True)[: max(needed - ready, 0)]
    last = min(coming, key=lambda pod: (_stage(pod), pod.name), default=None)
    return Wait(last.waits_for, last.waits) if last is not None and last.waits_for is not None else None


def _stage(pod: PodFacts) -> int:
    return _IN_ORDER.index(pod.waits_for) if pod.waits_for is not None else -1


def _refused(revision: RevisionFacts, needed: int) -> str:
    """Why the pods that are missing cannot even be made, such as a quota."""
    if len(revision.pods) >= needed:
        return ""
    conditions = revision.deployment.get("status", {}).get("conditions", ())
    said = (one.get("message", "") for one in conditions if (one["type"], one["status"]) == ("ReplicaFailure", "True"))
    return next((f"pods cannot be made: {message[:300]}" for message in said), "")


def is_same(one: Cause | None, other: Cause | None) -> bool:
    """Whether two causes share a deadline, so that going from one to the other begins no new time."""
    return one == other or (one in _OWN and other in _OWN and _OWN[one] == _OWN[other])


def deadline(startup: Startup, arm: Arm) -> Deadline | None:
    """The one that comes first; None while enough pods are ready, listed or not."""
    if arm.unready_since is None:
        return None
    whole = Deadline(moment(arm.unready_since) + seconds(startup.timeout), startup.timeout, "timeout")
    own = {"prefetch": startup.prefetch, "load": startup.load, "warmUp": startup.warm_up}
    field = _OWN.get(arm.waits_for or "", "")
    limit = own.get(field)
    if limit is None or arm.waits_since is None:
        return whole
    return min(Deadline(moment(arm.waits_since) + seconds(limit), limit, field), whole, key=lambda one: one.at)


def kubelet_patience(startup: Startup) -> int:
    """Seconds after which the kubelet starts a server again that does not get ready.

    Later than the rollout's own deadline, and than one to which an edit puts it off, up to an hour: probes are part of
    the pod template, and `startup` may not change that. Not for ever, for a server that hangs is healed by it.
    """
    return max(int(seconds(startup.timeout)), _LEAST_SECONDS) + _SPARE_SECONDS


def unlisted(revision: RevisionFacts | None) -> str:
    """How many pods are ready and requests do not find them: such as `; 2 more ready, but in no EndpointSlice yet`."""
    count = revision.up - revision.ready if revision else 0
    return f"; {count} more ready, but in no EndpointSlice yet" if count > 0 else ""


def lost(revision: RevisionFacts, arm: Arm) -> str:
    """What became of a pod while, or shortly before, others were missing: such as `; pod x was evicted: no memory`."""
    one = revision.lost
    if one is None or arm.unready_since is None or one.at < moment(arm.unready_since) - _SHORTLY_SECONDS:
        return ""
    return f"; {one.told}"


def too_late(cause: Cause | None) -> str:
    """The word for a start that took too long."""
    return _TOO_LATE[cause] if cause is not None else "StartTimeout"


def waiting(
    arm: Arm, revision: RevisionFacts | None, needed: int, what: str = "", until: float | None = None
) -> tuple[Reason, str]:
    """Reason and sentence of an arm that has not enough ready pods: `what` for, and until when (unix s) it may."""
    wait = slowest(revision, needed)
    pods, gone = (
        f"{arm.model_version}: {arm.ready} of {needed} pods ready{what}",
        lost(revision, arm) if revision else "",
    )
    if wait is None:
        late = unlisted(revision)
        return Reason.WAITING_FOR_GATEWAY if late else Reason.STARTING, pods + late + gone
    if wait.cause == "WarmUp":
        pods = f"Warming up: {min(arm.warm or 0, needed)} of {needed} pods of {arm.model_version} are warm{what}"
    limit = f"; it has until {clock(until)}" if until is not None else ""
    return _REASONS[wait.cause], f"{pods}; {wait.told}{limit}{gone}"
