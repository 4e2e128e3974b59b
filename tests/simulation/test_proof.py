"""Would catch: a stage that counts as live although nobody was seen to get what it gives; or a share that is wrong for
good, and nobody is told."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from crossfade.api.v1alpha1.metrictemplate import MetricTemplateSpec
from crossfade.model.evidence import Counters, Sample, Series
from crossfade.model.moments import moment
from crossfade.model.snapshot import Snapshot

from tests.simulation.cases.story import Story, at, gate, promoted, taken_back, weight
from tests.simulation.invariants import watched
from tests.simulation.specs import spec

PREVIEW = {"name": "preview", "match": {"headers": [{"name": "x-preview", "value": "yes"}]}, "gate": "Manual"}
TEAM = {"name": "team", "match": {"headers": [{"name": "x-team", "value": "risk"}]}, "minDuration": "30s"}
QUEUE = {
    "name": "queue",
    "gauge": {"series": "model_queue_length"},
    "objective": {"rule": {"max": "100", "for": 3, "of": 5}},
}
GAUGE = MetricTemplateSpec.model_validate({"gauge": QUEUE["gauge"]})


class Gauged(Story):
    """A world in which nobody counts requests."""

    def snapshot(self) -> Snapshot:
        seen = super().snapshot()
        assert seen.evidence is not None
        read = {name: Counters(gauges=found.total) for name, found in seen.evidence.metrics.items()}
        return replace(seen, evidence=replace(seen.evidence, metrics=read))


@dataclass
class Missing(Story):
    """Stable's scrape at the moment `missed` (unix s) fails."""

    missed: float = 0.0

    def snapshot(self) -> Snapshot:
        seen = super().snapshot()
        assert seen.evidence is not None
        read = {
            name: replace(found, bad=self._heard(found.bad), total=self._heard(found.total))
            for name, found in seen.evidence.metrics.items()
        }
        return replace(seen, evidence=replace(seen.evidence, metrics=read))

    def _heard(self, found: tuple[Series, ...]) -> tuple[Series, ...]:
        stable = {name for name, one in self.revisions.items() if one.arm[0] == "v1"}
        return tuple(replace(one, samples=self._but(one.samples)) if one.revision in stable else one for one in found)

    def _but(self, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        return tuple(one for one in samples if one[0] != self.missed)


def asked(*stages: dict[str, Any], **knobs: Any) -> Story:
    """Version 2 is asked for by these stages; every promise is checked after each pass."""
    story = Story(**knobs)
    watched(story)
    story.reaches(promoted)
    story.asks("v2", *stages)
    return story


def said(story: Story) -> str:
    """Standing, reason and message."""
    assert story.plan is not None
    told = story.plan.situation
    return f"{told.standing.value} {told.reason}: {told.message}"


def proofs(story: Story) -> list[str]:
    """What is said of stages that were just proven."""
    return [one.message for one in (story.plan.events if story.plan else ()) if one.reason == "Proven"]


def proven_at(story: Story) -> float | None:
    """When the stage was proven last (unix s)."""
    stage = story.status.stage
    return moment(stage.proven_at) if stage is not None and stage.proven_at else None


def test_a_preview_that_no_request_comes_to_is_not_passed() -> None:
    story = asked(PREVIEW).reaches(at("preview", proven=False)).rests(20)
    story.order("advance")
    story.rests(200)
    assert (story.share("v2"), story.status.handled) == (0, [])
    assert "send a request with x-preview: yes" in said(story)
    assert said(story).startswith("InProgress "), "silence is no fault"
    story.happens("the preview is asked", cohort_rate=1.0)
    story.reaches(promoted)


@pytest.mark.parametrize("gone", [0.0, 60.0])
def test_what_came_before_it_proves_no_cohort_however_long_ago(gone: float) -> None:
    """Prometheus keeps, or is asked for, less than there was; where it comes back without its past, even less."""
    story = asked({"name": "copy", "shadow": 10}, PREVIEW, cohort_rate=0.0)
    story.reaches(at("preview", proven=False)).rests(60)
    story.happens("Prometheus has lost its past", retention=gone or story.retention)
    story.rests(600)
    assert proven_at(story) is None


def test_a_gate_to_which_nobody_comes_is_given_up_when_its_time_is_over() -> None:
    story = asked({**PREVIEW, "maxDuration": "10m", "onInconclusive": "Rollback"}, cohort_rate=0.0)
    story.reaches(at("preview", proven=False))
    story.run(650, until=taken_back)
    assert taken_back(story)


def test_a_short_contradiction_does_not_outlast_a_quiet_night() -> None:
    story = asked(weight(50), gate())
    story.reaches(at("sign-off")).rests(100)
    story.happens("another split for a few seconds", skew=30)
    story.rests(6)
    story.happens("right again, and hardly anybody asks", skew=0, rate=0.01)
    story.rests(600)
    story.order("advance")
    story.reaches(promoted)


def test_a_cohorts_clock_starts_with_its_first_request() -> None:
    story = asked(TEAM, gate()).reaches(at("team", proven=False)).rests(100)
    assert proven_at(story) is None
    story.happens("the team asks", cohort_rate=50.0)
    since = story.now
    story.reaches(at("sign-off", proven=False))
    assert story.now - since >= 30


def test_metrics_that_are_gone_prove_no_cohort() -> None:
    story = asked(TEAM, gate(), cohort_rate=50.0)
    story.reaches(at("team", proven=False)).happens("Prometheus is gone", prometheus_up=False)
    story.rests(60)
    assert proven_at(story) is None
    assert "MetricsUnavailable" in said(story)
    story.happens("it is back", prometheus_up=True)
    story.reaches(at("sign-off"))


def test_where_no_metric_counts_requests_a_cohort_is_taken_for_live_and_it_is_said() -> None:
    story = Gauged(spec=spec("v1", analysis={"metrics": [QUEUE]}))
    story.reaches(promoted)
    heard: list[str] = []
    story.checks.append(lambda _: heard.extend(proofs(story)))
    story.asks("v2", PREVIEW)
    story.reaches(at("preview"))
    (message,) = heard
    assert "no metric counts requests" in message


def test_a_template_that_is_gone_proves_no_cohort() -> None:
    ours = [{"name": "queue", "template": "ours", "objective": QUEUE["objective"]}]
    story = Gauged(spec=spec("v1", analysis={"metrics": ours}), templates={"ours": GAUGE})
    story.reaches(promoted)
    story.asks("v2", PREVIEW)
    story.reaches(at("preview", proven=False)).happens("the MetricTemplate is deleted", templates={})
    story.rests(30)
    assert proven_at(story) is None


def wrong(**knobs: Any) -> Story:
    """A gateway that gives 80 % where 50 % is asked for, from the first request on."""
    return asked(weight(50, minDuration="5m"), gate(), skew=30, **knobs).reaches(at("w50", proven=False))


def test_a_share_that_is_never_right_is_a_standstill_and_moves_nothing() -> None:
    story = wrong()
    since = story.now
    story.run(600, until=lambda one: said(story).startswith("Failed "))
    assert 180 <= story.now - since <= 190
    assert said(story).startswith("Failed Unproven: ")
    assert "80" in said(story)
    assert (story.share("v2"), proven_at(story)) == (50, None)
    story.rests(1800)
    assert said(story).startswith("Failed Unproven: ")
    assert story.share("v2") == 50


def test_it_stays_a_standstill_over_a_restart_and_while_metrics_are_gone() -> None:
    story = wrong().rests(300)
    heard: list[str] = []
    story.checks.append(lambda _: heard.append(said(story).partition(":")[0]))
    story.restart()
    story.rests(10)
    story.happens("Prometheus is gone", prometheus_up=False)
    story.rests(120)
    assert set(heard) == {"Failed Unproven"}


def test_a_wrong_share_can_be_taken_back() -> None:
    story = wrong().rests(300)
    story.order("abort")
    story.rests(5)
    assert story.share("v2") == 0


def test_it_heals_when_the_share_is_right_and_the_clock_starts_then() -> None:
    story = wrong().rests(900)
    story.happens("the gateway gives what it should", skew=0)
    since = story.now
    story.run(120, until=at("w50"))
    assert story.now - since <= 10
    story.reaches(at("sign-off", proven=False), within=400.0)
    assert story.now - since >= 300


def test_a_share_that_goes_wrong_takes_the_proof_back() -> None:
    story = asked(weight(50, minDuration="5m"), gate()).reaches(at("w50")).rests(200)
    story.happens("the gateway gives 80 % instead of 50 %", skew=30)
    story.rests(75)
    assert proven_at(story) is None
    story.happens("it gives half again", skew=0)
    since = story.now
    story.reaches(at("sign-off", proven=False), within=400.0)
    assert story.now - since >= 300


def test_a_share_that_is_wrong_for_less_than_the_grace_only_holds() -> None:
    story = asked(weight(50, minDuration="5m"), gate()).reaches(at("w50")).rests(200)
    heard: list[str] = []
    proven = proven_at(story)
    story.checks.append(lambda _: heard.append(said(story).partition(":")[0]))
    story.happens("the gateway gives 80 % instead of 50 %", skew=30)
    story.rests(40).happens("it gives half again", skew=0)
    story.rests(30)
    assert "InProgress Unproven" in heard
    assert "Failed Unproven" not in heard
    assert proven_at(story) == proven


@pytest.mark.parametrize("scrape", range(4))
def test_a_scrape_that_failed_when_the_judge_begins_to_count_takes_no_proof_back(scrape: int) -> None:
    story = Missing()
    watched(story)
    story.reaches(promoted)
    story.asks("v2", weight(10, minDuration="2m"), gate())
    story.reaches(at("w10"))
    assert story.status.stage is not None
    proven, grace = proven_at(story), moment(story.status.stage.acknowledged_at or "") + 60
    story.happens("one scrape fails", missed=grace + scrape)
    story.rests(100)
    assert proven_at(story) == proven


def test_who_answers_for_a_stable_version_without_pods_is_no_gateway_to_look_at() -> None:
    story = asked(weight(50), gate()).reaches(at("sign-off"))
    heard: list[str] = []
    story.checks.append(lambda _: heard.append(said(story).partition(" ")[0]))
    story.happens("v1 loses its pods", room={"v1": 0})
    story.rests(400)
    assert set(heard) == {"InProgress"}


@pytest.mark.parametrize("rate", [0.0, 0.02])
def test_silence_is_no_standstill(rate: float) -> None:
    story = asked(weight(50), gate()).reaches(at("w50", proven=False))
    story.happens("hardly anybody asks any more", rate=rate)
    heard: list[str] = []
    story.checks.append(lambda _: heard.append(said(story).partition(" ")[0]))
    story.rests(1200)
    assert set(heard) == {"InProgress"}


def test_silence_ends_no_standstill_and_the_first_right_requests_do() -> None:
    story = wrong().rests(300)
    story.happens("nobody asks any more", rate=0.0, skew=0)
    story.rests(600)
    assert said(story).startswith("Failed Unproven: ")
    story.happens("requests come again", rate=200.0)
    story.reaches(at("w50"), within=30.0)
