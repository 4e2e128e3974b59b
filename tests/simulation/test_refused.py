"""Would catch: a child that the API server refuses to write or delete, and a rollback, or a way on, held up by that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from crossfade.act.execute import hangs_on
from crossfade.decide.plan import Action, Apply, Delete, Scale, Target

from tests.simulation.cases.shrunk import MATCHED, shrunk
from tests.simulation.cases.story import Story, at, gate, promoted, weight
from tests.simulation.invariants import watched
from tests.simulation.specs import spec
from tests.simulation.world import NAME, KilledError


@dataclass
class Refusing(Story):
    """An API server with a policy against one kind of child; what is refused ends the look, as a kill does, but for a
    child that is `kept` there: that holds up what hangs on it."""

    refuses: Target | None = None
    keeps: Target | None = None
    kept: Delete | None = None

    def _once(self) -> None:
        self.kept = None
        super()._once()

    def _act(self, action: Action) -> None:
        if self.kept is not None and hangs_on(action, self.kept):
            return
        if isinstance(action, Delete) and action.target is self.keeps:
            self.kept = action
            return
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


def goes(story: Story, seconds: float) -> None:
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


KEEPS = [Target.SERVICE, Target.DEPLOYMENT, Target.BUDGET]


def protected(keeps: Target, **stage: Any) -> Refusing:
    """v2 came after v1, of which a policy keeps a child that should go; v3 has half of the requests."""
    story = Refusing(spec=spec(serving={"replicas": 4}))
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(50))
    story.reaches(promoted)
    story.happens(f"no {keeps} may be deleted", keeps=keeps)
    story.rests(30)
    story.asks("v3", weight(50, **stage), gate())
    return story.reaches(lambda one: one.share("v3") == 50)


@pytest.mark.parametrize("keeps", KEEPS)
def test_weight_follows_lost_pods_although_an_old_child_may_not_go(keeps: Target) -> None:
    story = protected(keeps, minDuration="600s")
    story.happens("v3 keeps one pod of two", room={"v3": 1})
    goes(story, 2)
    assert story.share("v3") == 25


@pytest.mark.parametrize("keeps", KEEPS)
def test_a_route_that_others_change_is_put_right_although_an_old_child_may_not_go(keeps: Target) -> None:
    story = protected(keeps, minDuration="600s")
    assert story.route is not None
    refs = [{"name": story.revision("v3"), "port": 80, "weight": 100}]
    rules = [{**one, "backendRefs": refs} for one in story.route["spec"]["rules"]]
    story.route = {**story.route, "spec": {**story.route["spec"], "rules": rules}}
    story.route_generation += 1
    goes(story, 2)
    assert story.share("v3") == 50


@pytest.mark.parametrize("keeps", KEEPS)
def test_the_next_version_goes_on_although_an_old_child_may_not_go_which_goes_when_it_may(keeps: Target) -> None:
    story = protected(keeps)
    story.reaches(at("sign-off")).order("advance")
    story.reaches(promoted).rests(30)
    assert story.revision("v1")
    story.happens("the policy is lifted", keeps=None)
    story.rests(30)
    assert [one.arm[0] for one in story.revisions.values()] == ["v3"]


@pytest.mark.parametrize("keeps", KEEPS)
def test_room_is_not_made_and_stable_is_kept_whole_all_the_same(keeps: Target) -> None:
    """While the next version waits for that of the one that was aborted."""
    story = half_way()
    story.happens(f"no {keeps} may be deleted", keeps=keeps)
    story.order("abort")
    goes(story, 2)
    story.ask("v3")
    goes(story, 20)
    loses_its_service(story)
    story.refuses = None
    goes(story, 2)
    assert story.plan is not None
    assert story.plan.situation.reason == "Draining"
    assert story.revisions[story.revision("v1")].service is not None


@pytest.mark.parametrize("keeps", KEEPS)
def test_a_deletion_waits_for_a_child_that_may_not_go_and_leaves_stable_whole(keeps: Target) -> None:
    story = half_way()
    story.checks = [one for one in story.checks if one.__name__ != "a_deletion_ends"]
    story.happens(f"no {keeps} may be deleted", keeps=keeps)
    story.delete()
    story.deleting_since = story.now
    goes(story, 20)
    loses_its_service(story)
    story.refuses = None
    goes(story, 2)
    assert story.finalizer
    assert story.share("v1") == 100
    assert story.revisions[story.revision("v1")].service is not None
    story.happens("the policy is lifted", keeps=None)
    goes(story, 2)
    assert not story.finalizer
    assert [one.arm[0] for one in story.revisions.values()] == ["v1"]


def test_a_deletion_that_takes_all_with_it_and_is_held_for_longer_leaves_stable_whole() -> None:
    """Three of its four pods went to v2; as long as a policy protects that one's Service, one would have all."""
    story = Refusing(spec=spec(serving={"replicas": 4}, deletionPolicy="Delete"))
    story.reaches(promoted).rests(3)
    story.asks("v2", weight(75, minDuration="600s"), **MATCHED)
    story.reaches(shrunk(1, 3)).rests(3)
    story.happens("no Service may be deleted", keeps=Target.SERVICE)
    story.delete()
    story.rests(55)
    assert (story.share("v1"), story.pods("v1")) == (100, 1)
    story.rests(20)
    assert story.finalizer
    assert (story.share("v1"), story.pods("v1")) == (100, 4)


def test_a_first_version_comes_to_serve_although_another_try_of_it_may_not_go() -> None:
    story = Refusing(spec=spec(serving={"replicas": 3}), keeps=Target.SERVICE)
    watched(story)
    story.rests(1)
    story.ask("v2")
    story.reaches(promoted)
    assert story.share("v2") == 100
