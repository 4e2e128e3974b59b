"""Would catch a row of the plan, or a time to promotion, that asks of other traffic, odds or times than it says."""

from math import inf

import pytest
from crossfade.api.v1alpha1.strategy import Stage
from crossfade.decide.judge import forecast
from crossfade.decide.judge.forecast import Catch, Row, Volume, bad_share, flow_of, needed_for_proof, plan_of
from crossfade.decide.judge.pace import Flow, is_caught, windows_to_accept, windows_to_catch
from crossfade.decide.judge.replay import Replay
from crossfade.decide.judge.rules import History, MetricRules
from crossfade.decide.shapes import Shape

from tests.unit.judge.builders import errors, gauge, held_to, slower

USUAL = History(bounds=(0.0,), bad=(10_000,), total=1_000_000)
BOUNDS = (0.1, 0.2, 0.4, 0.8)
FAST = History(bounds=BOUNDS, bad=(400_000, 100_000, 10_000, 10), total=1_000_000)
LONG = 14 * 86_400
"""Two weeks."""


def stage(name: str = "ten", weight: int = 10, **more: str) -> Stage:
    return Stage.model_validate({"name": name, "weight": weight, **more})


def only(metric: MetricRules, asked: Stage, service: Volume) -> Row:
    (row,) = plan_of(held_to(metric), [asked], service).rows
    return row


def test_both_arms_get_their_part_of_what_the_metric_counts() -> None:
    rules, service = held_to(errors(), slower()), Volume(50, 3, {"latency": 20})
    assert flow_of(rules, rules.metrics[0], Shape(10), service) == Flow(75.0, 675.0, 1)
    assert flow_of(rules, rules.metrics[1], Shape(25), service) == Flow(75.0, 225.0, 1)
    assert flow_of(rules, rules.metrics[1], Shape(shadow=25), service) == Flow(75.0, 300.0, 1)
    assert flow_of(rules, rules.metrics[1], Shape(5, 1000), service) == Flow(1.5, 298.5, 1)
    assert flow_of(rules, rules.metrics[0], Shape(50), Volume(50, 3)) == Flow(375.0, 375.0, 2)
    assert Volume(50).pods == 1


def test_a_candidates_bad_share_is_that_at_the_last_bound_that_is_watched() -> None:
    assert bad_share(errors(history=USUAL)) == pytest.approx(0.01)
    assert bad_share(errors(history=USUAL), 3.0) == pytest.approx(0.03)
    assert bad_share(slower(history=FAST)) == pytest.approx(0.01)
    assert bad_share(slower(history=FAST), 2.0) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("metric", "asked", "windows"),
    [
        (errors(history=USUAL, floor=None), stage(), 120),
        (errors(history=USUAL, floor=None, role="Guardrail"), stage(weight=25, maxDuration="8m"), 32),
        (slower(history=FAST), stage(name="half", weight=50, maxDuration="100s"), 6),
    ],
)
def test_a_row_says_when_the_judge_would_decide(metric: MetricRules, asked: Stage, windows: int) -> None:
    """Half an hour, or the stage's own time, are so many windows of 15 s."""
    rules, service = held_to(metric), Volume(20, 2)
    flow, most = flow_of(rules, metric, Shape(asked.weight), service), round(LONG / 15)
    row = only(metric, asked, service)
    assert (row.stage, row.gives, row.metric, row.kind) == (asked.name, f"{asked.weight}%", metric.name, metric.kind)
    assert row.required == (metric.role == "Required")
    assert row.horizon == (1800 if asked.max_duration is None else windows * 15 + 10 * (windows == 6))
    for times, caught in ((1.5, row.half_more), (2.0, row.double), (5.0, row.fivefold)):
        median = windows_to_catch(rules, metric, flow, times, 0.0, most)
        late = windows_to_catch(rules, metric, flow, times, 1.6449, most)
        assert median is not None
        assert late is not None
        assert (caught.median, caught.late) == (median * 15, late * 15)
        assert caught.bad == pytest.approx(median * flow.candidate * bad_share(metric, times))
    for chance, proven in ((0.5, row.promotes), (0.95, row.promotes_late)):
        assert proven == 15 * (windows_to_accept(rules, metric, flow, chance, most) or inf)
    assert row.smallest is not None
    assert is_caught(rules, metric, flow, row.smallest, 0.8416, windows)
    assert not is_caught(rules, metric, flow, row.smallest / 1.0201, 0.8416, windows)


def test_never_is_not_within_two_weeks() -> None:
    """Two requests a day to the candidate are no evidence; one metric needs ten days for what another never does."""
    idle = only(errors(history=USUAL), stage(), Volume(2e-4))
    assert (idle.half_more, idle.promotes, idle.promotes_late) == (Catch(inf, inf, inf), inf, inf)
    assert idle.smallest is None
    slow = only(errors(history=USUAL, floor=None), stage(), Volume(0.03))
    assert 10 * 86_400 < slow.promotes < LONG
    assert slow.promotes_late == inf
    assert only(errors(history=USUAL, floor=None), stage(), Volume(0.0213)).promotes == inf  # of nearly fifteen days


WIDE = History(bounds=(0.01, 0.1, 1.0, 10.0), bad=(500_000, 50_000, 10_000, 3_000), total=1_000_000)


@pytest.mark.parametrize(("metric", "most"), [(errors(history=USUAL, floor=None), 100.0), (slower(history=WIDE), 50.0)])
def test_the_worst_there_can_be_is_all_requests_bad_or_fifty_times_as_slow(metric: MetricRules, most: float) -> None:
    """With so little traffic that only the worst is caught at all, and with a little less not even that."""
    rules = held_to(metric)

    def caught(rps: float) -> bool:
        return is_caught(rules, metric, flow_of(rules, metric, Shape(10), Volume(rps)), most, 0.8416, 120)

    low, high = 1e-6, 10.0
    while high / low > 1.0001:
        low, high = (low, (low * high) ** 0.5) if caught((low * high) ** 0.5) else ((low * high) ** 0.5, high)
    smallest = only(metric, stage(), Volume(high)).smallest
    assert smallest is not None
    assert 0.5 * most < smallest <= most
    assert only(metric, stage(), Volume(low)).smallest is None


@pytest.mark.parametrize(("time", "caught"), [("5s", False), ("44s", False), ("45s", True)])
def test_a_stage_shorter_than_three_windows_catches_nothing_however_busy(time: str, caught: bool) -> None:
    row = only(errors(history=USUAL, floor=None), stage(minDuration="1s", maxDuration=time), Volume(1e5))
    assert (row.smallest is not None) == caught


def test_what_is_told_is_planned_stage_by_stage_and_the_rest_left_out() -> None:
    metrics = (
        errors(name="a", history=USUAL),
        errors(name="b"),
        gauge(),
        errors(name="c", history=USUAL, role="Observe"),
    )
    ladder, service, replay = [stage("x"), stage("y", 50)], Volume(100, 2), Replay(1, 9)
    rules = held_to(*metrics, errors(name="d", history=USUAL))
    plan = plan_of(rules, ladder, service, replay)
    assert [(row.stage, row.metric) for row in plan.rows] == [("x", "a"), ("x", "d"), ("y", "a"), ("y", "d")]
    assert (plan.rules, plan.stages, plan.service, plan.replay) == (rules, tuple(ladder), service, replay)
    assert plan.promoted == (inf, inf)  # of b, which must prove itself, nothing is known
    assert plan_of(rules, ladder, service).replay is None


# --- how long until an equal version is promoted ---


def row(stage: str, promotes: float, late: float = inf, required: bool = True) -> Row:
    never, proof = Catch(inf, inf, inf), (promotes, late)
    return Row(stage, 10, 2, "errors", "ratio", required, 1800.0, None, never, never, never, *proof)


def promoted(stages: list[Stage], *rows: Row, metrics: tuple[MetricRules, ...] = (), late: bool = False) -> float:
    rules = held_to(*(metrics or (errors(history=USUAL),)))
    return forecast._promoted(rules, stages, rows, late=late)


def test_the_slowest_required_metric_of_the_stage_is_waited_for() -> None:
    rows = (row("a", 300, 400), row("a", 500, 450), row("a", 900, 900, required=False), row("b", 700, 800))
    assert needed_for_proof(rows, stage("a")) == 500
    assert needed_for_proof(rows, stage("a"), late=True) == 450
    assert needed_for_proof(rows, stage("c")) == 0.0


def test_a_stage_lasts_its_least_time_or_until_proof_whichever_is_longer() -> None:
    ladder = [stage("a", minDuration="2m"), stage("b", minDuration="5m")]
    assert promoted(ladder, row("a", 600, 900), row("b", 800, 900)) == 600 + 300
    assert promoted(ladder, row("a", 60), row("b", 800)) == 120 + 300
    assert promoted(ladder, row("a", 600, 900), row("b", 800, 900), late=True) == 900 + 300


def test_what_a_stage_brought_towards_proof_the_next_need_not_bring() -> None:
    """Half of it in 5 of 10 minutes, another quarter in 1 of 4, so that the last needs a quarter of its 400 s."""
    short = {"onInconclusive": "Advance", "minDuration": "1s"}
    ladder = [
        stage("a", maxDuration="5m", **short),
        stage("b", maxDuration="1m", **short),
        stage("c", minDuration="1s"),
    ]
    rows = (row("a", 600), row("b", 240), row("c", 400))
    assert promoted(ladder, *rows) == pytest.approx(300 + 60 + 100)
    assert promoted(ladder[:1], row("a", inf)) == 300
    ladder[1] = stage("b", maxDuration="1m", minDuration="1s")
    assert promoted(ladder, *rows) == inf


def test_proof_at_the_very_end_of_a_stage_is_in_time() -> None:
    ladder = [stage("a", maxDuration="5m", minDuration="1s"), stage("b", minDuration="1s")]
    assert promoted(ladder, row("a", 300), row("b", 900)) == pytest.approx(300 + 1)
    assert promoted(ladder, row("a", 300.1), row("b", 900)) == inf


def test_once_proven_a_stage_that_would_never_prove_it_takes_its_least_time() -> None:
    ladder = [stage("a", minDuration="1m"), stage("b", minDuration="2m")]
    assert promoted(ladder, row("a", 30), row("b", inf)) == 60 + 120


def test_a_stage_in_which_nothing_is_to_be_proven_takes_its_least_time() -> None:
    fixed = [stage("a", minDuration="5m", maxDuration="5m"), stage("b", minDuration="2m")]
    assert promoted(fixed, row("a", 30, required=False), row("b", 900)) == 300 + 120


def test_only_what_must_prove_itself_can_hold_the_promotion() -> None:
    ladder = [stage("a", minDuration="1m")]
    for metric, time in (
        (errors(name="b"), inf),
        (errors(name="b", role="Guardrail"), 60),
        (errors(name="b", role="Observe"), 60),
        (gauge("Required"), 60),
    ):
        assert promoted(ladder, row("a", 30), metrics=(errors(history=USUAL), metric)) == time
