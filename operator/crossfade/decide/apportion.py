"""How many pods of each version stand for a weight where no gateway splits requests, and what the split is then."""

from crossfade.api.v1alpha1.replicas import PodShare
from crossfade.api.v1alpha1.rollout import Arm, RolloutSpec
from crossfade.decide.shapes import Shape, Split, split
from crossfade.model.snapshot import Snapshot


def pods_behind(shape: Shape, total: int) -> tuple[int, int]:
    """(candidate's, stable's) of the `total` pods behind the Service: to the nearest pod, halves to the candidate.

    Of a weight that is neither nothing nor all nobody is left out, so a single pod becomes one of each.
    """
    nearest = (2 * shape.weight * total + shape.scale) // (2 * shape.scale)
    mine = min(max(nearest, 1), max(total - 1, 1))
    return mine, max(total - mine, 1)


def by_pods(spec: RolloutSpec) -> bool:
    """Whether numbers of pods are the weights."""
    return spec.traffic.replicas is not None


def is_by_pods(snapshot: Snapshot) -> bool:
    """The same of a Rollout whose spec may be unreadable: then what serves now tells."""
    spec, live = snapshot.rollout.spec, snapshot.route
    return by_pods(spec) if spec is not None else live is not None and live.is_service


def apportioned(snapshot: Snapshot, stable: Arm, candidate: Arm, shape: Shape) -> Split:
    """Both arms by weight, or by numbers of pods: never more of the candidate's than are ready."""
    plain = split(stable.revision, candidate.revision, shape)
    if len(plain.weights) < 2 or not is_by_pods(snapshot):
        return plain
    spec, found = snapshot.rollout.spec, snapshot.revisions.get(stable.revision)
    total = spec.serving.least if spec is not None else found.replicas if found else 1
    mine, theirs = pods_behind(shape, total)
    fewer = min(mine, max(candidate.ready, 1))
    return Split({stable.revision: theirs + mine - fewer, candidate.revision: fewer})


def share_of(snapshot: Snapshot, candidate: Arm, wanted: Split) -> PodShare | None:
    """The same for the status; None where a gateway splits, or one arm has everything."""
    if len(wanted.weights) < 2 or not is_by_pods(snapshot):
        return None
    return PodShare(pods=wanted.weights[candidate.revision], of=sum(wanted.weights.values()))
