"""Orders by annotation: which are new, and the echo of each in status, so that a token acts once."""

from collections.abc import Mapping

from crossfade.api.v1alpha1.rollout import Handled, RolloutStatus
from crossfade.decide.look import Look
from crossfade.decide.plan import Plan
from crossfade.decide.stages import Step, step_at
from crossfade.model.moments import moment, stamp
from crossfade.model.order import Order, Verb
from crossfade.model.snapshot import RolloutFacts, Snapshot

_IDLE: Mapping[Verb, str] = {
    "abort": "nothing was being rolled out that could be taken back",
    "advance": "nothing waited for it: there is no gate to pass, nor a stage that ended undecided",
    "retry": "the version that is asked for was neither rolled back nor aborted",
    "skip-stage": "no stage was under way",
}


def pending(rollout: RolloutFacts) -> Mapping[Verb, Order]:
    """Orders that were not answered yet."""
    known = {one.verb: one.token for one in rollout.status.handled}
    return {verb: order for verb, order in rollout.orders.items() if known.get(verb) != order.token}


def echoed(snapshot: Snapshot, plan: Plan, look: Look | None) -> RolloutStatus:
    """The plan's status with what became of each new order; one that may still act is left open."""
    given = pending(snapshot.rollout)
    if not given:
        return plan.status
    handled = {one.verb: one for one in plan.status.handled}
    for verb, order in given.items():
        if verb in plan.obeyed:
            handled[verb] = _handled(snapshot, verb, order, plan.obeyed[verb], obeyed=True)
        elif not _may_act(snapshot, verb, look):
            handled[verb] = _handled(snapshot, verb, order, _IDLE[verb], obeyed=False)
    return plan.status.model_copy(update={"handled": [handled[verb] for verb in sorted(handled)]})


def waits_for_people(snapshot: Snapshot, step: Step, look: Look) -> bool:
    """Whether the stage goes on only when somebody says so: a gate that is live, or a time that ended undecided."""
    stage = snapshot.rollout.status.stage
    if stage is None or stage.proven_at is None:
        return False
    over = snapshot.now - moment(stage.proven_at) >= step.most
    return step.gated or (over and look.judgement.overall == "Continue" and step.otherwise == "Hold")


def _may_act(snapshot: Snapshot, verb: Verb, look: Look | None) -> bool:
    rollout = snapshot.rollout
    status, spec = rollout.status, rollout.spec
    if verb == "abort":
        return status.candidate is not None and status.stable is not None
    if verb == "retry" or status.stage is None or spec is None or look is None:
        return False
    step = step_at(spec, status.stage.index)
    return verb == "skip-stage" or step.gated or waits_for_people(snapshot, step, look)


def _handled(snapshot: Snapshot, verb: Verb, order: Order, message: str, *, obeyed: bool) -> Handled:
    return Handled(
        verb=verb,
        token=order.token,
        by=order.by,
        reason=order.reason,
        effect="Obeyed" if obeyed else "Idle",
        message=message[:1024],
        at=stamp(snapshot.now),
    )
