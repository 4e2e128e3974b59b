"""What the route says, and gateways that do not take it: cases E of one list, S19 to S23 and S27 of the other."""

from tests.simulation.cases.story import Story, at, case, gate, promoted, says, taken_back, weight

TEAM = {"name": "team", "match": {"headers": [{"name": "x-canary", "value": "insider"}]}}


@case("E1", "S21", cohort_rate=200.0)
def a_cohort_gets_the_candidate_and_nobody_else(story: Story) -> None:
    """Requests with the header go to the candidate, all others to stable; then a gate, then all."""
    story.asks("v2", TEAM, gate())
    story.reaches(at("sign-off")).rests(10)
    story.order("advance")
    story.reaches(promoted).rests(15)


@case("E1", cohort_rate=200.0)
def a_rule_is_added_under_a_cohort(story: Story) -> None:
    """The cohort leaves its rule, the users' new one comes with a place behind it, and the cohort is back in both."""
    story.asks("v2", TEAM, gate())
    story.reaches(at("sign-off")).rests(5)
    rules = [{"matches": [{"path": {"type": "PathPrefix", "value": path}}]} for path in ("/", "/v2")]
    parents = [{"name": "public", "namespace": "gateways"}]
    story.edit(traffic={"gatewayAPI": {"parentRefs": parents, "rules": rules}})
    story.rests(15)
    assert len(story.route["spec"]["rules"]) == 4 if story.route else False
    story.order("advance")
    story.reaches(promoted).rests(15)


@case("E2", cohort_rate=200.0)
def the_cohorts_rule_is_taken_away_by_hand(story: Story) -> None:
    """It is back at the next look."""
    story.asks("v2", TEAM, gate())
    story.reaches(at("sign-off"))
    assert story.route is not None
    rules = story.route["spec"]["rules"]
    without = {**story.route, "spec": {**story.route["spec"], "rules": rules[:1]}}
    story.happens("somebody takes the cohort's rule away", route=without, route_generation=story.route_generation + 1)
    story.rests(2)
    assert story.route["spec"]["rules"] == rules
    story.rests(10)


@case("E3", "S19")
def a_copy_of_the_requests_before_the_first_user(story: Story) -> None:
    """All requests are copied, then four in five, and no copy is left when users come."""
    story.asks("v2", {"name": "all", "shadow": 100}, {"name": "most", "shadow": 80}, weight(10))
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 10, 100]


@case("E3", "S19")
def what_fails_in_the_shadow_never_answers_a_user(story: Story) -> None:
    """Half of the answers to copies are errors: taken back with not one request of a user."""
    story.happens("half of v2's answers are errors", error_rate={"v2": 0.5})
    story.asks("v2", {"name": "all", "shadow": 100}, weight(10))
    story.reaches(taken_back).rests(15)
    assert story.shares == [0]


@case("E5")
def weights_set_by_hand_are_put_right(story: Story) -> None:
    """Somebody writes half and half at ten percent: repaired at the next look."""
    story.asks("v2", weight(10), gate())
    story.reaches(at("sign-off"))
    assert story.route is not None
    (users,) = story.route["spec"]["rules"]
    half = {**users, "backendRefs": [{**one, "weight": 50} for one in users["backendRefs"]]}
    edited = {**story.route, "spec": {**story.route["spec"], "rules": [half]}}
    story.happens("somebody writes 50 to 50", route=edited, route_generation=story.route_generation + 1)
    story.rests(2)
    assert story.share("v2") == 10
    story.rests(10)


@case("E9", "S27")
def a_gateway_that_does_not_take_the_route(story: Story) -> None:
    """The stage does not begin, the reason names the gateway, after two minutes it is a standstill; when it takes it
    the rollout goes on."""
    story.happens("the gateway takes no new route", gateway_up=False)
    story.asks("v2", weight(10))
    story.reaches(says("WaitingForGateway")).rests(90)
    story.reaches(says("NotAcknowledged"), within=40.0).rests(30)
    story.happens("the gateway takes routes again", gateway_up=True)
    story.reaches(promoted).rests(15)


@case("E9")
def a_rollback_does_not_wait_for_a_gateway_that_is_gone(story: Story) -> None:
    """The route is written at once; the candidate's pods stay until every gateway has let go of them."""
    story.asks("v2", weight(10, minDuration="1m"))
    story.reaches(at("w10"))
    story.happens("the gateway takes no new route, and v2 crashes", gateway_up=False, crashes={"v2"})
    story.reaches(taken_back, within=3.0).rests(120)
    assert len(story.revisions) == 2
    story.happens("the gateway takes routes again", gateway_up=True)
    story.rests(30)


@case("E9")
def a_gateway_that_gives_another_share(story: Story) -> None:
    """Eighty percent where half is asked for: after the grace and two minutes it is a standstill, nothing moves, and
    the stage's clock starts when the share is right."""
    story.happens("the gateway gives 30 % more to v2 than it should", skew=30)
    story.asks("v2", weight(50, minDuration="1m"))
    story.reaches(at("w50", proven=False)).run(200, until=lambda one: "Failed Unproven" in one.lines[-1])
    assert (story.share("v2"), story.status.stage and story.status.stage.proven_at) == (50, None)
    story.happens("it gives what it should", skew=0)
    since = story.now
    story.reaches(promoted)
    assert story.now - since >= 60
    story.rests(15)


@case("E10", rate=20000.0)
def half_a_percent(story: Story) -> None:
    """Of a thousand, five: 995 to 5."""
    story.asks("v2", weight(5), weight(500), weightScale=1000)
    story.reaches(at("w5", proven=False))
    assert tuple(story.served_by().values()) == (995, 5)
    story.reaches(promoted).rests(15)


@case("S20", cohort_rate=200.0)
def blue_green_with_a_preview(story: Story) -> None:
    """Nobody, the preview's header, everybody."""
    story.asks(
        "v2", {"name": "preview", "match": {"headers": [{"name": "x-preview", "value": "v2"}]}, "gate": "Manual"}
    )
    story.reaches(at("preview")).rests(50)
    story.order("advance")
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 100]


@case("S20")
def a_preview_that_nobody_has_asked_for(story: Story) -> None:
    """The gate stays shut to `advance` until a request with the header was seen."""
    preview = {"name": "preview", "match": {"headers": [{"name": "x-preview", "value": "v2"}]}, "gate": "Manual"}
    story.asks("v2", preview)
    story.reaches(at("preview", proven=False)).rests(30)
    story.order("advance")
    story.rests(30)
    assert (story.share("v2"), story.status.handled) == (0, [])
    story.happens("somebody looks at the preview", cohort_rate=1.0)
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 100]


@case("S20", cohort_rate=200.0)
def a_preview_that_fails_moves_nobody(story: Story) -> None:
    """Half of the preview's answers are errors: no user's request ever moved."""
    story.happens("half of v2's answers are errors", error_rate={"v2": 0.5})
    story.asks("v2", TEAM, weight(50))
    story.reaches(taken_back).rests(15)
    assert story.shares == [0]


@case("S23")
def a_gate_before_any_request(story: Story) -> None:
    """The candidate is ready and waits; nobody's request reaches it."""
    story.asks("v2", gate("start"), weight(20))
    story.reaches(at("start")).rests(60)
    story.order("advance")
    story.reaches(promoted).rests(15)


@case("S23")
def behind_a_gate_it_is_still_judged(story: Story) -> None:
    """At twenty percent it waits for a person, gets worse, and is taken back."""
    story.asks("v2", weight(20), gate())
    story.reaches(at("sign-off")).rests(20)
    story.happens("half of v2's answers are errors", error_rate={"v2": 0.5})
    story.reaches(taken_back).rests(15)
