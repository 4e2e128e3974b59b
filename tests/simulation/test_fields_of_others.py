"""Would catch: a rollback that the API server refuses for a port of others, a host of theirs that stays served, and a
rollout or a deletion that waits for that for ever: an apply takes nothing away that it does not name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from crossfade.decide.plan import Action

from tests.simulation.cases.pods import of
from tests.simulation.cases.story import Story, gate, promoted, weight
from tests.simulation.invariants import watched
from tests.simulation.places import PLACES, WITH_GATEWAY, at_place, ways_to
from tests.simulation.routes import weights
from tests.simulation.specs import spec
from tests.simulation.test_drift import WITH_STABLE, told
from tests.simulation.test_refused import goes
from tests.simulation.world import KilledError, World

Json = dict[str, Any]
OURS: Json = {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}
METRICS: Json = {"name": "metrics", "port": 9090, "targetPort": 9090, "protocol": "TCP"}
TAKEN = {
    "another number": [{**OURS, "port": 8080}],
    "another number beside another port": [METRICS, {**OURS, "port": 8080}],
    "no name": [{"port": 8080, "targetPort": "http", "protocol": "TCP"}],
    "another protocol": [{**OURS, "protocol": "UDP"}],
    "another name": [{**OURS, "name": "web"}],
    "its name with another": [{**OURS, "name": "web", "targetPort": 9}, {**OURS, "port": 8080}],
}
"""What somebody makes of the ports of a Service of ours."""


def ported(service: Json | None, ports: list[Json]) -> Json:
    """The Service with these ports."""
    assert service is not None
    return {**service, "spec": {**service["spec"], "ports": ports}}


def found(service: Json | None) -> list[Json]:
    """Its ports, those of others last."""
    assert service is not None
    return sorted(service["spec"]["ports"], key=lambda one: one != OURS)


def others_write(story: World, route: Json) -> None:
    """Somebody stores this in the place of the route."""
    story.route = route
    story.route_generation, story.route_written_at = story.route_generation + 1, story.now


def kept(ports: list[Json]) -> list[Json]:
    """Ours, and what was always theirs."""
    return [OURS, *(one for one in ports if one == METRICS)]


@pytest.mark.parametrize("ports", TAKEN.values(), ids=TAKEN)
@pytest.mark.parametrize("place", [place for place in WITH_STABLE if place not in WITH_GATEWAY])
def test_the_port_that_clients_call_is_there_again(place: str, ports: list[Json]) -> None:
    story = at_place(place, "pods")
    before, said = weights(story.route), told(story)
    others_write(story, ported(story.route, ports))
    story.rests(2)
    assert found(story.route) == kept(ports)
    assert weights(story.route) == before
    assert len(said) == 1, said


@pytest.mark.parametrize("ports", TAKEN.values(), ids=TAKEN)
def test_an_abort_gets_through_whatever_was_done_to_ports(ports: list[Json]) -> None:
    story = at_place("half-way", "pods")
    others_write(story, ported(story.route, ports))
    story.order("abort")
    story.reaches(lambda one: one.share("v1") == 100, within=1.0)
    assert found(story.route) == kept(ports)


def test_further_ports_of_the_service_that_clients_call_are_theirs() -> None:
    story = Story(spec=of(4))
    watched(story)
    story.reaches(promoted)
    said = told(story)
    others_write(story, ported(story.route, [OURS, METRICS]))
    story.asks("v2", weight(50))
    story.reaches(promoted)
    assert said == []
    assert found(story.route) == [OURS, METRICS]


@pytest.mark.parametrize(
    ("place", "version", "ports"),
    [("half-way", "v1", ports) for ports in TAKEN.values()]
    + [
        (place, whose, TAKEN["another number"])
        for place, one in PLACES.items()
        for whose in filter(None, (one.stable, one.beside))
    ],
)
def test_the_port_by_which_a_route_finds_a_version_is_there_again(place: str, version: str, ports: list[Json]) -> None:
    story = at_place(place)
    backend = story.revisions[story.revision(version)]
    backend.service = ported(backend.service, ports)
    story.rests(2)
    assert found(backend.service) == kept(ports)


def hosted(story: World) -> None:
    """Somebody adds a host to a route that is for all."""
    assert story.route is not None
    others_write(story, {**story.route, "spec": {**story.route["spec"], "hostnames": ["other.example"]}})


@pytest.mark.parametrize("place", [place for place in WITH_STABLE if place != "refused"])
def test_a_host_that_others_add_is_taken_away_told_and_nothing_hangs(place: str) -> None:
    story = at_place(place)
    before, said = weights(story.route), told(story)
    hosted(story)
    story.reaches(lambda one: not (one.route or {})["spec"].get("hostnames"), within=2.0)
    assert weights(story.route) == before
    assert len(said) == (place != "kept for people"), "there the Gateways are read first, and the host acknowledged"


def test_a_rollout_goes_on_after_others_added_a_host() -> None:
    story = Story(spec=spec())
    watched(story)
    story.reaches(promoted)
    hosted(story)
    story.asks("v2", weight(50))
    story.reaches(promoted)


@pytest.mark.parametrize("way", ways_to("half-way"))
def test_a_budget_that_others_turned_round_holds_nothing_up(way: str) -> None:
    story = at_place("half-way", way)
    stable = story.revisions[story.revision("v1")]
    before = stable.budget
    assert before is not None
    turned = {key: one for key, one in before["spec"].items() if key != "maxUnavailable"} | {"minAvailable": "100%"}
    stable.budget = {**before, "spec": turned}
    story.rests(2)
    assert stable.budget == before
    story.order("advance")
    story.reaches(promoted)


@dataclass
class Unwritten(Story):
    """A policy, or a webhook, that has the users' route stay as it is."""

    holds: bool = False

    def _act(self, action: Action) -> None:
        entry = self.route if self.holds else None
        super()._act(action)
        if entry is not None and self.route is not entry:
            self.route, self.route_generation = entry, self.route_generation - 1


@dataclass
class Refused(Unwritten):
    """The same, by an error."""

    def _act(self, action: Action) -> None:
        before = self.route_generation
        super()._act(action)
        if self.holds and self.ours > before:
            raise KilledError


@pytest.mark.parametrize("world", [Unwritten, Refused])
@pytest.mark.parametrize("lost", [{}, {"v1": 0}], ids=["stable answers", "stable does not"])
def test_a_deletion_ends_though_the_route_stays_as_it_is(world: Callable[..., Unwritten], lost: dict[str, int]) -> None:
    story = world(spec=spec(serving={"replicas": 3}))
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(50), gate())
    story.reaches(lambda one: one.share("v2") == 50).rests(5)
    story.happens("nobody may write the route", holds=True, room=lost)
    story.delete()
    goes(story, 75)
    assert not story.finalizer
    assert {one.arm[0] for one in story.revisions.values()} == {"v1", "v2"}, "requests may still get to both"
