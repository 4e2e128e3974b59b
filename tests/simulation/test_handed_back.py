"""Would catch: a stable version that was made smaller and is given more than its pods carry because that was forgotten,
an order that acts on a version that is on its way out, or a hand-back that nobody can end."""

from dataclasses import dataclass, replace
from math import inf
from typing import Any

import pytest
from crossfade.api.conditions import Reason
from crossfade.decide.plan import Action, Apply, Standing, Target
from crossfade.model.order import Verb
from crossfade.model.snapshot import Snapshot

from tests.simulation.cases.shrunk import HOLD, MATCHED, of, pods, shrunk
from tests.simulation.cases.story import Story, at, gate, ladder, taken_back, weight
from tests.simulation.cases.theirs import Adopted
from tests.simulation.shop import adopting, rule
from tests.simulation.specs import spec
from tests.simulation.test_shrunk import at_three_quarters, serving, writes_half
from tests.simulation.world import KilledError


@dataclass
class Unreadable(Story):
    """A world whose spec cannot be read for a while."""

    unreadable: bool = False

    def snapshot(self) -> Snapshot:
        """All that a decision may see."""
        seen = super().snapshot()
        if not self.unreadable:
            return seen
        return replace(seen, rollout=replace(seen.rollout, spec=None, spec_error="spec.strategy must be set"))


def unread() -> Unreadable:
    """v2 has three quarters, one of stable's four pods is left, and then the spec cannot be read any more."""
    story = Unreadable(spec=of(4))
    at_three_quarters(story).happens("no further pod of v1 gets ready", room={"v1": 1})
    story.happens("the spec cannot be read", unreadable=True)
    return story


def test_an_abort_without_a_readable_spec_waits_for_one() -> None:
    story = unread()
    story.rests(5)
    story.order("abort")
    story.rests(5)
    assert story.share("v2") == 75


def test_an_abort_in_the_very_look_that_cannot_read_the_spec_waits_too() -> None:
    story = unread()
    story.order("abort")
    story.rests(5)
    assert story.share("v2") == 75


def test_that_stable_is_small_outlives_a_spec_that_cannot_be_read() -> None:
    """The spec comes back with `Full`, and one pod cannot take everything all the same."""
    story = unread()
    story.rests(2)
    story.edit(strategy=ladder(weight(75, **HOLD)))
    story.happens("it can", unreadable=False)
    story.order("abort")
    story.rests(5)
    assert story.share("v2") == 75


def test_a_deletion_without_a_readable_spec_waits_its_forty_seconds() -> None:
    story = unread()
    story.delete()
    story.rests(10)
    assert story.share("v2") == 75


def test_an_abort_of_a_tenth_waits_for_no_pod_that_was_never_taken_away() -> None:
    """With a hundred pods it is the one that is always missing."""
    story = serving(Story(spec=of(4)))
    story.asks("v2", weight(10, **HOLD), **MATCHED)
    story.reaches(at("w10")).rests(20)
    assert pods(story) == (4, 1)
    story.happens("one pod of v1 is lost for good", room={"v1": 3})
    story.rests(5)
    story.order("abort")
    story.reaches(taken_back, within=1.0)


def stuck(**more: Any) -> Story:
    """v2 has three quarters and is aborted, and stable's pods do not come."""
    story = at_three_quarters(Story(spec=of(4, startup={"timeout": "60s"})), **more)
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.order("abort")
    story.rests(5)
    return story


def answer(story: Story) -> str:
    """What was said of the newest order to abort."""
    return next(one.message for one in story.status.handled if one.verb == "abort")


def test_an_abort_at_the_standstill_gives_stable_everything_with_the_pods_it_has() -> None:
    """It is what the message says that there is to do: pods that never come end nothing."""
    story = stuck()
    story.order("abort", "before its time is over")
    story.rests(30)
    assert story.share("v2") == 75
    assert "v2 keeps 75% of the requests until pods that carry more are ready; v1: 1 of 4 pods ready" in answer(story)
    story.rests(40)
    assert story.plan is not None
    assert story.plan.situation.reason is Reason.NO_CAPACITY
    assert "a new `abort` gives v1 everything" in story.plan.situation.message
    assert story.share("v2") == 75
    story.order("abort", "at the standstill")
    story.reaches(taken_back, within=1.0).rests(20)
    assert pods(story) == (4, 0)
    assert "capacity is reduced: 1 of 4 pods of v1 are ready" in answer(story)


@pytest.mark.parametrize("asked", ["v1", "v3"])
def test_an_abort_at_the_standstill_ends_it_whatever_is_asked_for(asked: str) -> None:
    story = at_three_quarters(Story(spec=of(4, startup={"timeout": "60s"})))
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.ask(asked)
    story.rests(70)
    assert story.share("v2") == 75
    story.order("abort")
    story.reaches(lambda one: one.share("v1") == 100, within=1.0).rests(20)
    assert (*pods(story), story.pods("v3")) == (4, 0, 0)


def test_an_abort_that_is_still_open_at_the_standstill_was_heard_before() -> None:
    """It is of the third version as well, and is answered when that is called off."""
    story = at_three_quarters(Story(spec=of(4, startup={"timeout": "60s"})))
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.ask("v3")
    story.rests(5)
    story.order("abort")
    story.rests(90)
    assert story.share("v2") == 75
    story.order("abort", "2")
    story.reaches(taken_back, within=1.0)
    assert [one.model_version for one in story.status.history[:2]] == ["v3", "v2"]


def test_an_abort_that_is_said_again_needs_no_readable_spec() -> None:
    """Nobody knows how many pods stable must have, so there is no time after which they are late."""
    story = unread()
    story.order("abort")
    story.rests(600)
    assert story.share("v2") == 75
    assert story.plan is not None
    assert story.plan.situation.reason is Reason.NO_CAPACITY
    assert "a new `abort` gives v1 everything" in story.plan.situation.message
    story.order("abort", "again")
    story.reaches(taken_back, within=1.0)


@pytest.mark.parametrize("verb", ["skip-stage", "advance"])
def test_an_order_about_its_stage_is_used_up_while_a_version_makes_way(verb: Verb) -> None:
    """Asked for again, it goes on by its evidence, and not by what was said of another moment."""
    story = serving(Story(spec=of(4)))
    story.asks("v2", gate(weight=75), **MATCHED)
    story.reaches(shrunk(1, 3)).rests(3)
    story.happens("no further pod of v1 gets ready", room={"v1": 2})
    story.ask("v3")
    story.rests(10)
    story.order(verb)
    story.rests(2)
    assert [(one.verb, one.effect) for one in story.status.handled] == [(verb, "Idle")]
    story.ask("v2")
    story.happens("pods get ready", room={})
    story.rests(30)
    assert story.share("v2") == 75


def test_an_order_about_its_stage_is_used_up_while_a_gate_is_handed_back() -> None:
    story = serving(Story(spec=of(4)))
    story.asks("v2", gate(weight=75), **MATCHED)
    story.reaches(shrunk(1, 3)).rests(3)
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.order("abort")
    story.order("advance")
    story.rests(5)
    assert [(one.verb, one.effect) for one in story.status.handled] == [("abort", "Obeyed"), ("advance", "Idle")]


def test_a_candidate_keeps_the_pods_for_what_others_route_gives_it() -> None:
    """Git gives it nine tenths, that is named and not written against, and it needs its three pods for them."""
    story = at_three_quarters(Adopted(spec=adopting(serving={"replicas": 4})))
    story.happens("two pods of v1 get ready", room={"v1": 2})
    story.ask("v1")
    story.rests(6)
    story.git_applies(rule(1, 9))
    story.rests(3)
    story.happens("three are ready", room={"v1": 3})
    story.rests(30)
    assert (story.share("v2"), story.pods("v2")) == (9, 3)


def halved() -> Story:
    """Of its three quarters v2 has a half left, for v3 is asked for and another pod of stable got ready."""
    story = at_three_quarters(Story(spec=of(4)))
    story.happens("no further pod of v1 gets ready", room={"v1": 2})
    story.ask("v3")
    story.rests(5)
    assert (story.share("v2"), story.pods("v2")) == (50, 3)
    return story


def test_what_was_handed_back_is_not_given_again_while_suspended() -> None:
    story = halved()
    story.edit(suspend=True, modelVersion="v2")
    story.happens("pods get ready", room={})
    story.rests(30)
    assert story.share("v2") == 50
    assert story.plan is not None
    assert story.plan.situation.reason is Reason.SUSPENDED
    story.edit(suspend=False)
    story.reaches(at("w75"))


def test_what_was_handed_back_is_not_given_again_while_it_is_not_known_what_is_asked_for() -> None:
    story = halved()
    story.ask("v9")
    story.rests(30)
    assert story.share("v2") == 50


def test_whoever_has_to_go_and_may_stay_goes_on_from_a_stage_that_gives_no_more_than_is_left() -> None:
    """What it had been given was proven of other pods, and the evidence is gathered anew."""
    story = serving(Story(spec=of(4)))
    story.asks("v2", *(weight(part, minDuration="30s") for part in (25, 50)), weight(75, **HOLD), **MATCHED)
    story.reaches(shrunk(1, 3)).rests(3)
    story.happens("no further pod of v1 gets ready", room={"v1": 2})
    story.ask("v3")
    story.rests(20)
    story.ask("v2")
    story.rests(1)
    stage = story.status.stage
    assert stage is not None
    assert stage.name == "w50"
    story.happens("pods get ready", room={})
    story.reaches(at("w75"))


def test_the_order_is_on_record_before_the_first_weight_moves() -> None:
    """Or else it is called off by a kill in between and an annotation that is taken away."""
    story = serving(Story(spec=of(4)))
    story.asks("v2", weight(25, minDuration="30s"), weight(75, **HOLD), **MATCHED)
    story.reaches(shrunk(3, 1)).reaches(at("w75", proven=False))
    story.reaches(lambda one: one.share("v2") == 75)
    story.order("abort")
    story.crash_after = 1
    story._once()
    story.happens("killed behind the first write, and the order is withdrawn", orders={})
    story.restart()
    story.rests(30)
    assert story.share("v2") <= 25


def test_another_writer_is_named_and_not_written_against_when_a_pod_gets_ready() -> None:
    """An abort insists once; what comes of it afterwards waits for who writes otherwise, as with any weight."""
    story = at_three_quarters(Adopted(spec=adopting(serving={"replicas": 4})))
    story.happens("two pods of v1 get ready", room={"v1": 2})
    story.order("abort")
    story.rests(6)
    story.git_applies(rule(1, 9))
    story.rests(3)
    story.happens("three are ready", room={"v1": 3})
    story.rests(5)
    assert story.share("v2") == 9
    assert story.plan is not None
    assert story.plan.situation.reason is Reason.ROUTE_CONTESTED


def test_nothing_is_given_again_that_others_took_from_a_version_that_is_to_go() -> None:
    """Somebody writes half and half in the moment of the abort, and not even that is raised to what is on record."""
    story = at_three_quarters(Story(spec=of(4)))
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    writes_half(story)
    story.order("abort")
    story.rests(10)
    assert story.share("v2") == 50


def test_as_many_pods_are_waited_for_as_the_spec_asks_for_by_now() -> None:
    """Eight by its autoscaler when the rollout began; then there is none any more, and four carry everything."""
    story = serving(Story(spec=spec(serving={"autoscaling": {"min": 1, "max": 20}}), load={"v1": 8}))
    story.asks("v2", weight(75, **HOLD), **MATCHED)
    story.reaches(at("w75"))
    story.load["v1"] = 2
    story.reaches(shrunk(2, 6), within=30.0).rests(3)
    story.happens("no further pod of v1 gets ready", room={"v1": 2})
    story.order("abort")
    story.rests(2)
    story.edit(serving={"replicas": 4})
    story.rests(10)
    assert (story.share("v2"), story.pods("v1")) == (50, 4)
    story.happens("four are ready", room={"v1": 4})
    story.reaches(taken_back, within=10.0)


def test_an_abort_while_neither_spec_nor_route_are_there_waits_for_one_that_can_be_read() -> None:
    """Nothing can be written meanwhile; then the route is made as it was, and not for one pod of four."""
    story = unread()
    story.happens("the route is deleted", route=None)
    story.order("abort")
    story.rests(5)
    story.happens("the spec can be read", unreadable=False)
    story.rests(5)
    assert (story.share("v2"), story.pods("v1")) == (75, 4)
    story.happens("pods get ready", room={})
    story.reaches(taken_back, within=10.0)


def test_an_abort_insists_on_others_route_once_whatever_else_is_asked_for() -> None:
    """Git gives v2 nine tenths, against which a spec that has changed writes once, as does the abort."""
    story = at_three_quarters(Adopted(spec=adopting(serving={"replicas": 4})))
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.ask("v9")
    story.git_applies(rule(1, 9))
    story.rests(3)
    assert story.share("v2") == 75
    story.git_applies(rule(1, 9))
    story.rests(3)
    assert story.share("v2") == 9
    story.order("abort")
    story.rests(1)
    assert story.share("v2") == 75


def test_nothing_is_handed_back_by_a_route_of_others_that_is_gone() -> None:
    """No request gets anywhere, and it is not ours to make: there is nothing to wait for."""
    story = at_three_quarters(Adopted(spec=adopting(serving={"replicas": 4})))
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.loses_its_route()
    story.order("abort")
    story.reaches(taken_back, within=1.0)


def test_pods_that_were_to_go_stay_when_the_route_gives_them_requests_first() -> None:
    """The operator is killed between the decision and the write, and then Git gives v2 nine tenths."""
    story = at_three_quarters(Adopted(spec=adopting(serving={"replicas": 4})))
    story.happens("three pods of v1 get ready", room={"v1": 3})
    story.order("abort")
    story.reaches(lambda one: one.share("v2") == 25, within=10.0)
    story.reaches(lambda one: one.status.candidate is not None and one.status.candidate.floor == 1, within=20.0)
    story.tell("the write did not come")
    story.revisions[story.revision("v2")].scale(3, story.now)
    story.git_applies(rule(1, 9))
    story.rests(5)
    assert story.pods("v2") == 3


def test_an_abort_that_ends_a_hand_back_for_the_evidence_is_answered_with_what_it_did() -> None:
    """The message asks for it, so it did not come for nothing."""
    story = at_three_quarters(Story(spec=of(4, startup={"timeout": "20s"})))
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.happens("v2 fails", error_rate={"v2": 0.5})
    story.reaches(lambda one: one.plan.situation.reason is Reason.NO_CAPACITY)
    story.order("abort")
    story.reaches(taken_back, within=1.0).rests(5)
    assert [(one.verb, one.effect) for one in story.status.handled] == [("abort", "Obeyed")]
    assert "capacity is reduced: 1 of 4 pods of v1 are ready" in answer(story)


def test_stable_is_asked_for_its_pods_although_the_route_is_refused() -> None:
    """Six tenths are handed back for five, and a webhook refuses that: its pods are what is waited for all the same."""
    story = serving(Story(spec=of(4)))
    story.asks("v2", weight(60, **HOLD), **MATCHED)
    story.reaches(shrunk(2, 3)).rests(3)
    act = story._act

    def refuses(action: Action) -> None:
        if isinstance(action, Apply) and action.target is Target.HTTP_ROUTE:
            raise KilledError
        act(action)

    story._act = refuses  # type: ignore[method-assign]
    story.order("abort")
    story.rests(10)
    assert story.pods("v1") == 4


def test_an_abort_ends_a_hand_back_although_a_gateway_is_away_for_good() -> None:
    """One of the route's parents never takes it, and stable's pods do not come either."""
    story = at_three_quarters(Story(spec=of(4, startup={"timeout": "20s"})))
    story.happens("no room, and the gateway's status is not written any more", room={"v1": 2}, gateway_up=False)
    story.order("abort")
    story.rests(100)
    story.order("abort", "before anybody is told of a way out")
    story.rests(30)
    assert story.share("v2") == 50
    assert story.plan is not None
    assert story.plan.situation.reason is Reason.NOT_ACKNOWLEDGED
    assert "Gateway gateways/public" in story.plan.situation.message
    assert "a new `abort` gives v1 everything" in story.plan.situation.message
    story.order("abort", "3")
    story.reaches(lambda one: one.share("v1") == 100, within=1.0)


@pytest.mark.parametrize("asked", ["v2", "v3"])
def test_an_abort_ends_a_hand_back_although_slices_are_late(asked: str) -> None:
    """Stable's four pods are ready, and no request finds three of them: the controller is away for hours."""
    story = at_three_quarters(Story(spec=of(4, startup={"timeout": "20s"})))
    late = story.late
    story.late = lambda end: late(end) if end[1].endswith("-0") else inf  # type: ignore[method-assign]
    story.ask(asked)
    if asked == "v2":
        story.order("abort")
    story.rests(15)
    assert story.plan is not None
    assert story.plan.situation.standing is Standing.IN_PROGRESS
    story.rests(15)
    assert story.plan.situation.reason is Reason.NO_CAPACITY
    assert "3 more ready, but in no EndpointSlice yet" in story.plan.situation.message
    assert "a new `abort` gives v1 everything" in story.plan.situation.message
    story.order("abort", "2")
    story.reaches(lambda one: one.share("v1") == 100, within=1.0)


def test_an_abort_ends_a_hand_back_that_others_hold_up() -> None:
    """Git writes nine tenths for v2 again and again, which an abort writes against but once."""
    story = at_three_quarters(Adopted(spec=adopting(serving={"replicas": 4, "startup": {"timeout": "20s"}})))
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.order("abort")
    story.rests(6)
    story.git_applies(rule(1, 9))
    story.rests(30)
    assert story.plan is not None
    assert story.plan.situation.reason is Reason.ROUTE_CONTESTED
    assert "a new `abort` gives v1 everything" in story.plan.situation.message
    story.order("abort", "2")
    story.reaches(taken_back, within=1.0)


def test_who_may_stay_and_has_to_go_again_is_waited_for_anew() -> None:
    """The time of a hand-back that was called off is no part of the next one's."""
    story = at_three_quarters(Story(spec=of(4, startup={"timeout": "60s"})))
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.ask("v3")
    story.rests(40)
    assert story.status.traffic is not None
    assert story.status.traffic.taken_back_at is not None
    story.ask("v2")
    story.rests(5)
    assert story.status.traffic is not None
    assert story.status.traffic.taken_back_at is None
