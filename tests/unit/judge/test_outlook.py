"""Would catch a plan whose words say something else than its figures, or that warns of the wrong thing or of none."""

from dataclasses import replace
from math import inf
from typing import Any

import pytest
from crossfade.api.v1alpha1.plan import PlanStage
from crossfade.api.v1alpha1.strategy import Stage
from crossfade.decide.judge.forecast import Catch, Forecast, Row, Volume
from crossfade.decide.judge.outlook import plan_status, sentences, span, stage_warning, times, warnings
from crossfade.decide.judge.replay import Replay
from crossfade.decide.judge.rules import History, MetricRules

from tests.unit.judge.builders import capped, errors, gauge, held_to, slower

USUAL = History(0.0, (0.0,), (20_000,), 1_000_000, 1.0, 2, 40)
"""2 % of the requests fail."""
BUCKETS = (0.1, 0.2, 0.4, 0.8)
FAST = History(0.0, BUCKETS, (500_000, 100_000, 10_000, 2_000), 1_000_000, 1.0, 2, 40)
NEVER = Catch(inf, inf, inf)


def row(**changed: Any) -> Row:
    """Ten minutes for twice as many bad requests, one for five times, a quarter of an hour for proof."""
    catches = {"half_more": Catch(3000, 5000, 40), "double": Catch(600, 1200, 30), "fivefold": Catch(60, 90, 12.4)}
    proof = {"promotes": 900.0, "promotes_late": 1500.0}
    usual = {"stage": "ten", "gives": "10%", "pods": 2, "metric": "errors", "kind": "ratio", "required": True}
    return Row(**{**usual, "horizon": 1800.0, "smallest": 2.0, **catches, **proof, **changed})


def stage(name: str = "ten", weight: int = 10, **more: str) -> Stage:
    return Stage.model_validate({"name": name, "weight": weight, **more})


def forecast(*rows: Row, metrics: tuple[MetricRules, ...] = (), **changed: Any) -> Forecast:
    usual = {"stages": (stage(),), "service": Volume(50, 2), "promoted": (1200.0, 1800.0), "replay": None}
    return Forecast(rules=held_to(*(metrics or (errors(history=USUAL),))), rows=rows, **{**usual, **changed})


# --- what it promises ---


def test_a_plan_is_told_stage_by_stage() -> None:
    assert sentences(forecast(row(), row(stage="half", gives="50%", smallest=1.53))) == (
        "an equal version is promoted in 20 min (30 min in 95%); no regression is caught sooner than in 45 s",
        "false rollbacks: at most 1.0% by design, not tried on this service's past",
        "ten (10%), errors: catches a regression from x2.0 on within 30 min; x2 in 10 min (20 min in 95%), after 30 bad"
        " requests; x5 in 60 s (90 s in 95%), after 12 bad requests; finds an equal version good enough in 15 min",
        "half (50%), errors: catches a regression from x1.5 on within 30 min; x2 in 10 min (20 min in 95%), after 30"
        " bad requests; x5 in 60 s (90 s in 95%), after 12 bad requests; finds an equal version good enough in 15 min",
    )


def test_a_latency_is_told_as_slowdowns_and_what_is_never_caught_as_never() -> None:
    slow = row(metric="p99", kind="latency", double=NEVER, fivefold=Catch(60, inf, 1.2), promotes=inf)
    assert sentences(forecast(replace(slow, smallest=None)))[2] == (
        "ten (10%), p99: catches no slowdown within 30 min; x2 never; x5 in 60 s (never in 95%), after 1 slow request; "
        "finds an equal version good enough never"
    )
    assert "catches a slowdown from x2.0 on" in sentences(forecast(slow))[2]


def test_the_slowest_rollouts_and_those_that_would_be_held_are_told() -> None:
    soonest = "no regression is caught sooner than in 45 s"
    assert sentences(forecast(row(), promoted=(1200.0, inf)))[0] == (
        f"an equal version is promoted in 20 min (the slowest would be held); {soonest}"
    )
    assert sentences(forecast(row(), promoted=(inf, inf)))[0] == (
        f"an equal version would not be promoted by itself; {soonest}"
    )
    assert sentences(forecast())[0] == ("nothing is known of the service's rates yet, so nothing can be planned")


@pytest.mark.parametrize(
    ("replay", "told"),
    [
        (Replay(0, 0), "at most 1.0% by design, not tried on this service's past"),
        # 1 - 0.05^(1/108) = 2.74 %
        (
            Replay(0, 108),
            "0 in 108 replays of this service's own past, so below 2.7% (95% confidence); 1.0% is promised",
        ),
        (Replay(1, 1), "1 in 1 replay of this service's own past, so below 100% (95% confidence); 1.0% is promised"),
    ],
)
def test_false_alarms_are_told_as_they_were_tried(replay: Replay, told: str) -> None:
    assert sentences(forecast(row(), replay=replay))[1] == f"false rollbacks: {told}"


# --- what status shows ---


def test_status_shows_of_each_stage_its_slowest_metric_and_its_longest_times() -> None:
    slow = row(metric="p99", smallest=3.44, double=Catch(720, 900, 5), fivefold=Catch(300, 400, 7.6), promotes=7200.0)
    other = row(stage="half", gives="50%", smallest=None, fivefold=NEVER, required=False)
    metrics = (errors(history=USUAL), slower(name="p99", history=FAST))
    ladder = (stage(), stage("half", 50), stage("all", 99))
    found = plan_status(forecast(row(), slow, other, metrics=metrics, stages=ladder))
    assert found.summary == sentences(forecast(row()))[0]
    assert found.false_alarms == "false rollbacks: at most 1.0% by design, not tried on this service's past"
    first, second, third = found.stages
    assert first == PlanStage(
        name="ten", catches="x3.4", x2="12 min", x5="5 min", bad_requests=8, promotes="2 h", warning=""
    )
    assert (second.name, second.catches, second.x5, second.bad_requests) == ("half", "none", "never", None)
    assert second.promotes == "0 s"
    assert second.warning == "stage half (50%): errors: even the worst regression is not caught within 30 min"
    assert third == PlanStage(name="all", warning="nothing is known of the service's rates yet")


# --- what it warns of ---


def test_a_plan_that_keeps_all_it_promises_warns_of_nothing() -> None:
    assert warnings(forecast(row())) == ()


@pytest.mark.parametrize(
    ("smallest", "floor", "told"),
    [
        (5.0, 0.01, ""),
        (5.1, 0.01, "no regression below x5.1 is caught"),
        (None, 0.01, "even the worst regression is not caught"),
        (5.1, None, "no regression below x5.1 is caught"),
        (10.0, 0.04, ""),
        (10.1, 0.04, "no regression below x10.1 is caught"),
    ],
)
def test_a_stage_is_blind_that_catches_nothing_below_five_times_the_usual_or_the_floor(
    smallest: float | None, floor: float | None, told: str
) -> None:
    """2 % is usual; a floor of 4 % is twice that."""
    blind = forecast(row(smallest=smallest), metrics=(errors(history=USUAL, floor=floor),))
    assert stage_warning(blind, stage()) == (f"stage ten (10%): errors: {told} within 30 min" if told else "")


@pytest.mark.parametrize(("promotes", "told"), [(600.0, ""), (615.0, "after 10 min with"), (inf, "never with")])
def test_a_stage_that_ends_before_its_proof_says_what_follows(promotes: float, told: str) -> None:
    short = stage(maxDuration="10m", onInconclusive="Advance")
    plan = forecast(row(promotes=promotes), row(promotes=inf, required=False), row(stage="half", promotes=inf))
    assert stage_warning(plan, short) == (
        f"stage ten (10%): its 10 min are over before an equal version is proven good enough ({told} this stage's"
        " traffic alone): Advance follows unless earlier stages brought proof"
        if told
        else ""
    )


def test_all_that_is_wrong_with_a_stage_is_told_and_nothing_of_another() -> None:
    bad, worse = row(smallest=None, promotes=inf), row(metric="m2", smallest=7.0)
    plan = forecast(bad, worse, row(stage="half", smallest=None), metrics=(errors(), errors(name="m2", floor=None)))
    assert stage_warning(plan, stage(maxDuration="1h")) == (
        "stage ten (10%): errors: even the worst regression is not caught within 30 min; m2: no regression below x7.0"
        " is caught within 30 min; its 60 min are over before an equal version is proven good enough (never with this"
        " stage's traffic alone): Hold follows unless earlier stages brought proof"
    )
    assert stage_warning(plan, stage("all")) == ""


def test_warnings_name_metrics_first_then_stages_then_what_the_service_is_too_small_for() -> None:
    few, slow = replace(USUAL, windows=39), Catch(3601, 4000, 90)
    plan = forecast(
        row(smallest=None, half_more=slow, pods=1),
        metrics=(errors(history=few),),
        service=Volume(50),
        replay=Replay(2, 108),
    )
    assert warnings(plan) == (
        "errors: nothing is known of the noise between pods (needs 2 pods and 40 scrapes of history), so the promised"
        " share of false rollbacks holds only if requests fail independently of each other",
        "stage ten (10%): errors: even the worst regression is not caught within 30 min",
        "errors: x1.5 at 2.0% base and 50 requests/s cannot be caught within an hour at any stage: ten needs 60 min, or"
        " about 50.0 requests/s",
        "the candidate has one pod in ten: if the error rate of single pods swings by itself (by a CV of 100%), false"
        " rollbacks may exceed what is promised; two pods or more are safer",
        "this service's own past would have been rolled back in 2 of 108 replays, more than the 1.0% promised: its pods"
        " differ too much for it",
    )


@pytest.mark.parametrize(("alarms", "confidence"), [(1, 0.99), (5, 0.95), (10, 0.9), (20, 0.8)])
def test_as_many_false_alarms_as_promised_are_no_warning(alarms: int, confidence: float) -> None:
    plan = forecast(row(), replay=Replay(alarms, 100))
    assert warnings(replace(plan, rules=replace(plan.rules, confidence=confidence))) == ()
    more = replace(plan, rules=replace(plan.rules, confidence=confidence), replay=Replay(alarms + 1, 100))
    assert len(warnings(more)) == 1


def test_what_is_only_shown_and_plain_thresholds_are_not_warned_of() -> None:
    shown = errors(name="shown", role="Observe")
    assert warnings(forecast(row(), metrics=(gauge(), shown, errors(history=USUAL)))) == ()


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        (errors(), "nothing is known of its rate, so nothing is planned for it"),
        (
            slower(history=replace(FAST, bad=(1_000_000, 900_000, 700_000, 1_999))),
            "no bucket bound has between 0.2% and 60% of stable's requests beyond it (or fewer than 200 were seen), so"
            " its latency cannot be judged",
        ),
        (
            slower(limit=0.01, edge=0.3, history=FAST),
            "the histogram has no bucket bound at 300 ms, so it cannot be judged",
        ),
        (slower(limit=0.01, edge=0.3), "nothing is known of its rate, so nothing is planned for it"),
        (
            capped(0.02, history=USUAL),
            "stable itself has 2.0% where at most 2.0% are allowed, so a candidate no better cannot be proven good"
            " enough by that",
        ),
        (capped(0.021, history=USUAL), ""),
        (
            slower(worse=None, enough=None, limit=0.01, edge=0.4, history=FAST),
            "stable itself has 1.0% where at most 1.0% are allowed, so a candidate no better cannot be proven good"
            " enough by that",
        ),
        (
            errors(floor=0.1, history=USUAL),
            "five times the usual 2.0% is still below the floor of 10.0%, so it is no regression; lower"
            " `absolute.floor` to catch it",
        ),
        (errors(floor=0.099, history=USUAL), ""),
        (errors(floor=None, history=USUAL), ""),
        (slower(history=FAST), ""),
        (
            slower(history=replace(FAST, bounds=(0.1, 0.21, 0.4, 0.8))),
            "the buckets are coarse (100 ms to 210 ms): what 10% slower means between two bounds is only interpolated;"
            " add bounds at most twice the one before",
        ),
        (
            slower(worse=1.25, history=replace(FAST, bounds=(0.1, 0.25, 0.5, 1.5))),
            "the buckets are coarse (100 ms to 250 ms): what 25% slower means between two bounds is only interpolated;"
            " add bounds at most twice the one before",
        ),
        (
            slower(worse=None, enough=None, limit=0.02, edge=0.1, history=replace(FAST, bad=(1000, 9, 5, 1))),
            "",
        ),
    ],
)  # fmt: skip
def test_what_a_history_says_against_a_metric_is_told(metric: MetricRules, told: str) -> None:
    found = warnings(forecast(metrics=(metric,)))
    assert found == ((f"{metric.name}: {told}",) if told else ())


def test_half_as_many_again_is_hopeless_where_the_best_stage_needs_more_than_an_hour() -> None:
    def told(*rows: Row, **changed: Any) -> list[str]:
        metrics = (gauge(), errors(name="other", history=USUAL), errors(history=USUAL, **changed))
        plan = forecast(row(metric="other"), *rows, metrics=metrics, service=Volume(50, 2, {"errors": 30}))
        return [one for one in warnings(plan) if "x1.5" in one]

    slow, slower_still = (row(stage=name, half_more=Catch(at, inf, 9)) for name, at in (("two", 7200), ("one", 9000)))
    hopeless = "errors: x1.5 at 2.0% base and 30 requests/s cannot be caught within an hour"
    assert told(slower_still, slow) == [f"{hopeless} at any stage: two needs 2 h, or about 60.0 requests/s"]
    assert told(row(half_more=NEVER)) == [f"{hopeless} at any stage"]
    assert told(slow, row(stage="all", half_more=Catch(3600, inf, 9))) == []
    assert told() == []
    # what is no regression there, by the margin or by the floor, is not hoped for
    assert told(slow, worse=1.5) == []
    assert told(slow, worse=1.49) == [f"{hopeless} at any stage: two needs 2 h, or about 60.0 requests/s"]
    assert told(slow, worse=None, enough=None, floor=None, limit=0.5) == []
    assert told(slow, floor=0.03) == []
    assert len(told(slow, floor=0.029)) == 1
    assert told(replace(slow, metric="latency", kind="latency")) == []


# --- its figures ---


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (9.6, "10 s"), (119.9, "120 s"), (120, "2 min"), (594, "9.9 min"), (600, "10 min"),
     (7199, "120 min"), (7200, "2 h"), (36_000, "10 h"), (171_010, "48 h"),
     (172_799, "48 h"), (172_800, "2 days"), (450_000, "5.2 days"),
     (453_602, "5.3 days")],
)  # fmt: skip
def test_times_change_their_unit_where_people_do(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_a_ratio_that_cannot_be_caught_is_none() -> None:
    assert [times(ratio) for ratio in (None, inf, 3.44, 120.0)] == ["none", "none", "x3.4", "x120"]
