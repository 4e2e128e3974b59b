"""Orders by annotation: which are new, and the echo of each in status, so that a token acts once."""

from collections.abc import Mapping
from dataclasses import replace

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import Arm, Handled, RolloutStatus
from crossfade.decide.look import Look
from crossfade.decide.plan import Plan, Situation
from crossfade.decide.records import is_sticky, tries_again, was_taken_back
from crossfade.decide.shapes import asked_for
from crossfade.decide.stages import Step, same_step
from crossfade.model.moments import moment, stamp
from crossfade.model.order import Order, Verb
from crossfade.model.snapshot import RolloutFacts, Snapshot

_REMEMBERED = 10
"""Tokens of a verb that are known beside its newest."""
_IDLE: Mapping[Verb, str] = {
    "abort": "nothing is being rolled out, or asked for, that could be taken back",
    "advance": "nothing waited for it: there is no gate to pass, nor a stage that ended undecided",
    "retry": "the version that is asked for was neither rolled back nor aborted",
    "skip-stage": "no stage was under way",
}


def pending(rollout: RolloutFacts) -> Mapping[Verb, Order]:
    """Orders that were not answered yet."""
    known = {one.verb: (one.token, *(one.earlier or ())) for one in rollout.status.handled}
    return {verb: order for verb, order in rollout.orders.items() if order.token not in known.get(verb, ())}


def with_waiting_abort(snapshot: Snapshot, unknown: Situation) -> Situation:
    """Why it is not known what is asked for, and that somebody aborts it."""
    order = pending(snapshot.rollout).get("abort")
    if order is None or snapshot.rollout.status.stable is None:
        return unknown
    return replace(unknown, message=f"{unknown.message}; what is asked for is aborted as soon as it is known, {order}")


def echoed(snapshot: Snapshot, plan: Plan, look: Look | None, asked: Arm | None, *, leaves: bool) -> RolloutStatus:
    """The plan's status with what became of each new order; one that may still act is left open.

    `asked` is the revision that the spec asks for, None when that is not known; `leaves` when the candidate is on its
    way out with a stage on record: no order about that acts any more.
    """
    given = pending(snapshot.rollout)
    if not given:
        return plan.status
    handled = {one.verb: one for one in plan.status.handled}
    for verb, order in given.items():
        if verb in plan.obeyed:
            handled[verb] = _handled(snapshot, verb, order, plan.obeyed[verb], obeyed=True)
        elif verb == "retry" and plan.situation.reason is Reason.ROUTE_CONTESTED:
            continue  # it waits until the weights may be written
        elif _came_too_late(snapshot, plan, verb) or not _may_act(snapshot, verb, look, asked, leaves=leaves):
            handled[verb] = _handled(snapshot, verb, order, _IDLE[verb], obeyed=False)
    return plan.status.model_copy(update={"handled": [handled[verb] for verb in sorted(handled)]})


def waits_for_people(snapshot: Snapshot, step: Step, look: Look) -> bool:
    """Whether the stage goes on only when somebody says so: a gate that is live, or a time that ended undecided."""
    stage = snapshot.rollout.status.stage
    if stage is None or stage.proven_at is None:
        return False
    over = snapshot.now - moment(stage.proven_at) >= step.most
    return step.gated or (over and look.judgement.overall == "Continue" and step.otherwise == "Hold")


def _came_too_late(snapshot: Snapshot, plan: Plan, verb: Verb) -> bool:
    """Whether the order was about a stage that this very plan leaves: the next one is another question."""
    before, after = snapshot.rollout.status.stage, plan.status.stage
    return verb in ("advance", "skip-stage") and before is not None and after is not None and before.name != after.name


def _may_act(snapshot: Snapshot, verb: Verb, look: Look | None, asked: Arm | None, *, leaves: bool) -> bool:
    rollout = snapshot.rollout
    status, spec = rollout.status, rollout.spec
    if verb == "abort":
        return status.stable is not None and (status.candidate is not None or _may_begin(snapshot, asked))
    if verb == "retry":
        return was_taken_back(status.outcome) if asked is None else tries_again(snapshot, asked)
    if leaves or status.stage is None or spec is None or look is None:
        return status.stage is not None and not leaves
    step = same_step(spec, status.stage.name, status.stage.index, asked_for(status.traffic))
    if step is not None and step.shape.is_all:
        return False  # no evidence is waited for any more
    return verb == "skip-stage" or step is None or step.gated or waits_for_people(snapshot, step, look)


def _may_begin(snapshot: Snapshot, asked: Arm | None) -> bool:
    """Whether a version that is not under way is asked for, or may turn out to be."""
    stable, spec, end = snapshot.rollout.status.stable, snapshot.rollout.spec, snapshot.rollout.status.outcome
    if stable is None or spec is None:
        return True
    if asked is None:
        again = end is not None and was_taken_back(end) and end.model_version == spec.model_version
        return spec.model_version != stable.model_version and not again
    return asked.revision != stable.revision and not is_sticky(snapshot, asked)


def _handled(snapshot: Snapshot, verb: Verb, order: Order, message: str, *, obeyed: bool) -> Handled:
    last = next((one for one in snapshot.rollout.status.handled if one.verb == verb), None)
    earlier = [last.token, *(last.earlier or ())] if last else []
    return Handled(
        verb=verb,
        token=order.token,
        earlier=earlier[:_REMEMBERED] or None,
        by=order.by,
        reason=order.reason,
        effect="Obeyed" if obeyed else "Idle",
        message=message[:1024],
        at=stamp(snapshot.now),
    )
