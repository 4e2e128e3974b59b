"""What must hold of every single pass of every rollout, whatever happened before; in words in `invariants.py`."""

from math import ceil

from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.admission import objection
from crossfade.decide.counting import is_fresh
from crossfade.decide.plan import Delete, Label, Scale, Target, Weigh
from crossfade.decide.records import is_sticky, was_taken_back
from crossfade.decide.rollout import plan_rollout
from crossfade.decide.scene import scene_of
from crossfade.decide.shapes import asked_for
from crossfade.decide.stages import step_at
from crossfade.decide.traffic import traffic_of

from tests.simulation.misfortunes import aborted, crashed, lost_one
from tests.simulation.passes import (
    Pass,
    backends,
    carried_by_stable,
    fewest,
    is_gone,
    is_small,
    is_way_back,
    pods_for_all,
    rises,
    was_made_smaller,
)
from tests.simulation.routes import is_service, weights
from tests.simulation.writes import had_a_service, is_so_already, key_of, routes, writes, written

_SERVE = (Target.DEPLOYMENT, Target.SERVICE)


def weights_sum_exactly(one: Pass) -> None:
    if one.route is not None and is_service(one.route):
        assert sum(one.weights.values()) in (100, max(fewest(one.seen), 2)), one.weights
        assert min(one.weights.values()) > 0, one.weights
        return
    spec, known = one.seen.rollout.spec, one.seen.rollout.status.traffic
    scales = {100, spec.strategy.weight_scale if spec else 100, known.scale if known else 100}
    for least, parts in written(one.actions):
        assert sum(parts) in scales, parts
        assert min(parts) >= least, parts


def nobody_gets_all_who_cannot_answer(one: Pass) -> None:
    if one.seen.rollout.deleting and one.seen.now - one.seen.rollout.deleting_since > 60:
        return
    if len(one.weights) != 1 or one.seen.route is None:
        return
    (alone,) = one.weights
    able = [name for name in one.seen.route.weights if name != alone and one.ready(name)]
    assert one.ready(alone) or not able, f"all traffic to {alone}, which has no ready pod, while {able} could answer"


def every_backend_is_there(one: Pass) -> None:
    made = {one.body["metadata"]["name"] for one in one.actions if writes(one, Target.SERVICE)}
    leads = one.seen.adoption is None and one.route is not None and not is_service(one.route)
    leads = leads and one.seen.rollout.spec is not None  # what cannot be read makes none
    for name in backends(one.route) if one.route else ():
        found, live = one.seen.revisions.get(name), one.seen.route
        was = live is not None and name in live.reached
        assert found is not None or name in made or was, f"{name} does not exist"
        assert found is None or name in made or found.service is not None or not leads, f"{name} has no Service"


def nothing_goes_that_may_be_reached(one: Pass) -> None:
    live, left = one.seen.route, one.seen.left_behind
    named = {*(live.reached if live else ()), *(left.reached if left else ()), *had_a_service(one.seen)}
    named |= set(backends(one.route)) if one.route else set()
    for action in one.actions:
        removed = isinstance(action, Delete) and action.target in _SERVE
        if not (removed or (isinstance(action, Scale) and not action.replicas)):
            continue
        gone = action.name
        assert gone not in named, f"{gone} is removed, and a route names it"
        waiting = live and traffic_of(one.seen).untaken(one.seen)
        assert not waiting, f"{gone} is removed, and {waiting}"


def requests_move_before_anything_goes(one: Pass) -> None:
    slots = one.seen.adoption.slots if one.seen.adoption else {}
    gone = ""
    for action in one.actions:
        gone = action.name if isinstance(action, Delete) and action.target in _SERVE else gone
        leads = writes(action, Target.SERVICE) and action.body["metadata"]["name"] in slots
        moves = leads or isinstance(action, Weigh | Label) or routes(action, one.seen)
        assert not (moves and gone), f"{gone} is removed before {key_of(action)}"


def a_split_is_held(one: Pass) -> None:
    held = one.seen.rollout.finalizer
    for action in one.actions:
        if writes(action, Target.ROLLOUT):
            held = bool(action.body["metadata"]["finalizers"])
        if routes(action, one.seen):
            assert held or len(weights(action.body)) < 2, "traffic is split and nothing holds the Rollout"
    after = one.weights or (one.seen.route.weights if one.seen.route else {})
    late = one.seen.now - one.seen.rollout.deleting_since > 60
    gone = one.seen.rollout.deleting and (one.seen.rollout.status.stable is None or late)
    assert held or len(after) < 2 or not one.seen.rollout.finalizer or gone, "the Rollout is released in a split"


def no_more_traffic_without_metrics(one: Pass) -> None:
    stable = one.seen.rollout.status.stable
    alone = one.seen.route is None and stable is not None and not one.ready(stable.revision)
    alone = alone or (is_small(one.seen) and _leads_elsewhere(one))
    fine = alone or is_way_back(one) or is_fresh(one.seen.evidence, one.seen.now)
    assert fine or not rises(one), "more traffic while metrics are silent"


def _leads_elsewhere(one: Pass) -> bool:
    """Whether requests get to a third, or to nobody, by the stored route."""
    status, live = one.seen.rollout.status, one.seen.route
    arms = {arm.revision for arm in (status.stable, status.candidate) if arm is not None}
    return live is None or not {*live.weights} <= arms


def no_step_forward_without_proof(one: Pass) -> None:
    seen, candidate, spec = one.seen, one.candidate, one.seen.rollout.spec
    stage, after = seen.rollout.status.stage, one.plan.status.stage
    forward = after is not None and (stage is None or (after.name, after.index) != (stage.name, stage.index))
    if candidate is None or spec is None or not forward or not rises(one) or is_way_back(one):
        return
    assert not spec.suspend, "a step forward while suspended"
    assert objection(seen) is None, "a step forward although a gateway, or another route, stands in its way"
    share = one.weights.get(candidate.revision, 0) / sum(one.weights.values())
    least = max(ceil(share * pods_for_all(seen, seen.rollout.status.stable or candidate) - 1e-9), 1)
    assert one.ready(candidate.revision) >= least, "a step forward with pods missing"
    if stage is not None and is_gone(seen):
        stage = None  # an edit took it away: the ladder begins anew
    given, now = step_at(spec, stage.index + 1 if stage else 0).shape, asked_for(one.plan.status.traffic)
    assert now == given or now.gives_no_more_than(asked_for(seen.rollout.status.traffic)), f"{now} is not the next rung"
    if stage is None or not {"skip-stage", "advance"}.isdisjoint(one.plan.obeyed):
        return
    look, step = scene_of(seen).look, step_at(spec, stage.index)
    assert look is not None
    assert stage.proven_at or one.plan.proven, "a step forward from a share that was never seen"
    policy = step.otherwise == "Advance" and look.judgement.overall == "Continue"
    assert look.judgement.overall == "Advance" or policy, f"a step forward on the verdict {look.judgement.overall}"
    assert not step.gated, "a gate was passed by nobody"


def the_way_back_is_one_step(one: Pass) -> None:
    seen, candidate, spec, stable = one.seen, one.candidate, one.seen.rollout.spec, one.seen.rollout.status.stable
    if candidate is None or spec is None or stable is None or not is_way_back(one) or not rises(one):
        return
    promotions = [end.revision for end in seen.rollout.status.history if "Promoted" in end.result]
    assert candidate.revision in promotions, "it never was promoted"
    share = one.weights[candidate.revision] / sum(one.weights.values())
    carried = min(one.ready(candidate.revision) / pods_for_all(seen, stable), 1.0)
    assert share <= carried or not one.ready(stable.revision), f"{share:.0%} for pods that carry {carried:.0%}"


def stable_changes_only_by_serving_alone(one: Pass) -> None:
    before, after = one.seen.rollout.status.stable, one.plan.status.stable
    if before is None or after is None or before.revision == after.revision:
        return
    live = one.seen.route
    assert live is not None
    assert set(live.weights) == {after.revision}, "promoted without serving alone"
    assert traffic_of(one.seen).untaken(one.seen) is None, "promoted before the gateways took the route"


def what_was_taken_back_stays_away(one: Pass) -> None:
    candidate = one.candidate
    if candidate and rises(one):
        assert not is_sticky(one.seen, candidate), f"{candidate.model_version} was taken back and nobody asked again"


def an_order_acts_once(one: Pass) -> None:
    before = {done.verb: done for done in one.seen.rollout.status.handled}
    after = {done.verb: done for done in one.plan.status.handled}
    for verb in one.plan.obeyed:
        token = one.seen.rollout.orders[verb].token
        assert after[verb].token == token, f"{verb} {token} is obeyed and not answered"
        again = verb in before and before[verb].token == token
        assert not again or verb == "retry", f"{verb} {token} is obeyed again"  # a retry goes on until it ends
    for verb, done in before.items():
        known = (done.token, *(done.earlier or ()))
        assert after[verb] == done or after[verb].token not in known, f"{verb} {after[verb].token} is answered twice"
    assert len(after) == len(one.plan.status.handled), "two answers to one kind of order"


def an_abort_keeps_back_what_is_asked_for(one: Pass) -> None:
    known, after = one.seen.rollout.status, {done.verb: done for done in one.plan.status.handled}
    done = after.get("abort")
    if done is None or done in known.handled or done.effect == "Obeyed" or known.stable is None:
        return
    if (asked := scene_of(one.seen).asked) is None:
        spec, end = one.seen.rollout.spec, known.outcome
        names = {known.stable.model_version, *((end.model_version,) if was_taken_back(end) and end else ())}
        assert spec is not None, f"abort {done.token} is used up, and what it keeps back is not known"
        assert spec.model_version in names, f"abort {done.token} is used up, and {spec.model_version} is to go out"
        return
    back = asked.revision == known.stable.revision or is_sticky(one.seen, asked)
    assert back, f"abort {done.token} is used up, and {asked.model_version} is to go out"


def no_action_twice(one: Pass) -> None:
    keys = [key_of(action) for action in one.actions]
    assert len(set(keys)) == len(keys), f"twice in one pass: {keys}"
    for action in one.actions:
        assert not is_so_already(action, one.seen), f"{key_of(action)} changes nothing: {action.why}"


def a_rollback_is_one_pass_away(one: Pass) -> None:
    status = one.seen.rollout.status
    stable, candidate = status.stable, status.candidate
    if stable is None or candidate is None or one.seen.rollout.deleting or not one.ready(stable.revision):
        return
    if one.seen.rollout.spec is None and one.seen.route is None:
        return  # nothing says which route there should be
    if one.seen.adoption is not None and (one.seen.route is None or not one.seen.route.weights):
        return  # no request gets anywhere
    lost = () if was_made_smaller(one.seen) or is_way_back(one) else lost_one(one.seen, candidate.revision)
    for fault in (aborted(one.seen), crashed(one.seen, candidate.revision), *lost):
        if fault is None:
            continue
        back = Pass(fault, plan_rollout(fault))
        live = fault.route.weights if fault.route else {}
        if fault.rollout.orders is not one.seen.rollout.orders and is_small(fault) and one.ready(candidate.revision):
            _is_handed_back(back, stable)
            continue
        assert set(back.weights or live) == {stable.revision}, f"not taken back: {back.plan.situation.message}"
        assert back.plan.status.candidate is None
        assert back.plan.status.outcome is not None
        assert back.plan.status.outcome.result in ("Aborted", "RolledBack")


def _is_handed_back(back: Pass, stable: Arm) -> None:
    """What it can carry is given to stable, and the order is on record; or all was given to it before."""
    live = back.seen.route
    weights = back.weights or (live.weights if live else {})
    part = weights.get(stable.revision, 0) / max(sum(weights.values()), 1)
    carries = carried_by_stable(back.seen)
    lost = back.seen.adoption is not None and None in back.seen.adoption.slots.values()  # it is made again before
    assert part >= carries - 0.01 or lost, f"stable has {part:.0%}, and could carry {carries:.0%}"
    assert back.plan.status.candidate is None or back.plan.status.leaving is not None, "the order is not on record"
