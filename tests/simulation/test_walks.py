"""Would catch: what people, faults and hands on children leave behind together, in whatever order they come: requests
that fail for good, a rollout that never ends, a route to nobody."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from random import Random
from typing import Any

import pytest

from tests.simulation.cases.pods import of
from tests.simulation.cases.story import Story, gate, ladder, promoted, weight
from tests.simulation.invariants import watched
from tests.simulation.routes import is_service, weights
from tests.simulation.specs import spec

VERSIONS = ("v1", "v2", "v3")
STAGES = (
    (weight(10), weight(50)),
    (weight(5), gate(), weight(60)),
    ({"name": "team", "match": {"headers": [{"name": "x", "value": "y"}]}}, weight(30)),
)
FURTHER: tuple[dict[str, Any], ...] = (
    {},
    {"bake": {"duration": "5s", "holdback": 5}},
    {"rollbackWindow": {"revisions": 2}},
    {"rollbackWindow": {"revisions": 2}, "keepPrevious": "30s"},
    {"onRollback": {"keepCandidate": "20s"}},
)
BY_PODS = (STAGES[:2], FURTHER[:3])
"""What there is of both without a gateway."""
MATCHED = {"stableCapacity": "MatchTraffic"}
WORLDS: Mapping[str, Callable[[], Story]] = {
    "gateway": lambda: Story(rate=400.0, cohort_rate=20.0, spec=spec(serving={"replicas": 3})),
    "pods": lambda: Story(rate=400.0, spec=of(4)),
    "matched": lambda: Story(
        rate=400.0, cohort_rate=20.0, spec=spec(serving={"replicas": 3}, strategy=ladder(weight(50), **MATCHED))
    ),
}
VERBS = ("abort", "retry", "skip-stage", "advance")
WELL: dict[str, Any] = {"room": {}, "crashes": set(), "error_rate": {}, "prometheus_up": True, "gateway_up": True}


def strategy(dice: Random, story: Story) -> dict[str, Any]:
    stages, further = BY_PODS if "replicas" in story.spec["traffic"] else (STAGES, FURTHER)
    kept = MATCHED if "stableCapacity" in story.spec["strategy"] else {}
    return deepcopy(ladder(*dice.choice(stages), **dice.choice(further), **kept))


def somebody(dice: Random, story: Story) -> str:
    return dice.choice(list(story.revisions))


# what people do


def asks(dice: Random, story: Story) -> None:
    story.ask(dice.choice(VERSIONS))


def edits_the_strategy(dice: Random, story: Story) -> None:
    story.edit(strategy=strategy(dice, story))


def edits_both(dice: Random, story: Story) -> None:
    story.edit(strategy=strategy(dice, story), modelVersion=dice.choice(VERSIONS))


def edits_the_number(dice: Random, story: Story) -> None:
    story.edit(serving={"replicas": dice.choice((1, 2, 3, 5))})


def suspends_or_goes_on(dice: Random, story: Story) -> None:
    story.edit(suspend=not story.spec.get("suspend", False))


def orders(dice: Random, story: Story) -> None:
    story.order(dice.choice(VERBS), str(story.now))


# what becomes of the world


def pods_have_no_room(dice: Random, story: Story) -> None:
    version = dice.choice(VERSIONS)
    story.happens(f"{version} has no room", room={**story.room, version: dice.choice((0, 1))})


def pods_crash(dice: Random, story: Story) -> None:
    version = dice.choice(VERSIONS[1:])
    story.happens(f"{version} crashes", crashes={version})


def answers_are_wrong(dice: Random, story: Story) -> None:
    version = dice.choice(VERSIONS[1:])
    story.happens(f"{version} answers with errors", error_rate={version: 0.3})


def prometheus_comes_or_goes(dice: Random, story: Story) -> None:
    story.happens("Prometheus comes or goes", prometheus_up=not story.prometheus_up)


def the_gateway_comes_or_goes(dice: Random, story: Story) -> None:
    story.happens("the gateway comes or goes", gateway_up=not story.gateway_up)


def all_is_well(dice: Random, story: Story) -> None:
    story.happens("all is well", **deepcopy(WELL))


def the_operator_is_killed(dice: Random, story: Story) -> None:
    story.crash_after = dice.randrange(5)


def the_operator_starts_anew(dice: Random, story: Story) -> None:
    story.restart(behind=dice.random() < 0.5)


# what hands do to children and route


def a_service_is_deleted(dice: Random, story: Story) -> None:
    name = somebody(dice, story)
    story.tell(f"the Service of {name} is deleted")
    story.revisions[name].service = None


def a_deployment_is_scaled(dice: Random, story: Story) -> None:
    name, pods = somebody(dice, story), dice.choice((0, 1, 6))
    story.tell(f"{name} is scaled to {pods}")
    story.revisions[name].scale(pods, story.now)


def a_deployment_is_deleted(dice: Random, story: Story) -> None:
    name = somebody(dice, story)
    story.tell(f"the Deployment of {name} is deleted")
    del story.revisions[name]


def the_route_is_deleted(dice: Random, story: Story) -> None:
    story.tell("the route is deleted")
    story.route = None


def weights_are_written(dice: Random, story: Story) -> None:
    if story.route is None or is_service(story.route):
        return
    first, second = (somebody(dice, story) for _ in range(2))
    parts = {first: 50, second: 50} if first != second else {first: 100}
    story.tell(f"somebody writes the weights {parts}")
    route = deepcopy(story.route)
    route["spec"]["rules"][0]["backendRefs"] = [{"name": name, "port": 80, "weight": w} for name, w in parts.items()]
    story.route, story.route_written_at = route, story.now
    story.route_generation += 1


HAPPENINGS: tuple[Callable[[Random, Story], None], ...] = (
    asks,
    asks,
    edits_the_strategy,
    edits_both,
    edits_the_number,
    suspends_or_goes_on,
    orders,
    orders,
    orders,
    pods_have_no_room,
    pods_crash,
    answers_are_wrong,
    prometheus_comes_or_goes,
    the_gateway_comes_or_goes,
    all_is_well,
    the_operator_is_killed,
    the_operator_starts_anew,
    a_service_is_deleted,
    a_deployment_is_scaled,
    a_deployment_is_deleted,
    the_route_is_deleted,
    weights_are_written,
)


def walked(seed: int, world: str) -> Story:
    """v1 serves, v2 is asked for, and then three to eight things happen; each pass is held to the promises."""
    dice, story = Random(seed), WORLDS[world]()
    watched(story)
    story.reaches(promoted)
    story.edit(strategy=strategy(dice, story), modelVersion="v2")
    for _ in range(dice.randrange(3, 9)):
        story.rests(dice.choice((0.5, 1, 2, 4, 8, 15)))
        if story.revisions:
            dice.choice(HAPPENINGS)(dice, story)
    return story


def comes_to_rest(story: Story) -> None:
    """All is well again, and people pass the gates."""
    story.crash_after = None
    story.happens("all is well", **deepcopy(WELL))
    story.edit(suspend=False)
    story.rests(120)
    for _ in range(2):
        story.order("advance", str(story.now))
        story.rests(90)


def is_over(story: Story) -> bool:
    """The version that was asked for is stable, or it was taken back."""
    end = story.status.outcome
    return promoted(story) or (end is not None and end.result in ("Aborted", "RolledBack"))


@pytest.mark.matrix
@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("world", WORLDS)
def test_whatever_happens_it_ends_with_somebody_who_answers(world: str, seed: int) -> None:
    story = walked(seed, world)
    comes_to_rest(story)
    failed = story.failed_by_route
    story.rests(30)
    assert story.failed_by_route == failed, story.transcript()
    assert all(story.ready(name) for name in weights(story.route)), story.transcript()
    assert story.backless() == frozenset(), story.transcript()
    assert story.status.candidate is None, story.transcript()
    assert is_over(story), story.transcript()
    assert len(story.revisions) == 1 + (story.status.previous is not None), story.transcript()
