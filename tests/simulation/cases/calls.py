"""The same behind a GRPCRoute: calls, on gateways that mark their answers and on gateways that do not."""

from tests.simulation.cases.routes import TEAM
from tests.simulation.cases.story import Story, at, case, gate, promoted, says, taken_back, weight
from tests.simulation.world import spec

_INFER = {"method": {"service": "inference.GRPCInferenceService", "method": "ModelInfer"}}
_ROUTE = {"kind": "GRPCRoute", "parentRefs": [{"name": "public", "namespace": "gateways"}]}
CALLS = spec(traffic={"gatewayAPI": {**_ROUTE, "rules": [{"matches": [_INFER]}]}})


def kinds(story: Story) -> set[str]:
    """Of all routes that stand."""
    return {route["kind"] for route in (story.route, story.gateway.route, *story.gateway.routes_seen) if route}


@case("E10", spec=CALLS, rate=20000.0)
def half_a_percent_of_the_calls(story: Story) -> None:
    """Of a thousand, five; then half; then all, and no pod moves."""
    story.asks("v2", weight(5), weight(500), weightScale=1000)
    story.reaches(at("w5", proven=False))
    assert tuple(story.served_by().values()) == (995, 5)
    story.reaches(promoted).rests(15)
    assert kinds(story) == {"GRPCRoute"}


@case("E1", "S21", spec=CALLS, cohort_rate=200.0)
def the_calls_of_a_cohort(story: Story) -> None:
    """By their header, on a gateway that marks its answers: tried first, then given, then a gate, then all."""
    story.asks("v2", TEAM, gate())
    story.reaches(at("sign-off")).rests(10)
    assert story.route is not None
    users, cohort = (rule["matches"][0] for rule in story.route["spec"]["rules"])
    assert users["method"] == cohort["method"] == {"type": "Exact", **_INFER["method"]}
    story.order("advance")
    story.reaches(promoted).rests(15)
    assert kinds(story) == {"GRPCRoute"}


@case("E1", spec=CALLS, cohort_rate=200.0)
def a_cohort_of_calls_that_nobody_can_follow(story: Story) -> None:
    """The gateway marks no answers: the cohort, which is core, gets the candidate with a warning."""
    story.tell("the gateway marks no answers")
    story.gateway.marks = False
    story.asks("v2", TEAM, weight(10))
    story.reaches(promoted).rests(15)
    assert any("NOT rehearsed" in line and "do not say which version" in line for line in story.lines)


@case("E3", "S19", spec=CALLS)
def a_copy_of_the_calls_before_the_first_user(story: Story) -> None:
    """All calls are copied, and no copy is left when users come."""
    story.asks("v2", {"name": "all", "shadow": 100}, weight(10))
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 10, 100]


@case("E3", spec=CALLS, cohort_rate=200.0)
def a_copy_of_the_calls_and_then_a_cohort(story: Story) -> None:
    """Tried as one, where the cohort's rule makes the candidate a backend; given one by one, each must stand alone."""
    story.asks("v2", {"name": "all", "shadow": 100}, TEAM, weight(10))
    story.reaches(promoted).rests(15)
    assert story.failed_by_route == 0


@case("E3", spec=CALLS)
def a_copy_of_calls_that_nobody_can_follow(story: Story) -> None:
    """The gateway marks no answers: what a shadow would do to users is not known, so they meet none."""
    story.tell("the gateway marks no answers")
    story.gateway.marks = False
    story.asks("v2", {"name": "all", "shadow": 100}, weight(10))
    story.reaches(says("RehearsalFailed")).rests(90)
    assert story.shares == [0]
    assert story.failed_by_route == 0


@case("E5", spec=CALLS)
def calls_sent_elsewhere_by_hand(story: Story) -> None:
    """Somebody lets the route match every call, and gives each half: put right at the next look."""
    story.asks("v2", weight(10), gate())
    story.reaches(at("sign-off"))
    assert story.route is not None
    (users,) = story.route["spec"]["rules"]
    half = {"matches": [{}], "backendRefs": [{**one, "weight": 50} for one in users["backendRefs"]]}
    edited = {**story.route, "spec": {**story.route["spec"], "rules": [half]}}
    story.happens("somebody writes another rule", route=edited, route_generation=story.route_generation + 1)
    story.rests(2)
    assert story.route["spec"]["rules"] == [users]
    story.rests(10)


@case("B1", spec=CALLS, error_rate={"v2": 0.5})
def calls_that_fail_are_taken_back(story: Story) -> None:
    """Half of the answers to calls are errors: back on stable in one write."""
    story.asks("v2", weight(10), weight(50))
    story.reaches(taken_back).rests(15)
    assert story.share("v1") == 100


@case("F3", spec=CALLS)
def deleted_with_half_of_the_calls(story: Story) -> None:
    """The GRPCRoute ends on stable, and the Rollout goes."""
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))
    story.delete()
    story.rests(30)
    assert story.share("v1") == 100
    assert kinds(story) == {"GRPCRoute"}
