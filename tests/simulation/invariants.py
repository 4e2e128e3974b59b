"""All that must hold of every rollout, whatever happened before. Read this file to know our promises.

A pass is what the operator saw and what it decided from that, nothing else. So the promises of a pass are kept over
whole rollouts on the fake world, over their shuffled orders, and in every state that the model check reaches.
Those over time need to know what came before: whole rollouts are held to them, shuffled or not. The small world of the
model check has one pod an arm, lets whatever is rehearsed go well and keeps no time of a rule's place, so of these six
it checks what one transition shows: `every_rise_has_its_pods` and `a_cohorts_rule_has_its_place` of each pass, and
after it that a ready pod is behind the Service while stable has one; that rules were tried and shares served it
cannot check. That a deletion ends it checks from every state, with nothing to help but the clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tests.simulation.children_promises import (
    a_lost_route_is_made_again,
    nobody_keeps_what_others_gave,
    stable_stays_whole,
    who_stays_in_the_route_has_a_service,
)
from tests.simulation.deletion_promises import a_deletion_ends
from tests.simulation.judged_promises import nobody_keeps_unjudged_what_stable_can_take_back
from tests.simulation.kept_promises import who_is_kept_stays
from tests.simulation.pass_promises import (
    a_rollback_is_one_pass_away,
    a_split_is_held,
    an_abort_keeps_back_what_is_asked_for,
    an_order_acts_once,
    every_backend_is_there,
    no_action_twice,
    no_more_traffic_without_metrics,
    no_step_forward_without_proof,
    nobody_gets_all_who_cannot_answer,
    nothing_goes_that_may_be_reached,
    requests_move_before_anything_goes,
    stable_changes_only_by_serving_alone,
    the_way_back_is_one_step,
    weights_sum_exactly,
    what_was_taken_back_stays_away,
)
from tests.simulation.passes import Pass
from tests.simulation.pod_promises import (
    every_rise_has_its_pods,
    never_fewer_behind,
    no_weight_without_pods,
    pods_are_ready_to_serve_before_they_are_selected,
)
from tests.simulation.route_promises import (
    a_cohorts_rule_has_its_place,
    no_cohort_meets_a_rule_that_comes_or_goes,
    nobody_meets_what_was_not_tried,
    rules_of_users_never_move,
    what_others_changed_is_proven_anew,
)
from tests.simulation.share_promises import what_was_given_was_served
from tests.simulation.shrunk_promises import (
    a_candidate_has_the_pods_of_its_share,
    stable_is_given_back_what_it_carries,
    stable_is_made_smaller_after_proof,
    that_stable_is_small_is_known_until_it_is_whole,
)
from tests.simulation.slice_promises import (
    a_candidate_that_no_slice_lists_has_no_requests,
    nobody_gets_more_whom_no_slice_lists,
)
from tests.simulation.slot_promises import (
    no_service_moves_under_its_requests,
    weights_that_are_refused_leave_stable_alone_all_the_same,
)
from tests.simulation.world import World

Held = TypeVar("Held")


@dataclass(frozen=True, slots=True)
class Promise(Generic[Held]):
    """A sentence, and the function that fails where it is broken."""

    sentence: str
    check: Callable[[Held], None]

    def hold(self, held: Held) -> None:
        """Fails with the sentence when it is broken."""
        try:
            self.check(held)
        except AssertionError as broken:
            broken.add_note(f"{self.check.__name__}: {self.sentence}")
            raise


PROMISES: tuple[Promise[Pass], ...] = (
    # who gets requests
    Promise(
        "Weights sum to 100, or to the scale that is, or was last, asked for, and nobody is written with 0. Without a"
        " gateway they are pods, and there are as many as serve everything; of a single pod there is one of each. Into"
        " a route of others 0 is written, for there nobody can be left out.",
        weights_sum_exactly,
    ),
    Promise(
        "All traffic goes to an arm without a ready pod only when nobody who has traffic now could answer either. Or"
        " when the Rollout is being deleted and has waited for its minute: then it ends on stable.",
        nobody_gets_all_who_cannot_answer,
    ),
    Promise(
        "Behind a gateway a candidate none of whose pods requests find has none of them, nor a cohort's, nor copies,"
        " after the pass that sees it, while stable has one that they find; but while others keep the route from being"
        " written.",
        a_candidate_that_no_slice_lists_has_no_requests,
    ),
    Promise(
        "Whoever comes into the route exists by then, and whoever is written into it has a Service by then, where it is"
        " by that one that requests find the pods. Of a spec that cannot be read none is made.",
        every_backend_is_there,
    ),
    Promise(
        "A share rises only to what the candidate's ready pods are enough for; but while stable could not carry more"
        " either.",
        every_rise_has_its_pods,
    ),
    Promise(
        "The stable version has all the pods that the spec asks for, or this pass asks for them, whatever is under way;"
        " or, where it may match its traffic, those that carry its share by the record and by the stored route, while"
        " nothing leads back. One that has lost its Deployment is given it again where its ModelVersion is there and"
        " the spec would make the same pods. But in a deletion that takes the pods with it, has waited for its minute,"
        " is held by others alone or leads nobody anywhere; and in a pass that takes everything back: the next comes at"
        " once.",
        stable_stays_whole,
    ),
    Promise(
        "Whoever stays in the stored route has its Service, or this pass makes it; of an adopted route each of the two"
        " that gets requests. But while the spec cannot be read, and in a deletion that has waited for its minute or is"
        " held by others alone.",
        who_stays_in_the_route_has_a_service,
    ),
    Promise(
        "A route of ours that is gone is made again in the pass that sees it, whatever else is waited for, if anybody"
        " could answer. But while the spec cannot be read.",
        a_lost_route_is_made_again,
    ),
    Promise(
        "Of a route that is ours, nobody keeps more than is on record: what others gave to a version the pass that sees"
        " it takes back, in every state; but while stable has no ready pod.",
        nobody_keeps_what_others_gave,
    ),
    Promise(
        "Stable is made smaller only for a stage that is proven, while metrics answer and nothing is suspended, when"
        " what it had has drained, and that is on record first.",
        stable_is_made_smaller_after_proof,
    ),
    Promise(
        "That stable was made smaller stays on record while a candidate is under way, until as many of its pods are"
        " ready as carry everything; a spec that cannot be read says nothing of that.",
        that_stable_is_small_is_known_until_it_is_whole,
    ),
    Promise(
        "Where stable was made smaller it is given back no more than its ready pods carry, or than is on record; but"
        " what the pods of a candidate that crashes carry no more; or when its bytes are wrong, it does not answer,"
        " somebody aborts after it was said that those pods do not come, or a Service of an adopted route is gone; or"
        " in a deletion that has waited for 40 seconds, takes the pods with it"
        " or is held by others alone.",
        stable_is_given_back_what_it_carries,
    ),
    Promise(
        "A candidate is made smaller only to the pods that carry what the stored route gives it, and what is written,"
        " while stable is not whole after it was made smaller.",
        a_candidate_has_the_pods_of_its_share,
    ),
    # steps forward
    Promise(
        "The candidate gets a larger share, or its first copy, only while Prometheus answers; but on the way"
        " back, and when our route is gone, or led elsewhere, and stable could not carry everything.",
        no_more_traffic_without_metrics,
    ),
    Promise(
        "A step is to the next rung alone, with every pod ready, and from a stage whose share and evidence are proven."
        " Instead of the evidence, only a person's order that is being answered, or a policy of the stage, lets go.",
        no_step_forward_without_proof,
    ),
    Promise(
        "Whoever else splits the requests otherwise takes the stage's proof with it; in a deletion nothing is to be"
        " proven any more.",
        what_others_changed_is_proven_anew,
    ),
    Promise(
        "Another version is called stable only when every gateway has taken a route in which it is alone.",
        stable_changes_only_by_serving_alone,
    ),
    Promise(
        "Without a stage there is no verdict: whoever has a share then has it only until stable has all its pods"
        " again.",
        nobody_keeps_unjudged_what_stable_can_take_back,
    ),
    # the way back
    Promise(
        "With a candidate under way, an abort, the crash of all its pods, and the crash of any one or its end for want"
        " of memory, take all traffic back to stable in one pass. Where stable was made smaller an abort takes what its"
        " ready pods carry, and the order is on record; of one pod see above. On the way back a pod that is ready by"
        " now speaks against nobody.",
        a_rollback_is_one_pass_away,
    ),
    Promise(
        "A revision that was rolled back or aborted gets no request until spec or token ask again.",
        what_was_taken_back_stays_away,
    ),
    Promise(
        "Only a version that stable, or one that came after it, was promoted over goes without stages: to everything,"
        " with every pod ready, or with any while stable has none; with fewer, to what those carry.",
        the_way_back_is_one_step,
    ),
    Promise(
        "The version before is not stable, has traffic asked for only on its way back, and no pod of it is removed.",
        who_is_kept_stays,
    ),
    # what is written and removed
    Promise(
        "Pods are removed, or all of them scaled away, only once every gateway has taken a route that does not name"
        " them, and no other names them; a Service of an adopted route that somebody deleted still counts.",
        nothing_goes_that_may_be_reached,
    ),
    Promise(
        "Where a pass moves requests and removes something, the requests come first: the API server may refuse a"
        " deletion, or take its time.",
        requests_move_before_anything_goes,
    ),
    Promise(
        "While traffic is split, or is about to be, our finalizer holds the Rollout. When others keep the route from"
        " being written, it is let go a minute after its deletion, and the pods stay.",
        a_split_is_held,
    ),
    Promise(
        "No object is written twice in a pass, and nothing is written that is so already.",
        no_action_twice,
    ),
    Promise(
        "A token that is answered is never obeyed again, and what is obeyed is answered in the same write.",
        an_order_acts_once,
    ),
    Promise(
        "An abort is answered as idle only where the stable version is asked for, or what was taken back already.",
        an_abort_keeps_back_what_is_asked_for,
    ),
    # routes and Services
    Promise(
        "Whatever a stage adds to a route comes behind the rules of the users: Envoy Gateway names what it sends to by"
        " the rule's place.",
        rules_of_users_never_move,
    ),
    Promise(
        "The rule of a cohort comes into a place that is there, and leaves it behind; but when others wrote it, or when"
        " it is written again: after a kill in the middle of a rollback whose cause is gone by the next look.",
        a_cohorts_rule_has_its_place,
    ),
    Promise(
        "Of an adopted route, a Service is pointed at a candidate only when no request has reached it for a while, and"
        " at the stable version only then, or when that has a ready pod and others write the weights. While stable has"
        " none, a candidate that has one may take the place of another version.",
        no_service_moves_under_its_requests,
    ),
    Promise(
        "Where the weights of a route of others are to leave stable alone, which can answer, and the API server refuses"
        " them, what is done in their place leaves stable alone too.",
        weights_that_are_refused_leave_stable_alone_all_the_same,
    ),
    Promise(
        "A Service is turned from one arm to both only when as many pods of each as it says have its label, and no"
        " others; what has the label already comes in before anybody goes out.",
        pods_are_ready_to_serve_before_they_are_selected,
    ),
)
"""Of every pass."""

OVER_TIME: tuple[Promise[World], ...] = (
    Promise(
        "The candidate's share rises only to what its ready pods are enough for, and falls with them at once; but while"
        " stable could not carry more either, and in the pass in which the operator was killed.",
        no_weight_without_pods,
    ),
    Promise(
        "Behind a Service there are never fewer ready pods than serve everything, as far as stable has them.",
        never_fewer_behind,
    ),
    Promise(
        "Behind a gateway nobody gets more, or a first copy, whose pods no EndpointSlice lists, however ready they are;"
        " but where nobody who has traffic could answer either, in a deletion that has waited for its minute, and when"
        " no slice is known of it and it is stable or had requests by our route before.",
        nobody_gets_more_whom_no_slice_lists,
    ),
    Promise(
        "A rule that copies requests, or that a cohort's headers meet, was behind our own header before; a cohort's"
        " needs not have been where the gateway has no address.",
        nobody_meets_what_was_not_tried,
    ),
    Promise(
        "The rule of a cohort comes into a place that gateways have known for three seconds, and leaves the place"
        " behind: Envoy answers with 503 while it knows a rule, and not yet or not any more where that leads. But when"
        " others write it.",
        no_cohort_meets_a_rule_that_comes_or_goes,
    ),
    Promise(
        "A step forward is from a share, a copy or a cohort that gateways serve at that moment; but when somebody skips"
        " the stage.",
        what_was_given_was_served,
    ),
    Promise(
        "A deletion ends: a minute and a drain later nothing holds the Rollout any more, whoever does not answer.",
        a_deletion_ends,
    ),
)
"""Of what came before a pass and what it left, after each."""


def watched(world: World) -> World:
    """The world with every promise checked after each pass."""
    told: set[object] = set()

    def check(world: World) -> None:
        assert world.seen is not None
        assert world.plan is not None
        one = Pass(world.seen, world.plan)
        stage, plan = one.seen.rollout.status.stage, one.plan
        key = (stage and stage.name, plan.situation.reason, str(one.seen.route and one.seen.route.weights))
        for promise in PROMISES:
            if promise.check is a_rollback_is_one_pass_away and key in told:
                continue  # the same place on the way: asked there already
            promise.hold(one)
        told.add(key)

    world.checks.extend((check, *(promise.hold for promise in OVER_TIME)))
    return world
