"""A route of Git's, of which two weights are moved: case E4."""

from tests.simulation.cases.story import at, case, gate, promoted, says, taken_back, weight
from tests.simulation.cases.theirs import Adopted
from tests.simulation.shop import rule, shop


@case("E4", world=Adopted)
def two_weights_of_gits_route_are_moved(story: Adopted) -> None:
    """Ten percent, half, all; in the end both Services are the new version's, so that no weight of Git's harms it."""
    story.asks("v2", weight(10), weight(50))
    story.reaches(promoted).rests(30)
    story.git_applies(rule(1, 0))
    story.rests(30)


@case("E4", world=Adopted, theirs=shop(rule(1, 1)))
def a_service_of_gits_route_is_emptied_before_it_is_the_candidates(story: Adopted) -> None:
    """Git says half and half, both for stable: one Service gets nothing for a while before it changes hands."""
    story.asks("v2", weight(10))
    story.reaches(promoted).rests(30)


@case("E4", world=Adopted)
def a_third_backend_in_gits_route_is_named(story: Adopted) -> None:
    """No weight moves while there is one; without it the rollout goes on."""
    third = rule(1, 0)
    third["backendRefs"].append({"name": "other", "port": 80, "weight": 1})
    story.git_applies(third)
    story.asks("v2", weight(10))
    story.reaches(says("RouteInvalid")).rests(30)
    story.git_applies(rule(1, 0))
    story.reaches(promoted).rests(30)


@case("E4", world=Adopted, begins=True, theirs=shop(rule(1, 0, name="another")))
def the_first_version_waits_for_the_rule_of_gits_route(story: Adopted) -> None:
    """The Services are there, and pods; it is stable only when the rule leads to them."""
    story.reaches(says("RouteInvalid")).rests(30)
    assert story.status.stable is None
    story.git_applies(rule(1, 0))
    story.reaches(promoted).rests(15)


@case("E4", "E6", world=Adopted)
def another_writer_of_gits_route_is_not_written_against(story: Adopted) -> None:
    """Named and held at forty percent; by order the weights are written once more."""
    story.asks("v2", weight(40), gate())
    story.reaches(at("sign-off"))
    story.git_applies(rule(1, 0))
    story.reaches(says("RouteContested")).rests(60)
    story.order("retry")
    story.reaches(at("sign-off"))
    story.order("advance")
    story.reaches(promoted).rests(30)


@case("E4", "E6", world=Adopted)
def another_rollout_in_gits_route_frees_no_contest(story: Adopted) -> None:
    """Two Rollouts move rules of one route: what is written for the other one is no leave to write over Git."""
    story.asks("v2", weight(40), gate())
    story.reaches(at("sign-off"))
    story.another_rollout_writes()
    story.rests(10)
    story.git_applies(rule(1, 0))
    story.reaches(says("RouteContested"))
    story.another_rollout_writes()
    story.rests(30)
    story.order("retry")
    story.reaches(at("sign-off"))
    story.order("advance")
    story.reaches(promoted).rests(30)


@case("E4", world=Adopted)
def an_abort_is_carried_out_whatever_others_write_into_gits_route(story: Adopted) -> None:
    """The weights are written once; what is written over them afterwards leads to stable by the Services."""
    story.asks("v2", weight(40), gate())
    story.reaches(at("sign-off"))
    story.git_applies(rule(1, 1))
    story.reaches(says("RouteContested")).rests(10)
    story.order("abort")
    story.reaches(taken_back, within=3.0)
    story.rests(3)
    story.git_applies(rule(0, 1), by="argocd-controller")
    story.rests(40)
    assert story.share("v2") == 0


@case("E4", "E6", world=Adopted)
def what_git_applies_at_rest_does_not_stand_in_the_way_of_a_retry(story: Adopted) -> None:
    """Aborted at forty percent; Git applies its own weights while nothing is rolled out, and then it is tried again."""
    story.asks("v2", weight(40), gate())
    story.reaches(at("sign-off"))
    story.order("abort")
    story.reaches(taken_back).rests(30)
    story.git_applies(rule(1, 1), by="kustomize-controller")
    story.rests(30)
    story.order("retry")
    story.reaches(at("sign-off"))
    story.order("advance")
    story.reaches(promoted).rests(30)


@case("E4", world=Adopted)
def gits_route_is_left_with_all_to_stable(story: Adopted) -> None:
    """Deleted at forty percent: the route stays, the weights and both Services are stable's."""
    story.asks("v2", weight(40), gate())
    story.reaches(at("sign-off"))
    story.delete()
    story.rests(40)
