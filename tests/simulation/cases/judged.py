"""What is judged, and what is not there to be judged: cases D and F5 of one list, S08 to S13 of the other."""

from typing import Any

from crossfade.api.v1alpha1.metrictemplate import MetricTemplateSpec

from tests.simulation.cases.story import Story, at, case, promoted, says, taken_back, weight
from tests.simulation.world import OBJECTIVE, analysis

OURS = MetricTemplateSpec.model_validate({"ratio": {"bad": "bad_total", "total": "all_total"}})
LAX = {"absolute": {"max": "0.6"}}


def metric(name: str, objective: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A metric; the world shows the same counters for each."""
    return {"name": name, "template": "mlserver/errors", "objective": objective, **more}


@case("D1", "D2")
def every_stage_ends_on_its_own_proof(story: Story) -> None:
    """The evidence is gathered over all stages, and no stage is entered before it suffices."""
    story.asks("v2", weight(5), weight(20), weight(50))
    story.reaches(promoted).rests(15)


@case("D21")
def a_few_bad_answers_are_no_regression(story: Story) -> None:
    """Both fail one in a hundred: it is not worse, however often it is looked at."""
    story.happens("both answer one request in a hundred with an error", error_rate={"v1": 0.01, "v2": 0.01})
    story.asks("v2", weight(10), weight(50))
    story.reaches(promoted, within=900).rests(15)


@case("D4")
def undecided_waits_for_a_person(story: Story) -> None:
    """`maxDuration` is over and the evidence says neither: it is held, never promoted, until somebody says so."""
    story.happens("few requests arrive", rate=20.0)
    story.asks("v2", weight(10, maxDuration="20s"))
    story.reaches(says("Inconclusive")).rests(30)
    assert story.share("v2") == 10
    story.order("advance", reason="good enough for us")
    story.reaches(promoted).rests(15)


@case("D4")
def undecided_is_taken_back_where_the_stage_says_so(story: Story) -> None:
    """`onInconclusive: Rollback`."""
    story.happens("few requests arrive", rate=20.0)
    story.asks("v2", weight(10, maxDuration="20s", onInconclusive="Rollback"))
    story.reaches(taken_back).rests(15)


@case("D5")
def metrics_are_gone_and_come_back(story: Story) -> None:
    """For 35 seconds, then for minutes: no weight moves, nothing is taken back, and then it goes on."""
    story.edit(analysis=analysis(trafficCheck={"grace": "5s"}))
    story.asks("v2", weight(10, minDuration="60s"), weight(50))
    story.reaches(at("w10"))
    for seconds in (35, 150):
        story.happens(f"Prometheus is gone for {seconds} s", prometheus_up=False)
        story.rests(seconds)
        assert story.share("v2") == 10
        story.happens("Prometheus is back", prometheus_up=True)
        story.rests(5)
    story.reaches(promoted).rests(15)


@case("D5")
def nothing_begins_and_nothing_is_skipped_while_metrics_are_gone(story: Story) -> None:
    """Neither the first stage nor an order goes on without metrics; both do as soon as they are back."""
    story.happens("Prometheus is gone", prometheus_up=False)
    story.asks("v2", weight(10, minDuration="24h"), weight(50))
    story.rests(60)
    assert story.share("v2") == 0
    story.happens("Prometheus is back", prometheus_up=True)
    story.reaches(at("w10"))
    story.happens("Prometheus is gone", prometheus_up=False)
    story.rests(2)
    story.order("skip-stage")
    story.rests(60)
    assert story.share("v2") == 10
    story.happens("Prometheus is back", prometheus_up=True)
    story.reaches(promoted).rests(15)


@case("D5")
def a_crash_while_metrics_are_gone(story: Story) -> None:
    """A rollback needs no metrics."""
    story.asks("v2", weight(10, minDuration="30s"))
    story.reaches(at("w10"))
    story.happens("Prometheus is gone", prometheus_up=False)
    story.rests(20)
    story.happens("v2 crashes", crashes={"v2"})
    story.reaches(taken_back, within=3.0).rests(15)


@case("D7", "D14", "S10")
def no_requests_are_no_success(story: Story) -> None:
    """Nobody asks anything: zero of zero proves nothing, whatever the time."""
    story.asks("v2", weight(10, maxDuration="30s", onInconclusive="Advance"))
    story.reaches(at("w10", proven=False))
    story.happens("no request arrives", rate=0.0)
    story.rests(180)
    assert story.share("v2") == 10


@case("D8", "S10")
def a_candidate_that_is_not_scraped_is_held(story: Story) -> None:
    """Its series end: no data is neither good nor bad, even where undecided would go on."""
    story.asks("v2", weight(10, minDuration="30s", maxDuration="60s", onInconclusive="Advance"))
    story.reaches(at("w10"))
    story.happens("the pods of v2 are not scraped any more", unscraped={"v2"})
    story.reaches(says("NoData"), within=120).rests(90)
    assert story.share("v2") == 10


@case("D10", "D17", "F5", "S13")
def a_metric_without_a_template_waits_for_it(story: Story) -> None:
    """What cannot be judged gets no request; when the template appears it heals by itself."""
    story.edit(analysis={"metrics": [metric("errors", OBJECTIVE) | {"template": "ours"}]})
    story.asks("v2", weight(10))
    story.reaches(says("MetricInvalid")).rests(60)
    assert story.share("v2") == 0
    story.happens("the MetricTemplate is created", templates={"ours": OURS})
    story.reaches(promoted).rests(15)


@case("D18", templates={"ours": OURS})
def a_template_is_deleted_at_half_and_the_way_back_is_open(story: Story) -> None:
    """No step forward without it; an abort works all the same."""
    story.edit(analysis={"metrics": [metric("errors", OBJECTIVE) | {"template": "ours"}]})
    story.asks("v2", weight(50, minDuration="30s"))
    story.reaches(at("w50"))
    story.happens("the MetricTemplate is deleted", templates={})
    story.rests(120)
    assert story.share("v2") == 50
    story.order("abort")
    story.reaches(taken_back, within=1.0).rests(15)


@case("D12")
def a_metric_that_is_only_observed_takes_nothing_back(story: Story) -> None:
    """Half of the answers are errors: the metric that decides allows it, the strict one is only shown."""
    story.edit(analysis={"metrics": [metric("lax", LAX), metric("strict", OBJECTIVE, role="Observe")]})
    story.happens("half of v2's answers are errors", error_rate={"v2": 0.5})
    story.asks("v2", weight(10))
    story.reaches(promoted).rests(15)


@case("D11")
def one_metric_of_two_is_enough_to_go_back(story: Story) -> None:
    """The same counters under two objectives: one allows what the other does not."""
    story.edit(analysis={"metrics": [metric("lax", LAX), metric("strict", OBJECTIVE, role="Guardrail")]})
    story.happens("half of v2's answers are errors", error_rate={"v2": 0.5})
    story.asks("v2", weight(10))
    story.reaches(taken_back).rests(15)


@case("D13")
def nothing_counts_before_the_weight_is_seen(story: Story) -> None:
    """The gateway takes the route and serves it twenty seconds later: the stage's clock starts then."""
    story.happens("the gateway serves a route 20 s after it was written", serve_seconds=20.0)
    story.asks("v2", weight(10))
    story.reaches(at("w10", proven=False)).rests(15)
    assert not at("w10")(story)
    story.reaches(promoted).rests(30)


@case("D21")
def a_shock_in_both_arms_takes_nothing_back(story: Story) -> None:
    """What befalls both versions is not the candidate's doing: it is held."""
    story.edit(analysis=analysis())
    story.happens("both answer one request in a hundred with an error", error_rate={"v1": 0.01, "v2": 0.01})
    story.asks("v2", weight(10, minDuration="5m"))
    story.reaches(at("w10")).rests(60)
    story.happens("a feature store fails for both", error_rate={"v1": 0.5, "v2": 0.5})
    story.rests(20)
    assert story.share("v2") == 10
