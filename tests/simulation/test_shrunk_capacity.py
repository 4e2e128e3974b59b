"""Would catch: a stable version that was made smaller and of which nobody knows how many pods carry everything; room
that its pods take from the candidate's; requests that come back to fewer pods than carry them."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

import pytest
from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1 import RolloutStatus
from crossfade.decide.plan import Standing
from crossfade.model.workload import RevisionFacts

from tests.simulation.cases.shrunk import HOLD, MATCHED, of, pods, shrunk
from tests.simulation.cases.story import Story, at, ladder, promoted, taken_back, weight
from tests.simulation.specs import spec
from tests.simulation.test_shrunk import at_three_quarters, least, serving
from tests.simulation.world import World


@dataclass
class Killed(Story):
    """One pod of v2 was killed for its memory; it answers again, or not."""

    one: bool = False
    again: bool = True

    def facts_of(self, name: str) -> RevisionFacts:
        found = super().facts_of(name)
        if not self.one or found.model_version != "v2" or not found.pods:
            return found
        first = replace(found.pods[0], trouble="OOMKilled", ready=self.again and found.pods[0].ready)
        ready = sum(one.ready for one in (first, *found.pods[1:]))
        return replace(found, ready=ready, pods=(first, *found.pods[1:]))


def test_an_autoscaler_that_comes_midway_does_not_take_the_small_number_for_all() -> None:
    """`replicas: 4` becomes `autoscaling: {min: 1}` at 1 and 3 pods, and then it is aborted."""
    story = at_three_quarters(Story(spec=of(4)))
    story.edit(serving={"autoscaling": {"min": 1, "max": 20}})
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.rests(5)
    story.order("abort")
    story.rests(5)
    assert (story.share("v2"), least(story, "v1")) == (75, 4)


def test_an_autoscaler_and_an_abort_that_come_together_wait_for_all_pods_too() -> None:
    story = at_three_quarters(Story(spec=of(4)))
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.edit(serving={"autoscaling": {"min": 1, "max": 20}})
    story.order("abort")
    story.rests(5)
    assert (story.share("v2"), least(story, "v1")) == (75, 4)


def test_an_autoscaler_that_comes_midway_leaves_the_candidate_its_pods() -> None:
    """Three carry three quarters, whoever counts them."""
    story = at_three_quarters(Story(spec=of(4)))
    story.edit(serving={"autoscaling": {"min": 1, "max": 20}})
    story.rests(5)
    assert (least(story, "v1"), least(story, "v2")) == (1, 3)


def test_other_replicas_count_at_once_although_the_number_before_is_on_record() -> None:
    """Eight instead of four in the moment of an abort: four that are ready carry a half."""
    story = at_three_quarters(Story(spec=of(4)))
    story.happens("four pods of v1 get ready", room={"v1": 4})
    story.edit(serving={"replicas": 8})
    story.order("abort")
    story.rests(20)
    assert (story.share("v2"), story.pods("v1")) == (50, 8)


def at_nine_tenths(story: Killed) -> Killed:
    """v1 has one pod of ten, v2 nine."""
    serving(story).asks("v2", weight(90, **HOLD), **MATCHED)
    story.reaches(shrunk(1, 9)).rests(5)
    return story


def test_one_pod_of_nine_that_was_killed_does_not_give_everything_to_one_pod() -> None:
    """Eight answer: what they do not carry goes back at once, the rest as pods of stable come."""
    story = at_nine_tenths(Killed(spec=of(10)))
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.happens("one pod of v2 was killed for its memory", one=True, again=False)
    story.rests(1)
    assert (story.share("v2"), story.pods("v1")) == (80, 10)
    story.happens("six are ready", room={"v1": 6})
    story.rests(5)
    assert story.share("v2") == 40
    story.happens("all are ready", room={})
    story.reaches(taken_back, within=10.0).rests(20)
    assert pods(story) == (10, 0)
    assert story.status.history[0].cause == "OOMKilled"


def test_a_pod_that_was_killed_and_answers_again_calls_nothing_off() -> None:
    story = at_nine_tenths(Killed(spec=of(10)))
    story.happens("no further pod of v1 gets ready", room={"v1": 5})
    story.happens("one pod of v2 was killed for its memory", one=True)
    story.rests(5)
    assert story.share("v2") == 50
    story.happens("it is well", one=False)
    story.happens("all are ready", room={})
    story.reaches(taken_back, within=10.0)


def test_wrong_bytes_are_left_at_once_whatever_stable_has() -> None:
    story = at_nine_tenths(Killed(spec=of(10)))
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.happens("one pod of v2 was killed for its memory", one=True)
    story.rests(2)
    assert story.share("v2") == 90
    story.happens("v2 has other bytes", wrong_bytes={"v2"})
    story.reaches(taken_back, within=1.0)


def test_a_stable_version_that_is_whole_takes_everything_from_a_candidate_that_crashes() -> None:
    """As ever: one pod of it is enough for a reason, and one write for the way back."""
    story = serving(Killed(spec=of(10)))
    story.asks("v2", weight(90, **HOLD))
    story.reaches(shrunk(10, 9)).rests(5)
    story.happens("two pods of v1 are lost, and one of v2 was killed", room={"v1": 8}, one=True)
    story.reaches(taken_back, within=1.0)


def test_a_lost_pod_of_the_candidate_comes_back_where_there_is_room_for_one_more() -> None:
    """Room for five: 1 and 3 run, one of the 3 is lost with its node; whoever asks first has what is free."""
    story, held, lost = Story(spec=of(4)), {"v1": 4, "v2": 0}, {"at": 0.0}

    def schedule(world: World) -> None:
        asked = {version: world.pods(version) for version in held}
        for version in held:
            held[version] = min(held[version], asked[version])
        if lost["at"] == world.now:
            held["v2"] -= 1
            lost["at"] = -world.now
        late = lost["at"] < 0 and world.now < 1 - lost["at"]  # its Deployment makes another after a second
        for version in ("v2", "v1"):
            while not (late and version == "v2") and sum(held.values()) < 5 and held[version] < asked[version]:
                held[version] += 1
        world.room.update(held)

    serving(story).checks.append(schedule)
    story.asks("v2", weight(25, minDuration="30s"), weight(50, minDuration="30s"), weight(75, **HOLD), **MATCHED)
    story.reaches(at("w75")).reaches(shrunk(1, 3)).rests(5)
    story.tell("a pod of v2 is lost with its node")
    lost["at"] = story.now + 0.5
    story.rests(60)
    assert (story.share("v2"), *pods(story)) == (75, 1, 3)


def test_stable_has_the_pods_of_what_a_lost_pod_leaves_to_it() -> None:
    """Two of three are left, so it gets a half: two pods of four, and one again when the third is back."""
    story = at_three_quarters(Story(spec=of(4)))
    story.happens("two pods of v2 are ready", room={"v2": 2})
    story.reaches(lambda one: one.share("v2") == 50, within=10.0).rests(20)
    assert (story.share("v2"), *pods(story)) == (50, 2, 3)
    story.happens("all are", room={})
    story.reaches(at("w75")).reaches(shrunk(1, 3)).rests(5)


def test_a_status_that_is_lost_makes_no_five_times_of_stable() -> None:
    """`minPods` gave a tenth of the requests two pods, a part of twenty; the four of nine tenths know better."""
    story = serving(Story(spec=spec(serving={"autoscaling": {"min": 1, "max": 100}}), load={"v1": 4}))
    story.asks("v2", weight(90, **HOLD), **MATCHED, minPods=2)
    story.reaches(at("w90"))
    story.load["v1"] = 1
    story.reaches(lambda one: one.pods("v1") == 2, within=30.0).rests(3)
    story.ask("v1")
    story.happens("the status is lost", status=RolloutStatus(), finalizer=False)
    story.restart()
    story.rests(2)
    assert least(story, "v1") == 4


def test_a_status_that_is_lost_where_stable_gets_nothing_is_read_off_the_other() -> None:
    """Somebody wrote its weight away before that: its pods are no part of anything."""
    story = serving(Story(spec=spec(serving={"autoscaling": {"min": 1, "max": 100}}), load={"v1": 4}))
    story.asks("v2", weight(75, **HOLD), **MATCHED)
    story.reaches(at("w75"))
    story.load["v1"] = 1
    story.reaches(lambda one: one.pods("v1") == 1, within=30.0).rests(3)
    route = deepcopy(story.route)
    assert route is not None
    for backend in route["spec"]["rules"][0]["backendRefs"]:
        backend["weight"] = 0 if backend["name"] == story.revision("v1") else 100
    story.happens("the status is lost, and all goes to v2", status=RolloutStatus(), finalizer=False, route=route)
    story.ask("v1")
    story.restart()
    story.rests(2)
    assert least(story, "v1") == 3


def test_a_hand_back_that_goes_on_is_not_told_as_a_standstill() -> None:
    """Room for five, pods of thirty seconds, `startup.timeout: 60s`: a pod comes every forty seconds, none is late."""
    story = at_three_quarters(Story(spec=of(4, startup={"timeout": "60s"})))
    ready, due, said = [1], list[float](), list[str]()

    def schedule(world: World) -> None:
        while ready[0] + len(due) < min(5 - world.pods("v2"), world.pods("v1")):
            due.append(world.now + 30)
        while due and due[0] <= world.now:
            due.pop(0)
            ready[0] += 1
        world.room["v1"] = ready[0]
        assert world.plan is not None
        if world.plan.situation.standing is Standing.FAILED and world.status.candidate is not None:
            said.append(world.plan.situation.message)

    story.room["v1"] = 1
    story.checks.append(schedule)
    story.order("abort")
    story.reaches(taken_back)
    assert said == []


def test_a_pod_that_comes_and_goes_is_no_hand_back_that_goes_on() -> None:
    """A second pod of v1 gets ready again and again, and the third never comes."""
    story = at_three_quarters(Story(spec=of(4, startup={"timeout": "60s"})))

    def flap(world: World) -> None:
        world.room["v1"] = 1 + int(world.now % 20 < 10)

    story.checks.append(flap)
    story.order("abort")
    story.reaches(lambda one: one.plan.situation.reason is Reason.NO_CAPACITY, within=90.0)
    story.order("abort", token="2")
    story.reaches(taken_back)


def test_a_gateway_that_is_away_is_told_while_weights_are_handed_back() -> None:
    """The candidate's pods stay for it, and with them the room for stable's: pods alone would be named for ever."""
    story = at_three_quarters(Story(spec=of(4, startup={"timeout": "60s"})))
    story.happens("two pods of v1 get ready, and the gateway is away", room={"v1": 2}, gateway_up=False)
    story.order("abort")
    story.rests(110)
    assert story.plan is not None
    assert story.plan.situation.standing is Standing.IN_PROGRESS
    story.rests(20)
    assert (story.plan.situation.standing, story.plan.situation.reason) == (Standing.FAILED, Reason.NOT_ACKNOWLEDGED)
    assert "Gateway gateways/public" in story.plan.situation.message
    story.happens("it is back", gateway_up=True, room={})
    story.reaches(taken_back, within=20.0)


@pytest.mark.parametrize("how", ["silent", "suspended"])
def test_stable_is_not_made_smaller_while_nothing_may_go_forward(how: str) -> None:
    """Proven ten seconds ago, when what it had before has drained: fewer pods are a step forward."""
    story = serving(Story(spec=of(4)))
    story.asks("v2", weight(75, **HOLD), **MATCHED)
    story.reaches(at("w75"))
    if how == "silent":
        story.happens("Prometheus does not answer", prometheus_up=False)
    else:
        story.edit(suspend=True)
    story.rests(100)
    assert pods(story) == (4, 3)
    if how == "silent":
        story.happens("it answers", prometheus_up=True)
    else:
        story.edit(suspend=False)
    story.reaches(shrunk(1, 3), within=60.0)


@pytest.mark.parametrize("how", ["silent", "suspended"])
def test_a_stable_version_that_is_small_stays_so_whatever_holds_the_next_step(how: str) -> None:
    story = at_three_quarters(Story(spec=of(4)))
    if how == "silent":
        story.happens("Prometheus does not answer", prometheus_up=False)
    else:
        story.edit(suspend=True)
    story.rests(100)
    assert pods(story) == (1, 3)


def test_a_deletion_that_takes_all_with_it_makes_no_pods_before() -> None:
    """`deletionPolicy: Delete`: they would be started, and waited for, for nobody."""
    story = at_three_quarters(Story(spec=spec("v1", serving={"replicas": 4}, deletionPolicy="Delete")))
    story.delete()
    story.rests(1)
    assert (story.share("v1"), story.pods("v1")) == (100, 1)
    story.reaches(lambda one: not one.finalizer, within=30.0)
    assert story.pods("v1") == 1


def test_an_autoscaler_does_not_keep_the_pods_of_a_candidate_that_is_handed_back() -> None:
    """Room for five: Kubernetes' own would hold three pods for five minutes by what they did before, a wave each."""
    story = serving(Story(spec=spec(serving={"autoscaling": {"min": 1, "max": 20}}), load={"v1": 4}))
    story.asks("v2", weight(25, minDuration="20s"), weight(50, minDuration="20s"), weight(75, **HOLD), **MATCHED)
    story.reaches(at("w75"))
    story.load.update(v1=1, v2=3)
    story.reaches(shrunk(1, 3), within=60.0).rests(3)

    def follow(world: World) -> None:
        found = world.revisions[story.revision("v2")].autoscaler if world.pods("v2") else None
        if found is not None and found["spec"].get("behavior") is not None:
            world.load["v2"] = 1
        world.room["v1"] = 5 - world.pods("v2")

    story.checks.append(follow)
    story.order("abort")
    story.reaches(taken_back, within=60.0)
    assert story.failed_by_route == 0


def window(story: Story, version: str) -> int | None:
    """Seconds for which an autoscaler keeps pods by what they did before; None for Kubernetes' own five minutes."""
    found = story.revisions[story.revision(version)].autoscaler
    assert found is not None
    seconds: int | None = found["spec"].get("behavior", {}).get("scaleDown", {}).get("stabilizationWindowSeconds")
    return seconds


def handed_back_by_mistake(bounds: dict[str, int], part: int, small: tuple[int, int]) -> Story:
    """v2 has this part of what four pods carry, and a third version is asked for; of v1 there is room for one pod."""
    story = serving(Story(spec=spec(serving={"autoscaling": bounds}), load={"v1": 4}))
    story.asks("v2", weight(part, minDuration="60s"), **MATCHED)
    story.reaches(at(f"w{part}"))
    story.load["v1"] = 1
    story.reaches(shrunk(*small), within=60.0).rests(3)
    story.happens("no further pod of v1 gets ready", room={"v1": small[0]})
    story.ask("v3")
    story.rests(2)
    assert window(story, "v2") == 1
    return story


@pytest.mark.parametrize(
    ("bounds", "part", "small"),
    [({"min": 1, "max": 20}, 75, (1, 3)), ({"min": 4, "max": 20}, 90, (1, 4))],
    ids=["other pods", "the same least pods"],
)
def test_an_autoscaler_is_calm_again_when_a_version_stays_after_all(
    bounds: dict[str, int], part: int, small: tuple[int, int]
) -> None:
    story = handed_back_by_mistake(bounds, part, small)
    story.ask("v2")
    story.happens("pods get ready", room={})
    story.reaches(at(f"w{part}"), within=60.0).rests(3)
    assert window(story, "v2") is None
    story.reaches(promoted, within=200.0)


def test_what_others_say_of_an_autoscalers_haste_is_theirs() -> None:
    """Neither written against, nor taken along when ours goes."""
    story = handed_back_by_mistake({"min": 4, "max": 20}, 90, (1, 4))
    found, stable = (story.revisions[story.revision(version)].autoscaler for version in ("v2", "v1"))
    assert found is not None
    assert stable is not None
    found["spec"]["behavior"]["scaleUp"] = {"stabilizationWindowSeconds": 60}
    stable["spec"]["behavior"] = {"scaleDown": {"stabilizationWindowSeconds": 30}}
    story.ask("v2")
    story.happens("pods get ready", room={})
    story.reaches(at("w90"), within=60.0).rests(3)
    assert (window(story, "v1"), window(story, "v2")) == (30, None)
    after = story.revisions[story.revision("v2")].autoscaler
    assert after is not None
    assert after["spec"]["behavior"]["scaleUp"] == {"stabilizationWindowSeconds": 60}


def test_a_candidate_that_loses_pod_after_pod_keeps_what_the_rest_of_them_carry() -> None:
    """Eight of nine carry 80 % of what ten do, and five of them a half, at whatever stage that was given."""
    story = serving(Killed(spec=of(10)))
    story.asks("v2", weight(10, minDuration="5s"), weight(90, **HOLD), **MATCHED)
    story.reaches(shrunk(1, 9), within=120.0).rests(5)
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.happens("one pod of v2 was killed for its memory", one=True, again=False)
    story.rests(5)
    assert story.share("v2") == 80
    story.happens("three more are not ready", room={"v1": 1, "v2": 6})
    story.rests(2)
    assert story.share("v2") == 50


@pytest.mark.parametrize("end", [promoted, taken_back])
@pytest.mark.parametrize(
    ("replicas", "room", "weights"), [(4, 5, (25, 50, 75)), (3, 5, (33, 66))], ids=["whole pods", "rounded up"]
)
def test_it_rolls_out_and_back_in_the_room_that_is_documented(
    replicas: int, room: int, weights: tuple[int, ...], end: Callable[[World], bool]
) -> None:
    """N + 1 where every weight is a whole number of pods, N + 2 else; pods that are there keep their places."""
    story, held = Story(spec=of(replicas)), {"v1": replicas, "v2": 0}

    def schedule(world: World) -> None:
        for version in held:
            held[version] = min(held[version], world.pods(version))
        for version in ("v2", "v1"):
            held[version] = min(world.pods(version), room - sum(held.values()) + held[version])
        world.room.update(held)

    serving(story).checks.append(schedule)
    ladder = [weight(one, minDuration="15s") for one in weights]
    story.asks("v2", *ladder, **MATCHED)
    story.reaches(at(f"w{weights[-1]}"), within=300.0)
    if end is taken_back:
        story.reaches(lambda one: one.pods("v1") < replicas).rests(3).order("abort")
    story.reaches(end, within=300.0)
    assert story.failed_by_route == 0


def test_a_version_before_that_was_small_follows_an_edit_of_replicas() -> None:
    story = serving(Story(spec=of(4)))
    story.asks("v2", weight(75, minDuration="30s"), keepPrevious="1h", **MATCHED)
    story.reaches(promoted, within=200.0).rests(20)
    assert pods(story) == (4, 4)
    story.edit(serving={"replicas": 2})
    story.rests(20)
    assert pods(story) == (2, 2)


def test_replicas_that_are_edited_while_the_version_is_unknown_count() -> None:
    story = at_three_quarters(Story(spec=of(4)))
    story.happens("the ModelVersion is deleted", versions={"v1"})
    story.edit(strategy=ladder(weight(75, **HOLD)))
    story.rests(20)
    assert story.pods("v1") == 4
    story.edit(serving={"replicas": 8})
    story.rests(20)
    assert story.pods("v1") == 8
