"""The decision about one Rollout: name the state it is in, then choose its next step."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from crossfade.decide import beginning, progress, rehearsal, rollback, settle, teardown
from crossfade.decide.draining import acknowledged
from crossfade.decide.orders import echoed
from crossfade.decide.plan import Delete, Plan, Target
from crossfade.decide.records import is_sticky, tries_again
from crossfade.decide.routes import rehearsal_name
from crossfade.decide.scene import Scene, scene_of
from crossfade.model.snapshot import Snapshot

Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class State:
    """One state: when a Rollout is in it, and what is done then, each in words and as code."""

    name: str
    when: str
    does: str
    applies: Callable[[Scene], bool]
    plan: Callable[[Scene], Plan]


def plan_rollout(snapshot: Snapshot) -> Plan:
    """What to do now. Pure and total: every snapshot is in a state, and rollback is looked at before anything else."""
    scene = scene_of(snapshot)
    plan = state_of(scene).plan(scene)
    ledger = scene.look.ledger if scene.look else snapshot.ledger
    plan = replace(plan, status=acknowledged(snapshot, echoed(snapshot, plan, scene.look)))
    if snapshot.rehearsal is not None and not plan.rehearse:
        gone = Delete(Target.ROUTE, rehearsal_name(snapshot.rollout.name), "the rehearsal is over")
        plan = replace(plan, then=(*plan.then, gone))
    return replace(plan, ledger=ledger if plan.status.stage else None)


def state_of(scene: Scene) -> State:
    """The first state that applies; the last one always does."""
    return next(state for state in STATES if state.applies(scene))


def _sure(found: Known | None) -> Known:
    """What the state's own guard has made sure of."""
    if found is None:
        raise ValueError("a state was entered whose guard does not hold")
    return found


def _roll_back(scene: Scene) -> Plan:
    return rollback.roll_back(
        scene.snapshot, _sure(scene.stable), _sure(scene.candidate), _sure(scene.breach), scene.look
    )


def _refuse(scene: Scene) -> Plan | None:
    return rehearsal.unsupported(scene.snapshot, _sure(scene.stable), _sure(scene.asked))


def _progress(scene: Scene) -> Plan:
    asked = _sure(scene.asked)
    plan = progress.progress(scene.snapshot, _sure(scene.stable), asked, _sure(scene.resolved), scene.look)
    if not tries_again(scene.snapshot, asked):
        return plan
    return replace(plan, obeyed={**plan.obeyed, "retry": f"{asked.model_version} is tried again"})


STATES = (
    State(
        name="Deleting",
        when="the Rollout is being deleted",
        does="all traffic to stable, drain, remove the rest, let the object go",
        applies=lambda scene: scene.snapshot.rollout.deleting,
        plan=lambda scene: teardown.tear_down(scene.snapshot),
    ),
    State(
        name="Rolling back",
        when="a candidate is under way and shows a hard signal, or is aborted, or is proven worse, or its stage ended"
        " with `onInconclusive: Rollback`",
        does="all traffic to stable, then the record of it; not even the spec need be readable",
        applies=lambda scene: scene.breach is not None,
        plan=_roll_back,
    ),
    State(
        name="Stranded",
        when="a candidate that is not asked for any more has traffic and ready pods, and stable has no ready pod",
        does="what the candidate has stays its own until stable can answer",
        applies=lambda scene: scene.stranded,
        plan=lambda scene: settle.strand(scene.snapshot, _sure(scene.stable), _sure(scene.candidate)),
    ),
    State(
        name="Returning",
        when="the spec names the stable version again and its ModelVersion is unknown",
        does="all traffic to stable; the candidate drains and goes",
        applies=lambda scene: scene.unknown is not None and scene.returns,
        plan=lambda scene: settle.settle(scene.snapshot, _sure(scene.stable), None),
    ),
    State(
        name="Holding",
        when="the spec cannot be read, or its ModelVersion is missing or not resolved",
        does="nothing moves forward; the route is kept as it is asked for; what serves keeps serving",
        applies=lambda scene: scene.unknown is not None,
        plan=lambda scene: settle.hold(scene.snapshot, scene.stable, _sure(scene.unknown)),
    ),
    State(
        name="Beginning",
        when="nothing serves yet",
        does="pods, then the route, then the first version is stable",
        applies=lambda scene: scene.stable is None,
        plan=lambda scene: beginning.begin(scene.snapshot, _sure(scene.asked), _sure(scene.resolved)),
    ),
    State(
        name="Settled",
        when="the revision that is asked for is stable",
        does="all traffic to it; whatever else there is drains and goes",
        applies=lambda scene: _sure(scene.asked).revision == _sure(scene.stable).revision,
        plan=lambda scene: settle.settle(scene.snapshot, _sure(scene.stable), scene.resolved),
    ),
    State(
        name="Taken back",
        when="the revision that is asked for was rolled back or aborted, and nobody has asked again",
        does="the same, and Stalled with the sentence of the rollback",
        applies=lambda scene: is_sticky(scene.snapshot, _sure(scene.asked)),
        plan=lambda scene: settle.settle(scene.snapshot, _sure(scene.stable), None, sticky=True),
    ),
    State(
        name="Superseding",
        when="another candidate than the one that is asked for is under way",
        does="all traffic to stable; when that is acknowledged the candidate is given up",
        applies=lambda scene: scene.candidate is not None and scene.candidate.revision != _sure(scene.asked).revision,
        plan=lambda scene: settle.supersede(scene.snapshot, _sure(scene.stable), _sure(scene.candidate)),
    ),
    State(
        name="Refused",
        when="no candidate is under way yet, and a stage needs a feature that the class of a Gateway does not list, or"
        " its Gateways were not read lately",
        does="no pod is started; what serves keeps serving; the Gateways are read, and again every ten seconds",
        applies=lambda scene: _refuse(scene) is not None,
        plan=lambda scene: _sure(_refuse(scene)),
    ),
    State(
        name="Progressing",
        when="none of the above",
        does="one step of the ladder, see below",
        applies=lambda scene: True,
        plan=_progress,
    ),
)
"""In this order; the first that applies counts."""
