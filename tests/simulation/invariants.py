"""What must hold of every single pass of every rollout, whatever happened before. Read this file to know our promises.

A pass is what the operator saw and what it decided from that, nothing else: so the same promises are kept over whole
rollouts on the fake world, over their shuffled orders, and over every state that the model check reaches.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.admission import objection
from crossfade.decide.counting import is_fresh
from crossfade.decide.going_back import goes_back
from crossfade.decide.plan import Action, Delete, Plan, Scale, Target
from crossfade.decide.records import is_sticky
from crossfade.decide.rollout import plan_rollout
from crossfade.decide.scene import scene_of
from crossfade.decide.shapes import asked_for
from crossfade.decide.stages import same_step, step_at
from crossfade.decide.traffic import traffic_of
from crossfade.model.snapshot import Snapshot

from tests.simulation.judged_promises import nobody_keeps_unjudged_what_stable_can_take_back
from tests.simulation.kept_promises import who_is_kept_stays
from tests.simulation.misfortunes import aborted, crashed
from tests.simulation.pod_promises import never_fewer_behind, pods_are_ready_to_serve_before_they_are_selected
from tests.simulation.route_promises import (
    no_cohort_meets_a_rule_that_comes_or_goes,
    nobody_meets_what_was_not_tried,
    rules_of_users_never_move,
    what_others_changed_is_proven_anew,
)
from tests.simulation.routes import is_service, weights
from tests.simulation.slot_promises import no_service_moves_under_its_requests
from tests.simulation.writes import had_lost_its_service, is_so_already, key_of, route_written, routes, writes, written

if TYPE_CHECKING:
    from tests.simulation.world import World

Weights = dict[str, int]


@dataclass(frozen=True, slots=True)
class Pass:
    """All that the operator saw at one moment, and what it decided."""

    seen: Snapshot
    plan: Plan

    @property
    def actions(self) -> tuple[Action, ...]:
        """Every write beside the status, in order."""
        return (*self.plan.first, *self.plan.then)

    @property
    def route(self) -> dict[str, Any] | None:
        """The users' route that is written, or what stands for it, if one is; one of others by what it comes to."""
        return route_written(self.seen, self.actions)

    @property
    def weights(self) -> Weights:
        """The users' weights that are written; empty when the route is left as it is."""
        return weights(self.route)

    @property
    def candidate(self) -> Arm | None:
        """Who is on the way beside a stable version, before this pass or by it."""
        if self.plan.status.stable is None:
            return None
        return self.plan.status.candidate or self.seen.rollout.status.candidate

    def ready(self, revision: str) -> int:
        """Pods of a revision that can answer."""
        found = self.seen.revisions.get(revision)
        return found.ready if found else 0


# the promises, each in one sentence


def weights_sum_exactly(one: Pass) -> None:
    """Weights sum to 100, or to the scale that is, or was last, asked for, and nobody is written with 0.

    Without a gateway they are pods, and there are as many as serve everything; of a single pod there is one of each.
    Into a route of others 0 is written, for there nobody can be left out.
    """
    if one.route is not None and is_service(one.route):
        assert sum(one.weights.values()) in (100, max(_least(one.seen), 2)), one.weights
        assert min(one.weights.values()) > 0, one.weights
        return
    spec, known = one.seen.rollout.spec, one.seen.rollout.status.traffic
    scales = {100, spec.strategy.weight_scale if spec else 100, known.scale if known else 100}
    for least, parts in written(one.actions):
        assert sum(parts) in scales, parts
        assert min(parts) >= least, parts


def nobody_gets_all_who_cannot_answer(one: Pass) -> None:
    """All traffic goes to an arm without a ready pod only when nobody who has traffic now could answer either.

    Or when the Rollout is being deleted and has waited for its minute: then it ends on stable.
    """
    if one.seen.rollout.deleting and one.seen.now - one.seen.rollout.deleting_since > 60:
        return
    if len(one.weights) != 1 or one.seen.route is None:
        return
    (alone,) = one.weights
    able = [name for name in one.seen.route.weights if name != alone and one.ready(name)]
    assert one.ready(alone) or not able, f"all traffic to {alone}, which has no ready pod, while {able} could answer"


def every_backend_is_there(one: Pass) -> None:
    """Whoever is written into the route exists, with a Service, by then."""
    made = {one.body["metadata"]["name"] for one in one.actions if writes(one, Target.SERVICE)}
    for name in _backends(one.route) if one.route else ():
        found = one.seen.revisions.get(name)
        assert found is not None or name in made, f"{name} does not exist"
        assert name in made or (found is not None and found.service is not None), f"{name} has no Service"


def nothing_goes_that_may_be_reached(one: Pass) -> None:
    """Pods are removed only once every gateway has taken a route that does not name them, and no other names them."""
    live, left = one.seen.route, one.seen.left_behind
    serve = (Target.DEPLOYMENT, Target.SERVICE)
    for gone in (action.name for action in one.actions if isinstance(action, Delete) and action.target in serve):
        named = any(route is not None and gone in route.reached for route in (live, left))
        assert not named, f"{gone} is removed, and a route names it"
        waiting = live and traffic_of(one.seen).untaken(one.seen)
        assert not waiting, f"{gone} is removed, and {waiting}"


def a_split_is_held(one: Pass) -> None:
    """While traffic is split, or is about to be, our finalizer holds the Rollout. When others keep the route from being
    written, it is let go a minute after its deletion, and the pods stay."""
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


def stable_stays_whole(one: Pass) -> None:
    """While a candidate has traffic, the stable version has all the pods that the spec asks for, or is given them."""
    stable, live = one.seen.rollout.status.stable, one.seen.route
    found = one.seen.revisions.get(stable.revision) if stable else None
    if stable is None or found is None or live is None or len(live.weights) < 2 or one.candidate is None:
        return
    scaled = [action.replicas for action in one.actions if isinstance(action, Scale) and action.name == found.revision]
    if not one.seen.rollout.deleting and not any(writes(action, Target.AUTOSCALER) for action in one.actions):
        assert (scaled or [found.replicas])[-1] >= _whole(one.seen, stable), "stable is too small to take all traffic"


def no_more_traffic_without_metrics(one: Pass) -> None:
    """The candidate gets a larger share, or its first copy, only while Prometheus answers; but on the way back."""
    fine = _goes_back(one) or is_fresh(one.seen.evidence, one.seen.now)
    assert fine or not _rises(one), "more traffic while metrics are silent"


def no_step_forward_without_proof(one: Pass) -> None:
    """A step is to the next rung alone, with every pod ready, and from a stage whose share and evidence are proven.

    Instead of the evidence, only a person's order that is being answered, or a policy of the stage, lets go.
    """
    seen, candidate, spec = one.seen, one.candidate, one.seen.rollout.spec
    stage, after = seen.rollout.status.stage, one.plan.status.stage
    forward = after is not None and (stage is None or (after.name, after.index) != (stage.name, stage.index))
    if candidate is None or spec is None or not forward or not _rises(one) or _goes_back(one):
        return
    assert not spec.suspend, "a step forward while suspended"
    assert objection(seen) is None, "a step forward although a gateway, or another route, stands in its way"
    share = one.weights.get(candidate.revision, 0) / sum(one.weights.values())
    least = max(ceil(share * _whole(seen, seen.rollout.status.stable or candidate) - 1e-9), 1)
    assert one.ready(candidate.revision) >= least, "a step forward with pods missing"
    if stage is not None and _is_gone(seen):
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
    """Only a version that stable, or one that came after it, was promoted over goes without stages: to everything, with
    every pod ready, or with any while stable has none; with fewer, to what those carry."""
    seen, candidate, spec, stable = one.seen, one.candidate, one.seen.rollout.spec, one.seen.rollout.status.stable
    if candidate is None or spec is None or stable is None or not _goes_back(one) or not _rises(one):
        return
    promotions = [end.revision for end in seen.rollout.status.history if "Promoted" in end.result]
    assert candidate.revision in promotions, "it never was promoted"
    share = one.weights[candidate.revision] / sum(one.weights.values())
    carried = min(one.ready(candidate.revision) / _whole(seen, stable), 1.0)
    assert share <= carried or not one.ready(stable.revision), f"{share:.0%} for pods that carry {carried:.0%}"


def stable_changes_only_by_serving_alone(one: Pass) -> None:
    """Another version is called stable only when every gateway has taken a route in which it is alone."""
    before, after = one.seen.rollout.status.stable, one.plan.status.stable
    if before is None or after is None or before.revision == after.revision:
        return
    live = one.seen.route
    assert live is not None
    assert set(live.weights) == {after.revision}, "promoted without serving alone"
    assert traffic_of(one.seen).untaken(one.seen) is None, "promoted before the gateways took the route"


def what_was_taken_back_stays_away(one: Pass) -> None:
    """A revision that was rolled back or aborted gets no request until spec or token ask again."""
    candidate = one.candidate
    if candidate and _rises(one):
        assert not is_sticky(one.seen, candidate), f"{candidate.model_version} was taken back and nobody asked again"


def an_order_acts_once(one: Pass) -> None:
    """A token that is answered is never obeyed again, and what is obeyed is answered in the same write."""
    before = {done.verb: done for done in one.seen.rollout.status.handled}
    after = {done.verb: done for done in one.plan.status.handled}
    for verb in one.plan.obeyed:
        token = one.seen.rollout.orders[verb].token
        assert after[verb].token == token, f"{verb} {token} is obeyed and not answered"
        again = verb in before and before[verb].token == token
        assert not again or verb == "retry", f"{verb} {token} is obeyed again"  # a retry goes on until it ends
    for verb, done in before.items():
        assert after[verb] == done or after[verb].token != done.token, f"{verb} {done.token} is answered twice"
    assert len(after) == len(one.plan.status.handled), "two answers to one kind of order"


def no_action_twice(one: Pass) -> None:
    """No object is written twice in a pass, and nothing is written that is so already."""
    keys = [key_of(action) for action in one.actions]
    assert len(set(keys)) == len(keys), f"twice in one pass: {keys}"
    for action in one.actions:
        assert not is_so_already(action, one.seen), f"{key_of(action)} changes nothing: {action.why}"


def a_rollback_is_one_pass_away(one: Pass) -> None:
    """With a candidate under way, an abort and a hard signal each take all traffic back to stable in one pass."""
    status = one.seen.rollout.status
    stable, candidate = status.stable, status.candidate
    if stable is None or candidate is None or one.seen.rollout.deleting or not one.ready(stable.revision):
        return
    if one.seen.rollout.spec is None and one.seen.route is None:
        return  # nothing says which route there should be
    if one.seen.adoption is not None and (one.seen.route is None or not one.seen.route.weights):
        return  # no request gets anywhere
    for fault in (aborted(one.seen), crashed(one.seen, candidate.revision)):
        if fault is None:
            continue
        back = Pass(fault, plan_rollout(fault))
        live = fault.route.weights if fault.route else {}
        assert set(back.weights or live) == {stable.revision}, f"not taken back: {back.plan.situation.message}"
        assert back.plan.status.candidate is None
        assert back.plan.status.outcome is not None
        assert back.plan.status.outcome.result in ("Aborted", "RolledBack")


PROMISES: tuple[Callable[[Pass], None], ...] = (
    weights_sum_exactly,
    nobody_gets_all_who_cannot_answer,
    every_backend_is_there,
    nothing_goes_that_may_be_reached,
    who_is_kept_stays,
    a_split_is_held,
    stable_stays_whole,
    no_more_traffic_without_metrics,
    no_step_forward_without_proof,
    what_others_changed_is_proven_anew,
    the_way_back_is_one_step,
    stable_changes_only_by_serving_alone,
    what_was_taken_back_stays_away,
    an_order_acts_once,
    no_action_twice,
    no_service_moves_under_its_requests,
    a_rollback_is_one_pass_away,
    pods_are_ready_to_serve_before_they_are_selected,
    nobody_keeps_unjudged_what_stable_can_take_back,
)


def watched(world: "World") -> "World":
    """The world with every promise checked after each pass."""
    told: set[object] = set()

    def check(world: "World") -> None:
        assert world.seen is not None
        assert world.plan is not None
        one = Pass(world.seen, world.plan)
        stage, plan = one.seen.rollout.status.stage, one.plan
        key = (stage and stage.name, plan.situation.reason, str(one.seen.route and one.seen.route.weights))
        for promise in PROMISES:
            if promise is a_rollback_is_one_pass_away and key in told:
                continue  # the same place on the way: asked there already
            promise(one)
        told.add(key)

    over_time = (
        nobody_meets_what_was_not_tried,
        rules_of_users_never_move,
        no_cohort_meets_a_rule_that_comes_or_goes,
        no_weight_without_pods,
        never_fewer_behind,
    )
    world.checks.extend((check, *over_time))
    return world


# promises of more than one pass, which a whole rollout is held to


def no_weight_without_pods(world: "World") -> None:
    """The candidate's share rises only to what its ready pods are enough for, and falls with them at once; but while
    stable could not carry more either, and in the pass in which the operator was killed."""
    if getattr(world, "writer", None) is not None:
        return  # others wrote what a route of theirs says
    stable, candidate, shares = world.status.stable, world.status.candidate, weights(world.route)
    if not (stable and candidate and stable.revision in world.revisions and candidate.revision in world.revisions):
        return
    share = shares.get(candidate.revision, 0) / max(sum(shares.values()), 1)
    ready = world.ready(candidate.revision)
    before, given = getattr(world, "_given", {}).get(candidate.revision, (0.0, 0))
    full = world.spec["serving"].get("replicas") or stable.floor or 1
    given = min(given, ceil(before * full - 1e-9))  # fewer may be enough by an edit
    if share > before:
        given = min(ceil(share * full - 1e-9), ready) if not world.ready(stable.revision) else ceil(share * full - 1e-9)
        assert ready >= given, f"{ready} pods are ready, and {given} carry {share:.0%}"
        before = share
    elif ready < given and ready and world.ready(stable.revision) >= full and not world.lines[-1].endswith("KILLED"):
        assert share <= before * ready / given + 1e-9, f"{ready} of {given} pods are ready and have {share:.0%}"
    elif ready >= given and share < before:
        before, given = share, min(given, ready)
    world._given = {candidate.revision: (before, given)}  # type: ignore[attr-defined]


# how they are read off


def _whole(seen: Snapshot, stable: Arm) -> int:
    """Pods of stable that carry everything."""
    spec = seen.rollout.spec
    if spec is None:
        return 0
    return (stable.floor or 1) if spec.serving.autoscaling else spec.serving.least


def _least(seen: Snapshot) -> int:
    """Pods that carry everything, as the spec says; a spec that cannot be read leaves stable's."""
    spec, stable = seen.rollout.spec, seen.rollout.status.stable
    found = seen.revisions.get(stable.revision) if stable else None
    return spec.serving.least if spec else found.replicas if found else 1


def _backends(route: dict[str, Any]) -> Iterator[str]:
    if is_service(route):
        yield from weights(route)
    for rule in route["spec"].get("rules", ()):
        yield from (backend["name"] for backend in rule["backendRefs"])
        yield from (one["requestMirror"]["backendRef"]["name"] for one in rule.get("filters", ()))


def _is_gone(seen: Snapshot) -> bool:
    """Whether the ladder has no rung any more that is the stage under way."""
    spec, stage, given = seen.rollout.spec, seen.rollout.status.stage, asked_for(seen.rollout.status.traffic)
    return spec is not None and stage is not None and same_step(spec, stage.name, stage.index, given) is None


def _rises(one: Pass) -> bool:
    """Whether the candidate of a rollout gets more requests than the stored route gives it, or its first ones."""
    if one.route is None or one.candidate is None or one.seen.rollout.status.stable is None:
        return False
    if had_lost_its_service(one.seen, one.candidate.revision):
        return False  # the route gave it that all the while
    name, live = one.candidate.revision, one.seen.route
    share = one.weights.get(name, 0) / sum(one.weights.values())
    newly = name in set(_backends(one.route)) and (live is None or name not in live.reached)
    return newly or share > (live.share(name) if live else 0.0)


def _goes_back(one: Pass) -> bool:
    return one.candidate is not None and goes_back(one.seen, one.candidate.revision)
