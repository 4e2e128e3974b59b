"""The decision about one Rollout: name the state it is in, then choose its next step."""

from dataclasses import replace

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide import beginning, progress, rollback, settle, teardown
from crossfade.decide.children import counted
from crossfade.decide.draining import acknowledged
from crossfade.decide.look import Look, look_at
from crossfade.decide.orders import echoed
from crossfade.decide.plan import Plan, Situation, Standing
from crossfade.decide.records import is_sticky, tries_again
from crossfade.decide.workloads import target_arm, unfit
from crossfade.model.snapshot import Snapshot


def plan_rollout(snapshot: Snapshot) -> Plan:
    """What to do now. Pure and total: every snapshot has a plan, and rollback is looked at before anything else."""
    look = look_at(snapshot)
    plan = _plan(snapshot, look)
    ledger = look.ledger if look else snapshot.ledger
    plan = replace(plan, status=acknowledged(snapshot, echoed(snapshot, plan, look)))
    return replace(plan, ledger=ledger if plan.status.stage else None)


def _plan(snapshot: Snapshot, look: Look | None) -> Plan:
    rollout = snapshot.rollout
    if rollout.deleting:
        return teardown.tear_down(snapshot)
    stable = rollout.status.stable or _recovered(snapshot)
    candidate = rollout.status.candidate
    if stable is not None and candidate is not None:
        breach = rollback.breach(snapshot, candidate, look)
        if breach is not None:
            return rollback.roll_back(snapshot, stable, candidate, breach, look)
    target = _target(snapshot)
    if isinstance(target, Situation) and stable is not None and _returns(snapshot, stable):
        return _stuck(snapshot, stable) or settle.settle(snapshot, stable, None)
    if isinstance(target, Situation):
        return settle.hold(snapshot, stable, target)
    arm, resolved = target
    if stable is None:
        return beginning.begin(snapshot, arm, resolved)
    if candidate is not None and candidate.revision != arm.revision and (stuck := _stuck(snapshot, stable)):
        return stuck
    if arm.revision == stable.revision or is_sticky(snapshot, arm):
        own = arm.revision == stable.revision
        return settle.settle(snapshot, stable, resolved if own else None, sticky=not own)
    if candidate is not None and candidate.revision != arm.revision:
        return settle.supersede(snapshot, stable, candidate)
    plan = progress.progress(snapshot, stable, arm, resolved, look)
    again = f"{arm.model_version} is tried again" if tries_again(snapshot, arm) else ""
    return replace(plan, obeyed={**plan.obeyed, "retry": again}) if again else plan


def _stuck(snapshot: Snapshot, stable: Arm) -> Plan | None:
    """A candidate that nobody wants any more is kept while it alone can answer."""
    candidate, route = snapshot.rollout.status.candidate, snapshot.route
    if candidate is None or route is None or candidate.revision not in route.reached:
        return None
    if counted(snapshot, stable).ready or not counted(snapshot, candidate).ready:
        return None
    nowhere = f"{stable.model_version} has no ready pod to go back to"
    message = f"{candidate.model_version} keeps its traffic although it should go, for {nowhere}"
    return settle.hold(snapshot, stable, Situation(Standing.IN_PROGRESS, Reason.NOT_SERVING, message))


def _returns(snapshot: Snapshot, stable: Arm) -> bool:
    """Whether the spec names the stable version again, which needs no look at its ModelVersion: it serves already."""
    spec, candidate = snapshot.rollout.spec, snapshot.rollout.status.candidate
    if spec is None or candidate is None:
        return False
    return spec.model_version == stable.model_version != candidate.model_version


def _target(snapshot: Snapshot) -> tuple[Arm, Resolved] | Situation:
    """The revision that the spec asks for, or why there is none yet."""
    rollout, version = snapshot.rollout, snapshot.version
    if rollout.spec is None:
        return Situation(Standing.FAILED, Reason.INVALID_SPEC, rollout.spec_error)
    name = rollout.spec.model_version
    if version is None:
        return Situation(
            Standing.IN_PROGRESS,
            Reason.WAITING_FOR_MODEL_VERSION,
            f"ModelVersion {name} does not exist in this namespace",
        )
    if version.resolved is None:
        standing = Standing.FAILED if version.failed else Standing.IN_PROGRESS
        return Situation(
            standing, Reason.WAITING_FOR_MODEL_VERSION, f"ModelVersion {name} is not resolved: {version.message}"
        )
    problem = unfit(rollout.spec.serving)
    if problem is not None:
        return Situation(Standing.FAILED, Reason.INVALID_SPEC, problem)
    return target_arm(rollout, rollout.spec, version.resolved), version.resolved


def _recovered(snapshot: Snapshot) -> Arm | None:
    """The stable arm read off a route that outlived its Rollout's status: the revision that was there first."""
    weights = snapshot.route.weights if snapshot.route else {}
    alive = [snapshot.revisions[name] for name in weights if name in snapshot.revisions]
    if not alive:
        return None
    oldest = min(alive, key=lambda revision: (revision.created_at, revision.revision))
    candidate = snapshot.rollout.status.candidate
    if candidate is not None and candidate.revision == oldest.revision:
        return None  # its own first roll-out, which `beginning` finishes
    return Arm(model_version=oldest.model_version, revision=oldest.revision, digest=oldest.digest)
