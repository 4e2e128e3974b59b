"""Which children a plan must create, scale or remove. Deployments are immutable: made once, then only scaled."""

from collections.abc import Iterable, Iterator
from typing import Any

from crossfade.api import meta
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.rollout import Arm, RolloutSpec
from crossfade.decide.apportion import is_by_pods
from crossfade.decide.capacity import needed, size_of
from crossfade.decide.plan import Action, Apply, Delete, Scale, Target
from crossfade.decide.previous import kept
from crossfade.decide.route_kinds import KINDS, kind_of
from crossfade.decide.scaling import autoscaler, budget, is_as_asked
from crossfade.decide.starting import is_same, slowest
from crossfade.decide.workloads import deployment, has_ports, service, target_arm
from crossfade.model.moments import stamp
from crossfade.model.snapshot import RolloutFacts, Snapshot
from crossfade.model.workload import RevisionFacts

Json = dict[str, Any]


def ensure(
    snapshot: Snapshot, spec: RolloutSpec, arm: Arm, resolved: Resolved | None, *, hasty: bool = False
) -> tuple[Action, ...]:
    """What is missing of a revision. Pods can be made only where it is known which bytes they must serve."""
    rollout, found = snapshot.rollout, snapshot.revisions.get(arm.revision)
    actions: list[Action] = []
    if found is None and resolved is not None:
        body = deployment(rollout, spec, arm, resolved, snapshot.platform, size_of(spec, arm))
        actions.append(Apply(Target.DEPLOYMENT, body, f"{arm.model_version} needs pods"))
    return (*actions, *_backend(snapshot, spec, arm), *sized(snapshot, arm, hasty=hasty))


def upheld(snapshot: Snapshot, *arms: Arm, hasty: bool = False) -> tuple[Action, ...]:
    """What is missing of arms that are there, and of those that can be made again as they were; `hasty` where an
    autoscaler is to let their pods go soon."""
    spec = snapshot.rollout.spec
    if spec is None:
        return ()
    known = [(arm, _bytes_of(snapshot, spec, arm)) for arm in arms]
    there = [(arm, resolved) for arm, resolved in known if resolved or arm.revision in snapshot.revisions]
    return tuple(one for arm, resolved in there for one in ensure(snapshot, spec, arm, resolved, hasty=hasty))


def backed(snapshot: Snapshot, arm: Arm) -> tuple[Action, ...]:
    """The Service that a managed route names, if it is gone or changed."""
    spec = snapshot.rollout.spec
    if spec is None or arm.revision not in snapshot.revisions or snapshot.adoption is not None or is_by_pods(snapshot):
        return ()
    return _backend(snapshot, spec, arm)


def _backend(snapshot: Snapshot, spec: RolloutSpec, arm: Arm) -> tuple[Action, ...]:
    """Its Service, where that does not lead to its pods by their port; what others add to it is theirs."""
    found, live = snapshot.revisions.get(arm.revision), snapshot.route
    kind = KINDS.get(live.kind) if live else None  # while another kind is asked for, the stored one is served
    body = service(snapshot.rollout, arm, kind or kind_of(spec.traffic.gateway_api))
    if found is None or found.service is None:
        return (Apply(Target.SERVICE, body, f"{arm.model_version} needs a backend"),)
    if live is None or _leads_to(body["spec"], found.service["spec"]):  # without a route nobody knows of what kind
        return ()
    return (Apply(Target.SERVICE, body, f"others changed the backend of {arm.model_version}"),)


def _leads_to(asked: Json, live: Json) -> bool:
    """Whether a write of ours would change nothing."""
    return has_ports(asked, live) and live.get("selector") == asked["selector"]


def _bytes_of(snapshot: Snapshot, spec: RolloutSpec, arm: Arm) -> Resolved | None:
    """What the pods of an arm must serve, where a ModelVersion says so still and the spec would make the same pods;
    from an edited one others would come, under another name."""
    versions = (snapshot.version, snapshot.stable_version)
    known = (one.resolved for one in versions if one is not None and one.resolved is not None)
    same = (one for one in known if one.digest == arm.digest)
    return next((one for one in same if target_arm(snapshot.rollout, spec, one).revision == arm.revision), None)


def sized(snapshot: Snapshot, arm: Arm, *, hasty: bool = False) -> tuple[Action, ...]:
    """Bring an arm to the pods that it must have, by its autoscaler if there is to be one: a number has one owner.

    Without a readable spec everything stays as it is.
    """
    spec, found = snapshot.rollout.spec, snapshot.revisions.get(arm.revision)
    if spec is None or found is None:
        return ()
    size, scaling = size_of(spec, arm), spec.serving.autoscaling
    why = f"{arm.model_version} must have {size} pods"
    actions: list[Action] = []
    if scaling is not None:
        body = autoscaler(snapshot.rollout, arm, scaling, size, found.autoscaler, hasty=hasty)
        if not is_as_asked(body, found.autoscaler):
            actions.append(Apply(Target.AUTOSCALER, body, f"{why} at least"))
    elif found.autoscaler is not None:
        actions.append(Delete(Target.AUTOSCALER, arm.revision, "serving.autoscaling is not asked for any more"))
    if found.replicas != size and (scaling is None or found.replicas == 0):  # at 0 an autoscaler does nothing any more
        actions.append(Scale(arm.revision, size, why))
    return (*actions, *_budgeted(snapshot, arm, found.budget, scaling.most if scaling else size))


def _budgeted(snapshot: Snapshot, arm: Arm, known: Json | None, pods: int) -> tuple[Action, ...]:
    """The budget of an arm that has, or may have, so many pods. One pod needs none: it could not be moved."""
    body = budget(snapshot.rollout, arm)
    if pods > 1 and not is_as_asked(body, known):
        return (Apply(Target.BUDGET, body, f"of {pods} pods one at a time may be moved"),)
    if pods == 1 and known is not None:
        return (Delete(Target.BUDGET, arm.revision, "its one pod must be free to move"),)
    return ()


def leftovers(snapshot: Snapshot, keep: Iterable[str]) -> tuple[str, ...]:
    """Revisions that exist beside those to keep, and those that a route leads to which was left behind."""
    reached = snapshot.left_behind.reached if snapshot.left_behind else frozenset()
    return tuple(revision for revision in snapshot.revisions if revision not in reached.union(keep))


def roles(snapshot: Snapshot, *arms: Arm) -> tuple[str, ...]:
    """The revisions to keep: those of the arms, and the version before for its time."""
    before = kept(snapshot)
    return tuple(arm.revision for arm in (*arms, before) if arm is not None)


def waiting_arm(snapshot: Snapshot, candidate: Arm | None) -> tuple[Action, ...]:
    """Keep the version before at the pods that it must have, if there is one that is not on its way back."""
    before = kept(snapshot)
    goes = before is not None and candidate is not None and before.revision == candidate.revision
    return sized(snapshot, before) if before and not goes else ()


def removal(snapshot: Snapshot, keep: Iterable[str]) -> tuple[Action, ...]:
    """Delete every revision but those to keep. Only for a route that is acknowledged without them, once drained."""
    return tuple(
        Delete(target, revision, "it has no traffic and no role any more")
        for revision in leftovers(snapshot, keep)
        for target in _children(snapshot.revisions[revision])
    )


def _children(found: RevisionFacts) -> Iterator[Target]:
    """What there is of a revision; the Deployment last, for by it the others are found."""
    if found.autoscaler is not None:
        yield Target.AUTOSCALER
    if found.budget is not None:
        yield Target.BUDGET
    if found.service is not None:
        yield Target.SERVICE
    yield Target.DEPLOYMENT


def finalizer(rollout: RolloutFacts, *, wanted: bool) -> tuple[Action, ...]:
    """Hold or release the Rollout; it is held only while a candidate exists, so that deleting it leaves no split."""
    if rollout.finalizer == wanted:
        return ()
    metadata = {
        "name": rollout.name,
        "namespace": rollout.namespace,
        "uid": rollout.uid,
        "finalizers": [meta.FINALIZER] if wanted else [],
    }
    body = {"apiVersion": meta.API_VERSION, "kind": "Rollout", "metadata": metadata}
    why = "deleting it now would leave traffic split" if wanted else "nothing is left to undo"
    return (Apply(Target.ROLLOUT, body, why),)


def answers(snapshot: Snapshot, arm: Arm | None) -> bool:
    """Whether there is such an arm, and it has a ready pod."""
    found = snapshot.revisions.get(arm.revision) if arm else None
    return found is not None and found.ready > 0


def counted(snapshot: Snapshot, arm: Arm) -> Arm:
    """The arm with its replicas as observed, and since when it waits for what."""
    found, must, now = snapshot.revisions.get(arm.revision), needed(snapshot, arm), stamp(snapshot.now)
    replicas, ready = (found.replicas, min(found.ready, found.replicas)) if found else (0, 0)  # others are on their way
    up = min(found.up, replicas) if found else 0
    known = (snapshot.rollout.status.stable, snapshot.rollout.status.candidate)
    before = next((one for one in known if one and one.revision == arm.revision), arm)
    wait = slowest(found, must) if ready < must else None
    goes_on = wait is not None and before.waits_since is not None and is_same(before.waits_for, wait.cause)
    warm = [pod.warm for pod in found.pods if pod.warm is not None] if found else []
    born = stamp(min(found.created_at, snapshot.now)) if found else ""  # what there was not, took no time to start
    unready = max(before.unready_since or now, born)
    return arm.model_copy(
        update={
            "replicas": replicas,
            "ready": ready,
            "unready_since": None if up >= must else unready,  # for slices that are late no deadline runs
            "waits_for": wait.cause if wait else None,
            "waits_since": (max(before.waits_since or now, born) if goes_on else now) if wait else None,
            "warm": sum(warm) if warm else None,
        }
    )
