"""Catches a route that others changed and that stays so, at any place on the way; proof that is kept from before; and a
change of our own that is told as theirs."""

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import pytest
from crossfade.api import meta
from crossfade.api.v1alpha1.rollout import StageStatus
from crossfade.model.claim import Rival, Wanted
from crossfade.model.moments import moment

from tests.simulation.cases.story import Story, gate, weight
from tests.simulation.invariants import watched
from tests.simulation.places import PLACES, at_place, ways_to
from tests.simulation.routes import is_service, reached
from tests.simulation.test_stages import asking, at, revision, transcript
from tests.simulation.world import World, promoted, spec, weights

TEN = {"name": "ten", "weight": 10, "minDuration": "60s"}
HALF = {"name": "half", "weight": 50}
OTHER = Rival("HTTPRoute", "web", "shop", Wanted("gateways", "public", "", "PathPrefix", "/"))
BY_PODS = {"spec": spec("v1", traffic={"replicas": {}}, serving={"replicas": 10})}


def told(world: World) -> list[str]:
    """What is said of repaired routes from now on."""
    said: list[str] = []

    def listen(one: World) -> None:
        events = one.plan.events if one.plan else ()
        said.extend(event.message for event in events if event.reason == "RouteRepaired")

    world.checks.append(listen)
    return said


def others_write(world: World, share: int, beside: Sequence[dict[str, Any]] = ()) -> None:
    """Somebody gives the candidate this share, and keeps the rules `beside` that of the users."""
    assert world.route is not None
    parts = {revision(world, "v1"): 100 - share, revision(world, "v2"): share}
    users = world.route["spec"]["rules"][0]
    split = {**users, "backendRefs": [{"name": name, "port": 80, "weight": part} for name, part in parts.items()]}
    world.route = {**world.route, "spec": {**world.route["spec"], "rules": [split, *beside]}}
    world.route_generation += 1
    world.route_written_at = world.now


def stage(world: World) -> StageStatus:
    assert world.status.stage is not None, transcript(world)
    return world.status.stage


def test_what_was_seen_before_others_changed_the_route_is_no_proof_of_the_share_any_more() -> None:
    world = asking(TEN, HALF)
    world.run(60, until=at("ten"))
    said = told(world)
    world.run(30)
    others_write(world, 50)
    changed = world.now
    world.run(1)
    assert world.share("v2") == 10, transcript(world)
    assert (stage(world).acknowledged_at, stage(world).proven_at) == (None, None) or moment(
        stage(world).acknowledged_at or ""
    ) > changed
    world.run(20, until=at("ten"))
    assert moment(stage(world).proven_at or "") > changed
    world.run(55)
    assert stage(world).name == "ten", "the stage lasts a minute from its new proof on"
    world.run(100, until=at("half"))
    assert at("half")(world), transcript(world)
    assert len(said) == 1


@pytest.mark.parametrize("after", range(4))
def test_a_kill_while_it_is_put_right_keeps_no_proof_either(after: int) -> None:
    world = asking(TEN, HALF)
    world.run(60, until=at("ten"))
    world.run(30)
    others_write(world, 50)
    changed, world.crash_after = world.now, after
    world.run(1)
    world.restart()
    world.run(20, until=at("ten"))
    assert moment(stage(world).proven_at or "") > changed, transcript(world)


@pytest.mark.parametrize("after", [0, 1])
def test_a_kill_before_it_is_put_right_hides_from_nobody_that_it_was(after: int) -> None:
    """The gateway has taken the split of the others by then."""
    world = asking(TEN, HALF)
    world.run(60, until=at("ten"))
    said: list[str] = []

    def listen(one: World) -> None:
        events = one.plan.events if one.plan else ()
        said.extend(event.message for event in events if event.reason == "RouteRepaired" and event.by in one.acted)

    world.checks.append(listen)
    others_write(world, 50)
    world.ack_seconds, world.crash_after = 0.0, after
    world.run(1)
    assert world.share("v2") == 10, transcript(world)
    assert len(said) == 1, transcript(world)


@pytest.mark.parametrize("state", ["others have the host", "a spec that cannot be followed"])
def test_whatever_else_is_waited_for_proof_is_not_kept(state: str) -> None:
    world = asking(TEN, HALF)
    world.run(60, until=at("ten"))
    if state == "others have the host":
        world.rivals = (OTHER,)
    else:
        world.versions.discard("v2")
    world.run(2)
    others_write(world, 5)
    changed = world.now
    world.run(3)
    world.rivals = ()
    world.versions.add("v2")
    world.run(30, until=at("ten"))
    assert moment(stage(world).proven_at or "") > changed, transcript(world)


def test_hosts_that_are_edited_twice_before_the_gateway_has_followed_were_changed_by_nobody_else() -> None:
    world = asking(TEN, HALF)
    world.run(60, until=at("ten"))
    said, proven = told(world), stage(world).proven_at
    world.gateway_up = False
    for host in ("a.test", "b.test", "c.test"):
        api = {"parentRefs": [{"name": "public", "namespace": "gateways"}], "hostnames": [host]}
        world.edit(traffic={"gatewayAPI": api})
        world.run(2)
        assert (world.route or {})["spec"]["hostnames"] == [host]
    world.gateway_up = True
    world.run(5)
    assert said == []
    assert stage(world).proven_at == proven, "requests were split all the while as they should be"


def test_a_route_that_others_change_before_the_gateway_has_followed_is_told() -> None:
    world = asking(TEN, HALF)
    world.run(60, until=at("ten"))
    said = told(world)
    world.gateway_up = False
    api = {"parentRefs": [{"name": "public", "namespace": "gateways"}], "hostnames": ["a.test"]}
    world.edit(traffic={"gatewayAPI": api})
    world.run(2)
    others_write(world, 5)
    world.run(2)
    assert len(said) == 1
    assert world.share("v2") == 10


@pytest.mark.parametrize("of", ["the selector", "the Service"])
def test_the_service_in_front_of_both_is_put_right_told_and_proven_anew(of: str) -> None:
    world = asking(TEN, HALF, **BY_PODS)
    world.run(90, until=at("ten"))
    said = told(world)
    assert world.route is not None
    stored: dict[str, Any] = world.route
    alone = {meta.LABEL_REVISION: revision(world, "v2")}
    world.route = {**stored, "spec": {**stored["spec"], "selector": alone}} if of == "the selector" else None
    world.route_generation += 1
    changed = world.now
    world.run(1)
    assert weights(world.route) == weights(stored), transcript(world)
    (one,) = said
    assert one.startswith("the Service fraud was changed by others: " if of == "the selector" else "the Service fraud")
    world.run(30, until=at("ten"))
    assert moment(stage(world).proven_at or "") > changed, transcript(world)


def test_nobody_is_blamed_over_a_whole_rollout_behind_a_service() -> None:
    world = asking(TEN, HALF, **BY_PODS)
    said = told(world)
    world.run(400, until=promoted)
    assert promoted(world), transcript(world)
    assert said == []


def rewritten(story: Story) -> None:
    """Somebody gives v2 eighty percent; where there is no route, its pods alone are selected."""
    assert story.route is not None
    if is_service(story.route):
        alone = {meta.LABEL_REVISION: story.revision("v2")}
        story.route = {**story.route, "spec": {**story.route["spec"], "selector": alone}}
        story.route_generation, story.route_written_at = story.route_generation + 1, story.now
    else:
        others_write(story, 80)
    story.tell("somebody gives v2 more")


WITH_STABLE = [
    place for place in PLACES if place not in ("stranded", "stranded on the way back", "standing in", "promoted")
]
"""Where it has ready pods, and v2 is not it."""


@pytest.mark.parametrize(
    ("place", "way"),
    [(place, way) for place in WITH_STABLE for way in ways_to(place) if way != "adopted"],
)
def test_what_others_write_is_put_right_wherever_a_rollout_is_and_nobody_notices(place: str, way: str) -> None:
    story = at_place(place, way)
    before, said = weights(story.route), told(story)
    rewritten(story)
    story.reaches(lambda one: weights(one.route) == before, within=2.0)
    assert len(said) == 1, story.transcript()
    story.rests(40)
    assert story.failed_by_route == 0, story.transcript()


def led_to(story: Story, *backends: dict[str, Any]) -> None:
    """Somebody writes other backends into the users' rule."""
    assert story.route is not None
    users = story.route["spec"]["rules"][0]
    story.route = {**story.route, "spec": {**story.route["spec"], "rules": [{**users, "backendRefs": [*backends]}]}}
    story.route_generation, story.route_written_at = story.route_generation + 1, story.now
    story.tell("somebody leads requests elsewhere")


EDITS: Mapping[str, Callable[[dict[str, Any]], None]] = {
    "another namespace": lambda rule: rule["backendRefs"][0].update(namespace="other"),
    "another kind": lambda rule: rule["backendRefs"][0].update(kind="ServiceImport", group="multicluster.x-k8s.io"),
    "a filter of a backend": lambda rule: rule["backendRefs"][0].update(filters=[{"type": "ExtensionRef"}]),
    "sessions": lambda rule: rule.update(sessionPersistence={"sessionName": "s"}),
    "retries": lambda rule: rule.update(retry={"attempts": 9}),
    "a field that nobody knows": lambda rule: rule.update(novelty=True),
}
"""What somebody may do to a rule without changing anything that we wrote."""


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("place", ["half-way", "promoted", "deleting", "without metrics"])
def test_what_others_add_to_a_rule_is_put_right_wherever_a_rollout_is(place: str, edit: str) -> None:
    story = at_place(place)
    assert story.route is not None
    before, said = deepcopy(story.route["spec"]), told(story)
    story.route = deepcopy(story.route)
    EDITS[edit](story.route["spec"]["rules"][0])
    story.route_generation, story.route_written_at = story.route_generation + 1, story.now
    story.tell(f"somebody edits the route: {edit}")
    story.reaches(lambda one: one.route is not None and one.route["spec"] == before, within=2.0)
    story.rests(3)
    assert len(said) == 1, story.transcript()


def test_labels_that_others_put_on_the_route_are_theirs() -> None:
    story = at_place("half-way")
    assert story.route is not None
    labels, said = {**story.route["metadata"]["labels"], "team": "risk", "filters": "on"}, told(story)
    story.route = {**story.route, "metadata": {**story.route["metadata"], "labels": labels}}
    before = story.route
    story.rests(10)
    assert (story.route, said) == (before, [])


def beside_v1(story: Story, **elsewhere: str) -> tuple[dict[str, Any], ...]:
    """Half is stable's, the other half of somebody else: of v2's name where none is given, with these fields."""
    other = {"name": story.revision("v2"), "port": 80, "weight": 50, **elsewhere}
    return {"name": story.revision("v1"), "port": 80, "weight": 50}, other


@pytest.mark.parametrize(
    "elsewhere",
    [{"name": "elsewhere"}, {"namespace": "other"}, {"kind": "Backend", "group": "acme.dev"}, None],
    ids=["elsewhere", "another namespace", "another kind", "nowhere"],
)
def test_what_others_lead_elsewhere_while_metrics_are_away_is_stables_and_then_of_both(
    elsewhere: dict[str, str] | None,
) -> None:
    """The candidate may not be given more then; who has no part may keep nothing either."""
    story = at_place("without metrics")
    led_to(story, *(() if elsewhere is None else beside_v1(story, **elsewhere)))
    story.reaches(lambda one: weights(one.route) == {one.revision("v1"): 100}, within=2.0)
    story.rests(10)
    assert story.share("v1") == 100
    story.happens("Prometheus answers", prometheus_up=True)
    story.reaches(lambda one: one.share("v2") == 50, within=20.0)


@pytest.mark.parametrize("shape", [{"match": {"headers": [{"name": "x", "value": "y"}]}}, {"shadow": 50}], ids=str)
def test_a_cohort_or_a_copy_that_others_lead_elsewhere_while_metrics_are_away_is_stables(shape: dict[str, Any]) -> None:
    story = Story()
    watched(story)
    story.reaches(promoted)
    story.asks("v2", {"name": "first", "minDuration": "600s", **shape})
    story.reaches(lambda one: len(reached(one.route)) == 2).rests(5)
    story.happens("Prometheus does not answer", prometheus_up=False)
    story.rests(3)
    story.route = json.loads(json.dumps(story.route).replace(story.revision("v2"), "elsewhere"))
    story.route_generation, story.route_written_at = story.route_generation + 1, story.now
    story.reaches(lambda one: reached(one.route) == {one.revision("v1")}, within=2.0)


@pytest.mark.parametrize("way", ["gateway", "pods"])
def test_a_route_that_is_gone_while_metrics_and_stable_are_away_is_made_again_as_it_was(way: str) -> None:
    """Nobody but the candidate could answer."""
    story = at_place("without metrics", way)
    before = weights(story.route)
    story.happens("v1 loses its pods", room={"v1": 0})
    story.rests(2)
    story.route = None
    story.reaches(lambda one: weights(one.route) == before, within=2.0)


def test_pods_that_are_back_while_the_route_waits_for_metrics_are_not_said_to_have_their_share() -> None:
    story = at_place("fewer pods")
    story.happens("Prometheus does not answer", prometheus_up=False)
    story.rests(3)
    story.happens("v2 has its pods again", room={})
    story.rests(3)
    story.route = None
    story.rests(3)
    assert story.share("v1") == 100
    assert story.plan is not None
    assert "waits for metrics" in story.plan.situation.message
    assert story.status.traffic is not None
    assert story.status.traffic.reduced == 25


def test_a_deletion_after_a_restart_blames_nobody_for_the_split_it_undoes() -> None:
    story = at_place("half-way")
    story.happens("a gateway is slow", ack_seconds=20.0)
    story.edit(strategy={"stages": [weight(20), gate()]})
    story.reaches(lambda one: one.share("v2") == 20)
    said = told(story)
    story.restart()
    story.delete()
    story.rests(60)
    assert said == []
    assert not story.finalizer


@pytest.mark.parametrize(
    ("place", "way"),
    [(place, way) for place in PLACES if place != "deleting" for way in ways_to(place) if way != "adopted"],
)
def test_a_route_that_somebody_deletes_is_there_again(place: str, way: str) -> None:
    story = at_place(place, way)
    before = weights(story.route)
    story.tell("the route is deleted")
    story.route = None
    story.reaches(lambda one: one.route is not None, within=2.0)
    alone = {story.revision("v1"): 100}
    assert weights(story.route) == (alone if place == "without metrics" else before), story.transcript()
