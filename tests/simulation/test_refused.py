"""Would catch: a child of stable that the API server refuses to write, and a rollback, or a way on, held up by that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from crossfade.decide.plan import Action, Apply, Scale, Target

from tests.simulation.cases.story import Story, at, gate, promoted, weight
from tests.simulation.invariants import watched
from tests.simulation.specs import spec
from tests.simulation.world import NAME, KilledError


@dataclass
class Refusing(Story):
    """An API server with a policy against one kind of child; what is refused ends the look, as a kill does."""

    refuses: Target | None = None

    def _act(self, action: Action) -> None:
        if isinstance(action, Apply) and action.target is self.refuses and action.body["metadata"]["name"] != NAME:
            raise KilledError
        if isinstance(action, Scale) and self.refuses is Target.DEPLOYMENT:
            raise KilledError
        super()._act(action)


def half_way() -> Refusing:
    """v2 has half of the requests of v1."""
    story = Refusing(spec=spec(serving={"replicas": 3}))
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))
    return story


def loses_its_service(story: Refusing) -> None:
    story.revisions[story.revision("v1")].service = None
    story.happens("Services are refused", refuses=Target.SERVICE)


def has_another_port(story: Refusing) -> None:
    stable = story.revisions[story.revision("v1")]
    assert stable.service is not None
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
    stable.service = {**stable.service, "spec": {**stable.service["spec"], "ports": ports}}
    story.happens("Services are refused", refuses=Target.SERVICE)


def is_scaled_by_hand(story: Refusing) -> None:
    story.revisions[story.revision("v1")].scale(2, story.now)
    story.happens("Deployments are refused", refuses=Target.DEPLOYMENT)


def loses_its_budget(story: Refusing) -> None:
    story.revisions[story.revision("v1")].budget = None
    story.happens("PodDisruptionBudgets are refused", refuses=Target.BUDGET)


HURTS = [loses_its_service, has_another_port, is_scaled_by_hand, loses_its_budget]


def goes(story: Refusing, seconds: float) -> None:
    """Looks twice a second, whatever a look comes to."""
    for _ in range(int(2 * seconds)):
        story.now += 0.5
        story._others(0.5)
        story._once()


@pytest.mark.parametrize("hurt", HURTS)
@pytest.mark.parametrize(
    "order",
    [lambda one: one.order("abort"), lambda one: one.happens("v2 crashes", crashes={"v2"})],
    ids=["abort", "crash"],
)
def test_a_rollback_is_carried_out_and_recorded(hurt: Callable[[Refusing], None], order: Callable[[Any], None]) -> None:
    story = half_way()
    hurt(story)
    order(story)
    goes(story, 5)
    assert story.share("v1") == 100
    assert story.status.outcome is not None
    assert story.status.outcome.model_version == "v2"


@pytest.mark.parametrize("hurt", [one for one in HURTS if one is not loses_its_service])
def test_the_version_that_makes_way_goes(hurt: Callable[[Refusing], None]) -> None:
    story = half_way()
    hurt(story)
    story.ask("v3")
    goes(story, 60)
    assert "v2" not in {one.arm[0] for one in story.revisions.values()}


@pytest.mark.parametrize("hurt", HURTS)
def test_everything_goes_back_to_stable(hurt: Callable[[Refusing], None]) -> None:
    story = half_way()
    hurt(story)
    story.ask("v1")
    goes(story, 5)
    assert story.share("v1") == 100


@pytest.mark.parametrize("hurt", HURTS)
def test_a_route_that_others_change_is_put_right_on_hold(hurt: Callable[[Refusing], None]) -> None:
    story = half_way()
    story.ask("v9")
    goes(story, 2)
    hurt(story)
    assert story.route is not None
    shares = {"v1": 60, "v2": 40}
    refs = [{"name": story.revision(version), "port": 80, "weight": share} for version, share in shares.items()]
    rules = [{**one, "backendRefs": refs} for one in story.route["spec"]["rules"]]
    story.route = {**story.route, "spec": {**story.route["spec"], "rules": rules}}
    story.route_generation += 1
    goes(story, 2)
    assert story.share("v1") == 50
