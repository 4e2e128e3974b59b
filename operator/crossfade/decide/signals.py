"""Hard signals: what Kubernetes itself says of a revision's pods. They do not wait for Prometheus."""

from dataclasses import dataclass
from functools import partial

from crossfade.api.v1alpha1.rollout import Arm, RolloutSpec
from crossfade.decide.image_volumes import other_image
from crossfade.decide.starting import deadline, lost, slowest, too_late
from crossfade.model.workload import PodFacts, RevisionFacts

MISMATCH_EXIT = 3
"""Exit code of `crossfade load` when the bytes are not the bytes that were resolved."""
_RESTARTS = 2
"""Restarts of one pod that are no accident any more."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A reason to leave the candidate at once: `cause` is a CamelCase word, `message` a sentence."""

    cause: str
    message: str


def hard_signal(
    revision: RevisionFacts | None,
    spec: RolloutSpec | None,
    arm: Arm,
    *,
    in_traffic: bool,
    needed: int,
    now: float,
    served: bool = False,
) -> Signal | None:
    """The first hard signal, by gravity; None when there is none. Cost: linear in the revision's pods.

    `arm` is the candidate as counted at `now` (unix s), `needed` how many of its pods must be ready. One that `served`
    before has pods with a past: what befell those that are ready by now speaks against nobody, and they are a way back
    however late the others are. Nor does it speak against pods that EndpointSlices do not list them.
    """
    if revision is None:
        return Signal("CandidateGone", "the candidate's Deployment is gone") if in_traffic else None
    for check in (_wrong_bytes, partial(_wrong_image, revision), _crashing):
        for pod in revision.pods:
            found = None if served and pod.ready else check(pod)
            if found:
                return found
    if in_traffic and revision.up == 0:
        gone = lost(revision, arm)
        return Signal("NotReady", f"no candidate pod is ready any more while the candidate has traffic{gone}")
    if not in_traffic and spec and revision.up < needed and not (served and revision.up):
        return _too_late(revision, spec, arm, needed, now)
    return None


def _wrong_bytes(pod: PodFacts) -> Signal | None:
    if pod.loader_exit != MISMATCH_EXIT:
        return None
    return Signal(
        "DigestMismatch", f"pod {pod.name} refused to serve: {pod.message or 'the bytes are not the resolved ones'}"
    )


def _wrong_image(revision: RevisionFacts, pod: PodFacts) -> Signal | None:
    if (other := other_image(revision, pod)) is None:
        return None
    return Signal("DigestMismatch", f"pod {pod.name} has mounted the image {other}, which is not the resolved one")


def _crashing(pod: PodFacts) -> Signal | None:
    if pod.loader_exit not in (None, 0):
        return None  # its bytes cannot be fetched just now, which says nothing about the model; the deadline still runs
    if pod.trouble == "OOMKilled":
        return Signal("OOMKilled", f"pod {pod.name} was killed for using more memory than its limit")
    if pod.trouble == "CrashLoopBackOff" or pod.restarts >= _RESTARTS:
        return Signal("CrashLoop", f"pod {pod.name} keeps crashing ({pod.restarts} restarts)")
    return None


def _too_late(revision: RevisionFacts, spec: RolloutSpec, arm: Arm, needed: int, now: float) -> Signal | None:
    end, wait = deadline(spec.serving.startup, arm), slowest(revision, needed)
    if end is None or now <= end.at:
        return None
    troubles = sorted({pod.trouble for pod in revision.pods if pod.trouble})
    why = f": {wait.told}" if wait else f" ({', '.join(troubles)})" if troubles else ""
    pods = f"{revision.up} of {needed} candidate pods were ready after {end.limit}"
    if end.field != "timeout":
        pods = f"{revision.up} of {needed} candidate pods were ready, and this took longer than {end.limit}"
    return Signal(
        too_late(wait.cause if wait else None), f"{pods}{why}{lost(revision, arm)}; see `serving.startup.{end.field}`"
    )
