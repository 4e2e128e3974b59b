"""How few pods stable may have while a candidate has the other requests, and when it is to have all of them again."""

from math import ceil

from crossfade.api.v1alpha1.rollout import Arm, RolloutSpec
from crossfade.decide.apportion import is_by_pods
from crossfade.decide.capacity import borne, full_size, whole
from crossfade.decide.children import answers, counted
from crossfade.decide.counting import is_fresh
from crossfade.decide.draining import undrained
from crossfade.decide.shapes import asked_for, given_by
from crossfade.decide.stages import same_step
from crossfade.decide.traffic import traffic_of
from crossfade.model.snapshot import Snapshot

_ROUNDING = 1e-9


def matches_traffic(snapshot: Snapshot) -> bool:
    """Whether stable may have fewer pods than carry everything, by choice."""
    spec = snapshot.rollout.spec
    return spec is not None and spec.strategy.stable_capacity == "MatchTraffic" and not is_by_pods(snapshot)


def lacks_pods(snapshot: Snapshot, part: float = 1.0) -> bool:
    """Whether stable was made smaller and is not whole yet, could answer, and has too few ready pods for this part of
    the requests. How many it must have says the spec: of one that cannot be read nobody knows."""
    spec, stable = snapshot.rollout.spec, snapshot.rollout.status.stable
    if stable is None or stable.reduced is None or not answers(snapshot, stable):
        return False
    return spec is None or counted(snapshot, stable).ready < ceil(part * full_size(snapshot, spec, stable) - _ROUNDING)


def matched(snapshot: Snapshot, spec: RolloutSpec, stable: Arm, candidate: Arm) -> Arm:
    """The stable arm with the pods that it is asked to have beside the candidate: fewer once what that gets is proven,
    more as the candidate's pods are lost, all as soon as anything else leads back."""
    full, known = full_size(snapshot, spec, stable), snapshot.rollout.status.stable
    least, before = _least(snapshot, spec, candidate, full), known.reduced if known else None
    if spec.suspend or not _is_proven(snapshot):
        least = max(least, full if before is None else before)
    return _asked(snapshot, spec, stable, least) if least < full else asked_back(snapshot, spec, stable)


def asked_back(snapshot: Snapshot, spec: RolloutSpec, stable: Arm) -> Arm:
    """The stable arm, asked to have all its pods; that it had fewer stays on record until they are ready."""
    full, known = full_size(snapshot, spec, stable), snapshot.rollout.status.stable
    returns = known is not None and known.reduced is not None and counted(snapshot, whole(stable)).ready < full
    return _asked(snapshot, spec, stable, full if returns else None)


def _asked(snapshot: Snapshot, spec: RolloutSpec, stable: Arm, pods: int | None) -> Arm:
    """The stable arm asked to have so many pods, None for all; of how many is on record beside it. Without an
    autoscaler all are what the spec says, so nothing else stays on record."""
    floor = stable.floor if spec.serving.autoscaling else None
    if pods is not None:
        floor = full_size(snapshot, spec, stable)
    return counted(snapshot, stable.model_copy(update={"reduced": pods, "floor": floor}))


def _least(snapshot: Snapshot, spec: RolloutSpec, candidate: Arm, full: int) -> int:
    """Pods for what stable gets, or is to get for lost pods of the candidate; all when anything else leads back.

    Not all for a lost pod: where there is room for one more they would take that of the one that replaces it.
    """
    status, live = snapshot.rollout.status, snapshot.route
    asked, given, stage = asked_for(status.traffic), given_by(status.traffic), status.stage
    if not matches_traffic(snapshot) or live is None or stage is None:
        return full
    if stage.contradicted_at is not None or same_step(spec, stage.name, stage.index, asked) is None:
        return full
    led, taken = live.share(candidate.revision), stage.acknowledged_at is not None
    if not given.weight or (taken and led < given.weight / given.scale - _ROUNDING):
        return full  # others led it back; of what no gateway has taken, our own write may not have come through yet
    part = 1 - min(min(given.weight, borne(snapshot, candidate, asked)) / given.scale, led)
    return min(max(ceil(part * full - _ROUNDING), spec.strategy.min_pods, 1), full)


def _is_proven(snapshot: Snapshot) -> bool:
    """Whether what the stage gives is seen to be served, of late too, and what stable had before has drained. A status
    that is not kept whole would not know of it afterwards."""
    stage = snapshot.rollout.status.stage
    seen = stage is not None and stage.proven_at is not None and is_fresh(snapshot.evidence, snapshot.now)
    return seen and not snapshot.unkept and traffic_of(snapshot).untaken(snapshot) is None and not undrained(snapshot)
