"""The decision about one Rollout: name the state it is in, then choose its next step."""

from dataclasses import replace

from crossfade.api.conditions import Reason
from crossfade.decide import beginning, clearing, handing_back, progress, refusing, rollback, settle, stranded, teardown
from crossfade.decide.accepting import accepted
from crossfade.decide.adopted import remembered
from crossfade.decide.apportion import is_by_pods
from crossfade.decide.draining import acknowledged
from crossfade.decide.drift import put_right
from crossfade.decide.entry import tended
from crossfade.decide.front import moves
from crossfade.decide.going_back import bounded
from crossfade.decide.orders import echoed, pending, with_waiting_abort
from crossfade.decide.overdue import given_notice
from crossfade.decide.plan import Action, Apply, Delete, Plan, Target
from crossfade.decide.previous import with_previous
from crossfade.decide.reading import AGAIN_SECONDS, is_due
from crossfade.decide.recalled import recalled
from crossfade.decide.records import is_sticky, timed, tries_again
from crossfade.decide.routes import rehearsal_name
from crossfade.decide.scene import Scene, scene_of
from crossfade.decide.stalled import still_said
from crossfade.decide.state import PODS, State, first_of, sure
from crossfade.decide.warmed import warmed
from crossfade.model.snapshot import Snapshot


def plan_rollout(snapshot: Snapshot) -> Plan:
    """What to do now. Pure and total: every snapshot is in a state, and nothing comes before a rollback that can be."""
    snapshot = recalled(warmed(snapshot))
    scene = scene_of(snapshot)
    plan = first_of(STATES, scene).plan(scene)
    ledger = scene.look.ledger if scene.look else snapshot.ledger
    told = echoed(snapshot, plan, scene.look, scene.asked, leaves=scene.hands_back)
    status = acknowledged(snapshot, told if scene.hands_back else handing_back.called_off(told))
    status = bounded(snapshot, with_previous(snapshot, timed(snapshot, status)))
    plan = replace(plan, status=remembered(snapshot, status, (*plan.first, *plan.then)))
    if snapshot.rehearsal is not None and not plan.rehearse:
        gone = Delete(Target(snapshot.rehearsal.kind), rehearsal_name(snapshot.rollout.name), "the rehearsal is over")
        plan = replace(plan, then=(*plan.then, gone))
    if not any(_is_of_entry(one, snapshot.rollout.name) for one in (*plan.first, *plan.then)):
        plan = replace(plan, first=(*tended(snapshot), *plan.first))
    plan = given_notice(snapshot, still_said(snapshot, put_right(snapshot, plan)))
    plan = accepted(snapshot, plan, scene.asked)
    return _scouting(snapshot, replace(plan, ledger=ledger if plan.status.stage else None))


def _scouting(snapshot: Snapshot, plan: Plan) -> Plan:
    """The plan, with the Gateways read every ten seconds for as long as anything hangs on what they are."""
    if snapshot.rollout.deleting or is_by_pods(snapshot):
        return replace(plan, scout=False)
    if not (plan.scout or plan.status.candidate or moves(snapshot)):
        return plan
    again = AGAIN_SECONDS if plan.look_again is None else min(plan.look_again, AGAIN_SECONDS)
    return replace(plan, scout=is_due(snapshot), look_again=again)


def _is_of_entry(action: Action, name: str) -> bool:
    """Whether it writes the Service that clients call."""
    return isinstance(action, Apply) and action.target is Target.SERVICE and action.body["metadata"]["name"] == name


def _strand(scene: Scene) -> Plan:
    plan = stranded.strand(scene.snapshot, sure(scene.stable), scene.asked, scene.resolved, scene.breach)
    return plan if scene.asked is None else _tried_again(scene, plan)


def _roll_back(scene: Scene) -> Plan:
    why = sure(scene.breach)
    plan = rollback.roll_back(scene.snapshot, sure(scene.stable), sure(scene.candidate), why, scene.look)
    # an abort is of what is asked for, too: it is answered when that is called off
    return replace(plan, obeyed={}) if scene.wants_a_third else plan


def _hand_back(scene: Scene) -> Plan:
    arms = sure(scene.stable), sure(scene.candidate)
    # an abort is of what is asked for, too: it is answered when that is called off
    ordered = scene.breach is not None and "abort" in pending(scene.snapshot.rollout) and not scene.wants_a_third
    return handing_back.hand_back(scene.snapshot, *arms, scene.breach, scene.look, ordered=ordered)


def _hold(scene: Scene) -> Plan:
    return settle.hold(scene.snapshot, scene.stable, with_waiting_abort(scene.snapshot, sure(scene.unknown)))


def _refuse_first(scene: Scene) -> Plan | None:
    return refusing.refuse_first(scene.snapshot, sure(scene.asked))


def _refuse(scene: Scene) -> Plan | None:
    return refusing.refuse(scene.snapshot, sure(scene.stable), sure(scene.asked))


def _progress(scene: Scene) -> Plan:
    plan = progress.progress(scene.snapshot, sure(scene.stable), sure(scene.asked), sure(scene.resolved), scene.look)
    return _tried_again(scene, plan)


def _must_clear(scene: Scene) -> bool:
    return not scene.goes_back and clearing.must_clear(scene.snapshot, sure(scene.stable), sure(scene.asked))


def _clear(scene: Scene) -> Plan:
    return _tried_again(scene, clearing.clear(scene.snapshot, sure(scene.stable), sure(scene.asked)))


def _tried_again(scene: Scene, plan: Plan) -> Plan:
    """The plan, which carries out an order to try again if there is one."""
    asked = sure(scene.asked)
    if not tries_again(scene.snapshot, asked):
        return plan
    return replace(plan, obeyed={**plan.obeyed, "retry": f"{asked.model_version} is tried again"})


STATES: tuple[State[Scene], ...] = (
    State(
        name="Handing back",
        when="the candidate is to go, by an order, the evidence, some of its pods, another version or a deletion, and"
        " it answers with the right bytes; stable was made smaller by `strategy.stableCapacity`, and those of its pods"
        " that are ready do not carry all",
        does="stable is given all its pods, and of the requests what those that are ready carry; the candidate keeps"
        " the rest, and pods for that; where its own pods are the reason, no more than those that are ready carry\n"
        "after a deadline of `startup`, whatever holds it up, it is said that this stands still, and whoever aborts"
        " then goes on as below; a deletion waits for 40 seconds\n"
        "then, and at once when its bytes are others or none of its pods answers, it goes on as below",
        seen=(
            Reason.WAITING_FOR_CAPACITY,
            Reason.NO_CAPACITY,
            Reason.NOT_ACKNOWLEDGED,
            Reason.ROUTE_INVALID,
            Reason.ROUTE_CONTESTED,
        ),
        code=handing_back.hand_back,
        applies=lambda scene: scene.hands_back,
        plan=_hand_back,
    ),
    State(
        name="Deleting",
        when="the Rollout is being deleted",
        does="all traffic to stable, drain, remove the rest, let the object go",
        seen=(Reason.DRAINING,),
        code=teardown.tear_down,
        applies=lambda scene: scene.snapshot.rollout.deleting,
        plan=lambda scene: teardown.tear_down(scene.snapshot),
    ),
    State(
        name="Stranded",
        when="stable has no ready pod, and requests are answered by a version that is not asked for any more, or shows"
        " what it would be taken back for; or would be, had nobody deleted the route",
        does="who answers goes on; stable is given pods, and traffic, or all of it, as soon as one is ready\n"
        "a third version that is asked for is given pods too; when they are ready it gets everything if it is a way"
        " back, and need not wait for more of them than carry what is answered meanwhile; or else what the other was"
        " given, and its stages begin when stable can answer\n"
        "a version that is back with everything is promoted first",
        seen=(Reason.NOT_SERVING, Reason.SHIFTING, Reason.WAITING_FOR_GATEWAY, Reason.PROMOTED),
        code=stranded.strand,
        applies=lambda scene: scene.stranded,
        plan=_strand,
    ),
    State(
        name="Rolling back",
        when="a candidate is under way and shows a hard signal, or is aborted, or is proven worse, or its stage ended"
        " with `onInconclusive: Rollback`",
        does="all traffic to stable, then the record of it; not even the spec need be readable",
        seen=(Reason.ROLLED_BACK, Reason.ABORTED),
        code=rollback.roll_back,
        applies=lambda scene: scene.breach is not None,
        plan=_roll_back,
    ),
    State(
        name="Returning unresolved",
        when="the spec names the stable version again and its ModelVersion is not known; where it is, that is Settled",
        does="all traffic to stable; the candidate drains and goes",
        seen=(Reason.WAITING_FOR_GATEWAY, Reason.ROUTE_INVALID, Reason.ROUTE_CONTESTED, Reason.PROMOTED),
        code=settle.settle,
        applies=lambda scene: scene.unknown is not None and scene.returns,
        plan=lambda scene: settle.settle(scene.snapshot, sure(scene.stable)),
    ),
    State(
        name="Holding",
        when="the spec cannot be read, or its ModelVersion is missing or not resolved",
        does="nothing moves forward; the route is kept as it is asked for; what serves keeps serving\n"
        "an order to abort waits until it is known what is asked for",
        seen=(Reason.WAITING_FOR_MODEL_VERSION, Reason.INVALID_SPEC),
        code=settle.hold,
        applies=lambda scene: scene.unknown is not None,
        plan=_hold,
    ),
    State(
        name="Not admitted",
        when="nothing serves yet, there is no route, and others have the requests that it asks for, or a Gateway does"
        " not exist or would not take it, or was not read lately",
        does="no pod is started, no route is written; the Gateways are read, and again every ten seconds",
        seen=(Reason.WAITING_FOR_GATEWAY, Reason.NOT_ADMITTED, Reason.HOST_TAKEN),
        code=refusing.refuse_first,
        applies=lambda scene: scene.stable is None and _refuse_first(scene) is not None,
        plan=lambda scene: sure(_refuse_first(scene)),
    ),
    State(
        name="Beginning",
        when="nothing serves yet",
        does="pods, then the route, then the first version is stable",
        seen=(
            *PODS,
            Reason.NOT_SERVING,
            Reason.WAITING_FOR_GATEWAY,
            Reason.ROUTE_INVALID,
            Reason.ROUTE_CONTESTED,
            Reason.PROMOTED,
        ),
        code=beginning.begin,
        applies=lambda scene: scene.stable is None,
        plan=lambda scene: beginning.begin(scene.snapshot, sure(scene.asked), sure(scene.resolved)),
    ),
    State(
        name="Settled",
        when="the revision that is asked for is stable",
        does="all traffic to it; whatever else there is drains and goes",
        seen=(
            Reason.PROMOTED,
            Reason.WAITING_FOR_GATEWAY,
            Reason.NOT_SERVING,
            Reason.NOT_ADMITTED,
            Reason.HOST_TAKEN,
            Reason.ROUTE_INVALID,
            Reason.ROUTE_CONTESTED,
        ),
        code=settle.settle,
        applies=lambda scene: sure(scene.asked).revision == sure(scene.stable).revision,
        plan=lambda scene: settle.settle(scene.snapshot, sure(scene.stable)),
    ),
    State(
        name="Taken back",
        when="the revision that is asked for was rolled back or aborted, and nobody has asked again",
        does="the same, and Stalled with the sentence of the rollback",
        seen=(Reason.ROLLED_BACK, Reason.ABORTED),
        code=settle.settle,
        applies=lambda scene: is_sticky(scene.snapshot, sure(scene.asked)),
        plan=lambda scene: settle.settle(scene.snapshot, sure(scene.stable), sticky=True),
    ),
    State(
        name="Called off",
        when="somebody says `abort`, and what is asked for is not on record yet",
        does="all traffic to stable; it is recorded as aborted, and not one pod of it is started",
        seen=(Reason.ABORTED,),
        code=rollback.call_off,
        applies=lambda scene: scene.called_off,
        plan=lambda scene: rollback.call_off(scene.snapshot, sure(scene.stable), sure(scene.asked)),
    ),
    State(
        name="Superseding",
        when="another candidate than the one that is asked for is under way",
        does="all traffic to stable; when that is acknowledged the candidate is given up",
        seen=(Reason.DRAINING, Reason.ROUTE_INVALID, Reason.ROUTE_CONTESTED),
        code=settle.supersede,
        applies=lambda scene: scene.candidate is not None and scene.candidate.revision != sure(scene.asked).revision,
        plan=lambda scene: settle.supersede(scene.snapshot, sure(scene.stable), sure(scene.candidate)),
    ),
    State(
        name="Refused",
        when="no candidate is under way yet, it is no way back, and others have the requests that the spec asks for, or"
        " a Gateway does not exist, would not take the route, was not read lately, or is of a class that does not list"
        " what a stage needs",
        does="no pod is started; what serves keeps serving; the Gateways are read, and again every ten seconds",
        seen=(
            Reason.WAITING_FOR_GATEWAY,
            Reason.NOT_ADMITTED,
            Reason.HOST_TAKEN,
            Reason.FEATURE_MISSING,
        ),
        code=refusing.refuse,
        applies=lambda scene: not scene.goes_back and _refuse(scene) is not None,
        plan=lambda scene: sure(_refuse(scene)),
    ),
    State(
        name="Clearing",
        when="arms of a rollout that failed or was superseded are still there, and it is no way back",
        does="the route is stable's alone; they drain and go; then the next candidate may take their room",
        seen=(Reason.DRAINING, Reason.ROUTE_INVALID, Reason.ROUTE_CONTESTED),
        code=clearing.clear,
        applies=_must_clear,
        plan=_clear,
    ),
    State(
        name="Progressing",
        when="none of the above",
        does="one step of the ladder, see below",
        seen=(),
        code=progress.progress,
        applies=lambda scene: True,
        plan=_progress,
    ),
)
"""In this order; the first that applies counts."""
