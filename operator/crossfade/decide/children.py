"""Which children a plan must create, scale or remove. Deployments are immutable: made once, then only scaled."""

from collections.abc import Iterable

from crossfade.api import meta
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.rollout import Arm, RolloutSpec
from crossfade.decide.plan import Action, Apply, Delete, Scale, Target
from crossfade.decide.workloads import deployment, service
from crossfade.model.moments import moment, stamp
from crossfade.model.snapshot import RolloutFacts, Snapshot


def ensure(snapshot: Snapshot, spec: RolloutSpec, arm: Arm, resolved: Resolved | None) -> tuple[Action, ...]:
    """What is missing of a revision. Pods can be made only where it is known which bytes they must serve."""
    rollout, found = snapshot.rollout, snapshot.revisions.get(arm.revision)
    actions: list[Action] = []
    if found is None and resolved is not None:
        body = deployment(rollout, spec, arm, resolved, snapshot.platform)
        actions.append(Apply(Target.DEPLOYMENT, body, f"{arm.model_version} needs pods"))
    if found is None or found.service is None:
        actions.append(Apply(Target.SERVICE, service(rollout, arm), f"{arm.model_version} needs a backend"))
    return (*actions, *scaled(snapshot, arm))


def scaled(snapshot: Snapshot, arm: Arm) -> tuple[Action, ...]:
    """Bring an arm to the replicas of the spec; without a readable spec it stays as it is."""
    spec, found = snapshot.rollout.spec, snapshot.revisions.get(arm.revision)
    if spec is None or found is None or found.replicas == spec.serving.replicas:
        return ()
    return (Scale(arm.revision, spec.serving.replicas, f"serving.replicas is {spec.serving.replicas}"),)


def leftovers(snapshot: Snapshot, keep: Iterable[str]) -> tuple[str, ...]:
    """Revisions that exist beside those to keep."""
    return tuple(revision for revision in snapshot.revisions if revision not in set(keep))


def removal(snapshot: Snapshot, keep: Iterable[str]) -> tuple[Action, ...]:
    """Delete every revision but those to keep. Only for a route that is acknowledged without them, once drained."""
    gone = leftovers(snapshot, keep)
    return tuple(
        Delete(target, revision, "it has no traffic and no role any more")
        for revision in gone
        for target in (Target.DEPLOYMENT, Target.SERVICE)
    )


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


def counted(snapshot: Snapshot, arm: Arm) -> Arm:
    """The arm with its replicas as observed."""
    found, spec = snapshot.revisions.get(arm.revision), snapshot.rollout.spec
    replicas, ready = (found.replicas, found.ready) if found else (0, 0)
    wanted = spec.serving.replicas if spec else replicas
    known = (snapshot.rollout.status.stable, snapshot.rollout.status.candidate)
    since = next((one.unready_since for one in known if one and one.revision == arm.revision), None)
    unready = None if ready >= wanted else since or stamp(snapshot.now)
    return arm.model_copy(update={"replicas": replicas, "ready": ready, "unready_since": unready})


def unready_seconds(snapshot: Snapshot, arm: Arm) -> float:
    """For how long fewer pods of the arm than asked for have been ready."""
    since = counted(snapshot, arm).unready_since
    return snapshot.now - moment(since) if since else 0.0
