"""How many pods an arm must have: the candidate what its share takes, stable what takes everything back."""

from collections.abc import Iterator
from dataclasses import replace

from crossfade.api.v1alpha1.rollout import Arm, RolloutSpec
from crossfade.decide.apportion import by_pods, pods_behind
from crossfade.decide.going_back import goes_back
from crossfade.decide.shapes import Shape, asked_for
from crossfade.decide.stages import Step, last_step, same_step, step_at, step_within
from crossfade.model.moments import moment
from crossfade.model.snapshot import Snapshot

_SETTLING_SECONDS = 300.0
"""How long an autoscaler may judge by the load of before: Kubernetes' own window of stabilisation."""


def pods_for(shape: Shape, full: int) -> int:
    """Pods that carry what a shape gives, when `full` carry everything. A cohort may be anybody, so all of them."""
    if shape.headers:
        return full
    if shape.shadow:
        return -(-shape.shadow * full // 100)
    return max(-(-shape.weight * full // shape.scale), 1)


def step_pods(spec: RolloutSpec, step: Step, full: int) -> int:
    """The same of a rung: `strategy.minPods` at least, unless pods are the weight. One that gives nothing has the pods
    of the next that does."""
    shape = next(shape for shape in _onwards(spec, step) if not shape.is_nothing)
    if by_pods(spec):
        return pods_for(shape, full) if shape.is_all else pods_behind(shape, full)[0]
    return max(pods_for(shape, full), min(spec.strategy.min_pods, full))


def _onwards(spec: RolloutSpec, step: Step) -> Iterator[Shape]:
    yield step.shape
    yield from (step_at(spec, index).shape for index in range(step.index + 1, len(spec.strategy.stages) + 2))


def current_step(snapshot: Snapshot, spec: RolloutSpec, candidate: str) -> Step:
    """The rung that the candidate, a revision, is on or starts for."""
    status = snapshot.rollout.status
    if status.stage is None:
        return last_step(spec) if goes_back(snapshot, candidate) else step_at(spec, 0)
    given = asked_for(status.traffic)
    return same_step(spec, status.stage.name, status.stage.index, given) or step_within(spec, given)


def full(snapshot: Snapshot, spec: RolloutSpec) -> int:
    """Pods that carry everything: what the spec says or, with an autoscaler, what the stable version has by now."""
    scaling, stable = spec.serving.autoscaling, snapshot.rollout.status.stable
    found = snapshot.revisions.get(stable.revision) if stable else None
    if scaling is None or stable is None or found is None:
        return spec.serving.least
    return min(max(found.replicas, stable.floor or 0, scaling.least), scaling.most)


def needed(snapshot: Snapshot, arm: Arm) -> int:
    """Pods of the arm that must be ready for what it does just now."""
    spec, stable = snapshot.rollout.spec, snapshot.rollout.status.stable
    if spec is None:
        found = snapshot.revisions.get(arm.revision)
        return found.replicas if found else 0
    if stable is None or arm.revision == stable.revision:
        return size_of(spec, arm)
    most, given = full(snapshot, spec), asked_for(snapshot.rollout.status.traffic)
    pods = step_pods(spec, current_step(snapshot, spec, arm.revision), most)
    taken_over = snapshot.rollout.status.stage is None and given.weight
    return max(pods, pods_for(given, most)) if taken_over else pods


def stands_in(snapshot: Snapshot, candidate: Arm) -> bool:
    """Whether the candidate took over what it has, unjudged, while stable could not answer."""
    status = snapshot.rollout.status
    unjudged = status.stage is None and not asked_for(status.traffic).is_nothing
    return unjudged and not goes_back(snapshot, candidate.revision)


def is_relieved(snapshot: Snapshot, stable: Arm, candidate: Arm) -> bool:
    """The same, and stable has all pods again that take it back."""
    return stands_in(snapshot, candidate) and stable.ready >= max(needed(snapshot, stable), 1)


def size_of(spec: RolloutSpec, arm: Arm) -> int:
    """Pods that the arm must have at least."""
    scaling = spec.serving.autoscaling
    asked = spec.serving.least if arm.floor is None else arm.floor
    asked = min(max(asked, 1), scaling.most) if scaling else asked
    return asked if arm.reduced is None else min(arm.reduced, asked)


def whole(arm: Arm) -> Arm:
    """The stable arm as it must be to take everything."""
    return arm.model_copy(update={"reduced": None})


def full_size(snapshot: Snapshot, spec: RolloutSpec, stable: Arm) -> int:
    """Pods with which stable takes everything, whatever it is asked to have just now."""
    return size_of(spec, whole(held(snapshot, spec, stable)))


def held(snapshot: Snapshot, spec: RolloutSpec, stable: Arm) -> Arm:
    """The stable arm of a rollout under way: an autoscaler keeps it at what it had when that began. Where it was made
    smaller that is on record: the pods that there are would not tell, should an autoscaler come meanwhile."""
    scaling, found = spec.serving.autoscaling, snapshot.revisions.get(stable.revision)
    if scaling is None:
        return stable.model_copy(update={"floor": None})
    known = stable.floor if snapshot.rollout.status.candidate else None
    asked = max(stable.floor or 0, found.replicas if found else 0) if known is None else known
    return stable.model_copy(update={"floor": min(max(asked, scaling.least), scaling.most)})


def grown(snapshot: Snapshot, spec: RolloutSpec, stable: Arm, candidate: Arm) -> Arm:
    """The candidate with what it needs now: never less than it was asked to have, unless all are to be fewer."""
    known = snapshot.rollout.status.candidate
    before = known.floor if known and known.revision == candidate.revision else _kept_pods(snapshot, candidate)
    asked = needed(snapshot, candidate)
    if before is not None and not _falls(snapshot, spec, stable):
        asked = min(max(before, asked), full(snapshot, spec))
    return candidate.model_copy(update={"floor": asked})


def _kept_pods(snapshot: Snapshot, candidate: Arm) -> int | None:
    """The pods that a version brings which was kept: they were paid for, and to load them again would take time."""
    previous = snapshot.rollout.status.previous
    return candidate.replicas if previous and previous.revision == candidate.revision else None


def _falls(snapshot: Snapshot, spec: RolloutSpec, stable: Arm) -> bool:
    """Whether fewer pods are to carry everything than do."""
    scaling, found = spec.serving.autoscaling, snapshot.revisions.get(stable.revision)
    known = snapshot.rollout.status.stable
    if scaling is not None:
        return known is not None and (known.floor or 0) > scaling.most
    return found is not None and found.replicas > spec.serving.least


def settling(snapshot: Snapshot) -> float:
    """Seconds for which an autoscaler may not shrink what serves: it has watched a part of the load until just now."""
    spec, status = snapshot.rollout.spec, snapshot.rollout.status
    if spec is None or spec.serving.autoscaling is None:
        return 0.0
    if status.candidate is not None:
        return _SETTLING_SECONDS
    return max(moment(status.outcome.at) + _SETTLING_SECONDS - snapshot.now, 0.0) if status.outcome else 0.0


def resting(snapshot: Snapshot, arm: Arm) -> Arm:
    """The arm that serves everything."""
    return arm if arm.floor is None or settling(snapshot) else arm.model_copy(update={"floor": None})


def given_with(snapshot: Snapshot, candidate: Arm) -> int:
    """Ready pods with which the candidate carries what it is asked to get."""
    traffic, pods = snapshot.rollout.status.traffic, needed(snapshot, candidate)
    return min(traffic.pods, pods) if traffic and traffic.pods else pods


def carrying(snapshot: Snapshot, candidate: Arm, shape: Shape) -> int:
    """Ready pods that carry a shape: of those it was given with, what `strategy.minPods` adds may be lost."""
    spec, pods = snapshot.rollout.spec, given_with(snapshot, candidate)
    return pods if spec is None else min(pods, pods_for(shape, full(snapshot, spec)))


def borne(snapshot: Snapshot, candidate: Arm, shape: Shape) -> int:
    """Of a shape's weight, in parts of its scale, what the candidate's ready pods carry."""
    pods = max(carrying(snapshot, candidate, shape), 1)
    return shape.weight * min(candidate.ready, pods) // pods


def carried(snapshot: Snapshot, stable: Arm, candidate: Arm, shape: Shape) -> Shape:
    """What is left of a shape when the candidate has lost pods: stable gets as much of theirs as its own can carry. Of
    one that answers nobody it gets everything, as soon as it answers itself, be it with too few pods: some is more than
    nothing. What is a cohort's or a copy goes with it."""
    if not candidate.ready and stable.ready:
        return Shape(0, shape.scale)
    pods, back = carrying(snapshot, candidate, shape), max(needed(snapshot, whole(stable)), 1)
    if not shape.weight or not 0 < candidate.ready < pods:
        return shape
    mine, theirs = borne(snapshot, candidate, shape), shape.scale * min(stable.ready, back) // back
    return replace(shape, weight=max(min(shape.weight, max(mine, shape.scale - theirs)), 1))
