"""Would catch: a round that ends early, late or never; counts before the start or in warm-up; buckets mixed up."""

from dataclasses import replace
from math import inf

import pytest
from crossfade.decide.judge.engine import judge
from crossfade.decide.judge.windows import catch_up, rounds
from crossfade.model.evidence import Counters, Series
from crossfade.model.ledger import Ledger, MetricLedger, TrafficLedger

from tests.unit.judge.builders import errors, gauge, held_to, slower
from tests.unit.judge.scraped import (
    SINCE,
    STEP,
    candidate,
    errors_of,
    every_step,
    histogram_of,
    line,
    stable,
    totals,
    windows_of,
)

OLD = stable(*line(100, 14, first=SINCE - 10 * STEP))
"""A stable pod that was there long before, scraped at the same times; 100 requests a step."""


def ends(*series: Series, ledger: MetricLedger | None = None) -> list[float]:
    return [window.end for window in windows_of(errors_of(total=series), errors(), ledger)]


# --- when a round ends ---


def test_a_round_ends_when_the_last_candidate_pod_has_been_scraped_once_more() -> None:
    early, late = line(1, 4, first=SINCE - 9), line(1, 4, first=SINCE - 7)
    assert ends(candidate(*early, pod="a"), candidate(*late, pod="b")) == [1003.0, 1008.0, 1013.0]


def test_a_round_lasts_while_a_pod_that_was_live_is_still_to_come() -> None:
    ticking = line(1, 1, first=SINCE - 1)
    waited_for = every_step(5, first=SINCE - 2)
    pods = (candidate(*ticking, pod="a"), candidate(*waited_for, pod="b"))
    assert ends(*pods) == []
    assert ends(*pods, stable((1007.5, 1.0))) == []
    assert ends(*pods, stable((1007.6, 1.0))) == [1004.0]


def test_a_pod_that_comes_half_a_step_late_is_still_in_the_round() -> None:
    on_time, late = line(1, 2), every_step(0, first=SINCE)
    assert ends(candidate(*on_time, pod="a"), candidate(*late, (1007.5, 3.0), pod="b")) == [1007.5]
    assert ends(candidate(*on_time, pod="a"), candidate(*late, (1007.6, 3.0), pod="b")) == [1005.0, 1010.0]


def test_a_pod_that_was_last_scraped_long_before_is_not_waited_for() -> None:
    pods = (candidate(*line(1, 1, first=SINCE - 1), pod="a"), candidate((SINCE - 12.6, 5.0), pod="b"))
    assert ends(*pods) == [1004.0]
    pods = (pods[0], candidate((SINCE - 12.5, 5.0), pod="b"))
    assert ends(*pods) == []


def test_a_pod_that_comes_too_late_misses_the_round_and_is_in_the_next_one() -> None:
    steady = line(10, 5)
    failed_once = every_step(0, None, 25, 30, 40, 50, first=SINCE - 1)
    found = windows_of(errors_of(total=(candidate(*steady, pod="a"), candidate(*failed_once, pod="b"))), errors())
    assert [window.end for window in found] == [1005.0, 1010.0, 1015.0, 1020.0, 1025.0]
    assert [totals(window).get("b", (0,))[0] for window in found] == [0, 25, 5, 10, 10]


def test_a_new_pod_does_not_hold_a_round_open() -> None:
    steady, new = line(1, 3), line(1, 2, first=SINCE + 7)
    assert ends(candidate(*steady, pod="a"), candidate(*new, pod="b")) == [1005.0, 1010.0, 1015.0]


def test_after_everybody_was_silent_the_first_sample_ends_the_round() -> None:
    before, after = every_step(0, 10), line(10, 1, first=SINCE + 600, begin=1000)
    found = windows_of(errors_of(total=(candidate(*before, *after),)), errors())
    assert [window.end for window in found] == [1005.0, 1600.0, 1605.0]
    assert [totals(window)["c"][0] for window in found] == [10, 990, 10]


def test_without_the_candidate_there_is_no_round() -> None:
    assert ends(OLD) == []
    assert ends() == []
    assert ends(candidate()) == []


# --- what a window counts ---


def test_what_was_counted_before_the_start_is_only_a_starting_point() -> None:
    found = windows_of(
        errors_of((candidate(*line(1, 3, begin=70)),), (candidate(*line(9, 3, begin=800)), OLD)), errors()
    )
    assert [totals(window) for window in found] == [{"s": (100, (0,)), "c": (9, (1,))}] * 3


def test_a_pod_that_is_born_under_our_eyes_counts_from_zero() -> None:
    born = candidate(*line(4, 1, first=SINCE + STEP, begin=7))
    found = windows_of(errors_of(total=(OLD, born)), errors())
    assert [totals(window)["c"][0] for window in found] == [7, 4]


def test_so_does_one_that_is_born_after_readings_that_begin_at_the_start() -> None:
    born = candidate(*line(4, 1, first=SINCE + 3 * STEP, begin=7))
    found = windows_of(errors_of(total=(stable(*line(100, 5)), born)), errors())
    assert [totals(window)["c"][0] for window in found] == [7, 4]


def test_a_pod_that_was_there_when_the_readings_begin_does_not() -> None:
    found = windows_of(errors_of(total=(candidate(*line(4, 1, first=SINCE + STEP, begin=7)),)), errors())
    assert [totals(window)["c"][0] for window in found] == [0, 4]


def test_the_first_error_of_a_pod_counts_though_the_readings_begin_just_now() -> None:
    found = windows_of(errors_of((candidate((SINCE + STEP, 3.0)),), (candidate(*line(9, 1)),)), errors())
    assert [totals(window)["c"] for window in found] == [(9, (3,))]


def test_where_the_readings_do_not_reach_back_nothing_is_invented() -> None:
    late = MetricLedger(end=SINCE, behind=(("candidate/c", SINCE - 200),))
    counters = errors_of(total=(OLD, candidate(*line(5, 1, first=SINCE + STEP, begin=90_000))))
    assert [totals(window)["c"][0] for window in windows_of(counters, errors(), late)] == [0, 5]
    later = errors_of(
        total=(stable(*line(1, 9, first=SINCE + 1)), candidate(*line(5, 1, first=SINCE + 20, begin=90_000)))
    )
    assert [totals(window)["c"][0] for window in windows_of(later, errors())] == [0, 5]


def test_a_restarted_process_starts_all_its_counters_again() -> None:
    total = candidate(*every_step(1000, 20, 50, 60))
    bad = candidate(*every_step(3, None, 5, 6))
    found = windows_of(errors_of((bad,), (total,)), errors())
    assert [totals(window)["c"] for window in found] == [(20, (0,)), (30, (5,)), (10, (1,))]


def test_several_restarts_in_one_round_are_all_seen() -> None:
    steady = candidate(*every_step(0, None, None, None, None, 50))
    counted = stable(*((SINCE + k, value) for k, value in enumerate((100.0, 103.0, 2.0, 4.0, 1.0, 9.0))))
    found = windows_of(errors_of(total=(steady, counted)), errors())
    assert [totals(window)["s"][0] for window in found] == [3 + 2 + 2 + 1 + 8]


def test_a_series_of_a_pod_that_starts_again_alone_does_not_restart_the_others() -> None:
    kept, recreated = candidate(*every_step(500, 510)), candidate(*every_step(9, 2))
    found = windows_of(errors_of((candidate(*every_step(40, 41)),), (recreated, kept)), errors())
    assert [totals(window)["c"] for window in found] == [(12, (1,))]


def test_series_of_one_pod_are_added_and_of_other_revisions_left_out() -> None:
    mine = [candidate(*every_step(0, 5)), candidate(*every_step(0, 6))]
    others = [Series("another", "x", every_step(0, 9)), Series("another", "c", every_step(0, 9))]
    found = windows_of(
        errors_of([*mine, others[1], candidate(*every_step(0, 9), pod="stranger")], [*mine, *others]), errors()
    )
    assert [totals(window) for window in found] == [{"c": (11, (11,))}]


def test_a_pod_has_no_more_bad_requests_than_requests() -> None:
    found = windows_of(errors_of((candidate(*every_step(0, 9)),), (candidate(*every_step(0, 5)),)), errors())
    assert totals(found[0]) == {"c": (5, (5,))}


def test_warming_up_pods_of_both_arms_are_left_out() -> None:
    """Case D13."""
    series = [make(*line(10, 6, first=SINCE + STEP), pod=pod) for make, pod in ((stable, "t"), (candidate, "c"))]
    found = windows_of(errors_of(total=(OLD, *series)), errors(), warmup=12.0)
    assert [totals(window) for window in found[:4]] == [
        {"s": (100, (0,))},
        {"s": (100, (0,))},
        {"s": (100, (0,))},
        {"s": (100, (0,)), "t": (10, (0,)), "c": (10, (0,))},
    ]


@pytest.mark.parametrize(("first", "counted"), [(10.0, [0, 4]), (12.5, [0, 4]), (12.6, [0, 0])])
def test_a_pod_that_is_first_seen_soon_after_the_others_does_not_warm_up(first: float, counted: list[int]) -> None:
    """The readings begin 50 s before the start; pods are scraped every 5 s."""
    soon = candidate(*line(4, 1, first=SINCE - 50 + first, begin=7), *line(4, 2, begin=11))
    found = windows_of(errors_of(total=(OLD, soon)), errors(), MetricLedger(end=SINCE - STEP), warmup=60.0)
    assert [totals(window).get("c", (0,))[0] for window in found[:2]] == [counted[0], counted[1]]


def test_each_window_knows_the_weight_it_was_served_at() -> None:
    (counts,) = windows_of(errors_of(total=(candidate(*line(1, 1)),)), errors())
    (level,) = windows_of(Counters(gauges=(candidate(*line(1, 1)),)), gauge())
    assert (counts.weight, level.weight) == (10, 10)
    assert (counts.end, level.end) == (1005.0, 1005.0)
    assert (counts.fault, level.fault) == ("", "")


# --- pods that are behind ---


def behind(counters: Counters, ledger: MetricLedger) -> list[tuple[tuple[str, float], ...]]:
    return [late for _, late in rounds(counters, "ratio", "stable", "candidate", ledger, STEP, 10)]


def test_a_pod_that_missed_a_round_is_remembered_until_it_has_caught_up() -> None:
    failed = stable(*every_step(10, 20, None, None, 50))
    found = behind(errors_of(total=(candidate(*line(1, 4)), failed)), MetricLedger(end=SINCE))
    assert found == [(), (("stable/s", 1005.0),), (("stable/s", 1005.0),), ()]


def test_a_pod_that_is_gone_is_forgotten_after_five_minutes() -> None:
    counters = errors_of(total=(candidate(*line(1, 70)), stable(*every_step(10))))
    found = behind(counters, MetricLedger(end=SINCE))
    assert found[0] == (("stable/s", SINCE),)
    assert [len(late) for late in found] == [1] * 61 + [0] * 9


@pytest.mark.parametrize(("ago", "remembered"), [(12.5, (("stable/s", SINCE - 12.5),)), (12.6, ())])
def test_a_pod_that_was_gone_before_the_start_is_not_remembered(
    ago: float, remembered: tuple[tuple[str, float], ...]
) -> None:
    counters = errors_of(total=(candidate(*line(1, 1)), stable((SINCE - ago, 5.0))))
    assert behind(counters, MetricLedger(end=SINCE)) == [remembered]


@pytest.mark.parametrize(("last", "late"), [(1004.0, False), (1000.5, False), (1000.4, True)])
def test_a_pod_is_late_when_nine_tenths_of_a_step_are_over_since_its_last_scrape(last: float, late: bool) -> None:
    counters = errors_of(total=(candidate(*line(1, 1)), stable((SINCE - 4, 4.0), (last, 5.0))))
    assert behind(counters, MetricLedger(end=SINCE)) == [(("stable/s", last),) if late else ()]


def test_a_pod_that_cannot_be_seen_any_more_stays_remembered() -> None:
    known = MetricLedger(end=SINCE, behind=(("stable/gone", SINCE - 100),))
    assert behind(errors_of(total=(candidate(*line(1, 1)),)), known) == [known.behind]


def test_pods_of_one_name_in_both_arms_are_told_apart() -> None:
    counters = errors_of(total=(candidate(*line(1, 2), pod="a"), stable(*every_step(10, None, 20), pod="a")))
    found = windows_of(counters, errors())
    assert [[one.total for one in window.stable] for window in found] == [[], [10]]


# --- latency ---


def timed(arm: str, within: tuple[float, ...], total: float) -> dict[float, Series]:
    make = stable if arm == "stable" else candidate
    return {le: make(*line(n, 1)) for le, n in zip((0.1, 0.5, inf), (*within, total), strict=True)}


def buckets(*arms: dict[float, Series]) -> Counters:
    bounds = sorted({le for arm in arms for le in arm})
    return Counters(buckets={le: tuple(arm[le] for arm in arms if le in arm) for le in bounds})


def test_latency_counts_the_requests_beyond_each_bound() -> None:
    (found,) = windows_of(buckets(timed("stable", (60, 90), 100), timed("candidate", (5, 8), 10)), slower())
    assert (found.bounds, totals(found)) == ((0.1, 0.5), {"s": (100, (40, 10)), "c": (10, (5, 2))})


def test_buckets_that_do_not_agree_with_their_total_stay_within_it() -> None:
    (found,) = windows_of(buckets(timed("stable", (60, 90), 100), timed("candidate", (15, 8), 10)), slower())
    assert totals(found)["c"] == (10, (0, 2))


FAULTS = {
    "the two versions' histograms have different buckets": lambda arms: arms[1].pop(0.5),
    "not all pods' histograms have the same buckets": lambda arms: arms[2].pop(0.5),
    "the histogram has no bucket with an end": lambda arms: [arm.pop(le) for arm in arms for le in (0.1, 0.5)],
}


@pytest.mark.parametrize("sentence", FAULTS)
def test_buckets_that_cannot_be_compared_hold_the_rollout(sentence: str) -> None:
    another = {le: replace(one, pod="c2") for le, one in timed("candidate", (5, 8), 10).items()}
    arms = [timed("stable", (60, 90), 100), timed("candidate", (5, 8), 10), another]
    if "different" in sentence:
        arms = arms[:2]
    FAULTS[sentence](arms)
    rules = held_to(slower(), step=STEP)
    readings = {"latency": buckets(*arms)}
    ledger, silent = catch_up(rules, Ledger(), readings, "stable", "candidate", weight=10, since=SINCE, now=1006.0)
    assert ledger.metrics["latency"].fault == sentence
    counted = [totals(window) for window in windows_of(readings["latency"], slower())]
    assert counted == [
        {one.pod: (100 if one.revision == "stable" else 10, ()) for one in readings["latency"].buckets[inf]}
    ]
    assert (ledger.metrics["latency"].stable.total, ledger.metrics["latency"].end) == (0, 1005.0)
    judgement = judge(rules, ledger, silent)
    assert (judgement.overall, judgement.states["latency"]) == ("Hold", "Invalid")


def test_bounds_once_counted_stay_and_one_that_shows_later_is_no_change() -> None:
    counters = buckets(timed("stable", (60, 90), 100), timed("candidate", (5, 8), 10))
    (found,) = windows_of(counters, slower(), MetricLedger(end=SINCE, bounds=(0.5,)))
    assert (found.bounds, found.fault, totals(found)["c"]) == ((0.5,), "", (10, (2,)))
    (found,) = windows_of(counters, slower(), MetricLedger(end=SINCE, bounds=(0.5, 0.7)))
    assert (found.bounds, found.fault) == ((), "the histogram's buckets are not those of before")


def test_the_buckets_of_a_third_version_are_not_compared() -> None:
    another = {le: Series("another", "x", line(1, 1)) for le in (0.3, inf)}
    (found,) = windows_of(buckets(timed("stable", (60, 90), 100), timed("candidate", (5, 8), 10), another), slower())
    assert (found.bounds, found.fault) == ((0.1, 0.5), "")


def test_the_candidates_buckets_count_while_no_stable_pod_is_seen() -> None:
    (found,) = windows_of(buckets(timed("candidate", (5, 8), 10)), slower())
    assert (found.bounds, found.fault) == ((0.1, 0.5), "")


@pytest.mark.parametrize(("edge", "kept"), [(0.102, True), (0.101, True), (0.5555, False), (None, False)])
def test_of_a_long_histogram_64_bounds_are_counted_and_the_limit_is_one(edge: float | None, kept: bool) -> None:
    bounds = [round(0.001 * k, 3) for k in range(1, 151)]
    counters = Counters(buckets={le: (candidate(*line(1, 1)),) for le in (*bounds, inf)})
    (found,) = windows_of(counters, slower(limit=0.01, edge=edge))
    assert (len(found.bounds), found.bounds == tuple(sorted(found.bounds))) == (64, True)
    assert (found.bounds[0], found.bounds[-1], edge in found.bounds) == (0.001, 0.15, kept)


def test_a_histogram_without_its_total_makes_no_round() -> None:
    assert windows_of(histogram_of(le_0_1=(candidate(*line(1, 1)),)), slower()) == []


# --- gauges ---


@pytest.mark.parametrize(
    ("rule", "worst"),
    [({}, 99.0), ({"max": None, "min": "5"}, 3.0), ({"min": "5"}, 3.0), ({"min": "2"}, 99.0)],
)
def test_the_worst_of_the_candidates_last_values_is_the_gauges(rule: dict[str, str | None], worst: float) -> None:
    shown = [
        candidate(*every_step(1, 3), pod="a"),
        candidate(*every_step(500, 99), pod="b"),
        stable(*every_step(0, 1e9)),
    ]
    (found,) = windows_of(Counters(gauges=tuple(shown)), gauge(**rule))
    assert (found.value, found.stable, found.candidate) == (worst, (), ())


def test_a_gauge_without_a_rule_shows_its_largest_value() -> None:
    counters = Counters(gauges=(candidate(*every_step(1, 3)), candidate(*every_step(1, -7), pod="b")))
    found = rounds(counters, "gauge", "stable", "candidate", MetricLedger(end=SINCE), STEP, 10)
    assert [window.value for window, _ in found] == [3.0]


def test_a_pod_that_warms_up_or_was_not_scraped_has_no_value() -> None:
    old, new = (
        candidate(*line(1, 12, first=SINCE - 40), pod="a"),
        candidate(*line(0, 2, first=SINCE + 9, begin=99), pod="b"),
    )
    found = windows_of(Counters(gauges=(old, new)), gauge(), warmup=9.0)
    assert [window.value for window in found] == [9.0, 10.0, 11.0, 99.0]
    alone = windows_of(Counters(gauges=(stable(*line(1, 12, first=SINCE - 40)), new)), gauge(), warmup=60.0)
    assert [window.value for window in alone] == [None, None, None]


def test_a_pod_that_has_just_warmed_up_has_a_value_from_its_next_scrape_on() -> None:
    old, new = candidate(*line(0, 12, first=SINCE - 40), pod="a"), candidate(*line(0, 2, SINCE + 5, 99), pod="b")
    found = windows_of(Counters(gauges=(old, new)), gauge(), warmup=5.0)
    assert [window.value for window in found] == [0.0, 0.0, 99.0]


def test_a_gauge_has_the_values_of_its_own_round_and_of_no_other() -> None:
    steady = candidate(*every_step(1, 2, 3, 4, 5), pod="a")
    born = candidate((SINCE + 9, 99.0), pod="b")
    assert [one.value for one in windows_of(Counters(gauges=(steady, born)), gauge())] == [2.0, 99.0, 4.0]
    gone = candidate(*every_step(98, 99), pod="b")
    assert [one.value for one in windows_of(Counters(gauges=(steady, gone)), gauge())] == [99.0, 3.0, 4.0]


# --- catching up ---


def readings(steps: int, share: float = 0.1) -> Counters:
    pods = (stable(*line(100 * (1 - share), steps)), candidate(*line(100 * share, steps)))
    return errors_of(total=pods)


RULES = held_to(errors(), step=STEP)


def caught_up(ledger: Ledger, counters: Counters, since: float | None = SINCE, now: float = 1300.0) -> Ledger:
    return catch_up(RULES, ledger, {"errors": counters}, "stable", "candidate", weight=10, since=since, now=now)[0]


def test_all_complete_rounds_are_folded_and_the_same_ones_never_again() -> None:
    once = caught_up(Ledger(asked="this"), readings(40))
    assert (once.metrics["errors"].looks, once.metrics["errors"].candidate.total) == (40, 400)
    assert caught_up(once, readings(40)) == once
    assert once.asked == "this"
    assert caught_up(caught_up(Ledger(asked="this"), readings(13)), readings(40)) == once


def test_nothing_begins_before_the_weight_is_acknowledged() -> None:
    assert caught_up(Ledger(), readings(40), since=None) == Ledger()


def test_a_metric_that_began_goes_on_while_a_new_weight_is_not_acknowledged() -> None:
    begun = Ledger({"errors": MetricLedger(end=SINCE)}, TrafficLedger(weight=5, since=900.0, end=990.0))
    found = caught_up(begun, readings(40), since=None)
    assert (found.metrics["errors"].looks, found.traffic) == (40, begun.traffic)


def test_the_split_is_seen_in_the_requests_after_the_grace() -> None:
    found = caught_up(Ledger(), readings(40))
    assert (found.traffic.since, found.traffic.end, found.traffic.total) == (SINCE, 1200.0, 28 * 100)
    assert judge(RULES, found).why == "Undecided"
    assert judge(RULES, caught_up(Ledger(), readings(40, share=0.5))).why == "Mismatch"


def test_a_candidate_that_no_request_ever_reached_contradicts_its_weight_though_nobody_counts_for_it() -> None:
    alone = errors_of(total=(stable(*line(90, 40)),))
    once = caught_up(Ledger(), alone)
    assert (once.traffic.candidate, once.traffic.total) == (0, 28 * 90)
    assert judge(RULES, once).why == "Mismatch"
    assert caught_up(caught_up(Ledger(), errors_of(total=(stable(*line(90, 17)),))), alone) == once
    assert once.metrics["errors"].looks == 0


def test_requests_that_reach_the_candidate_late_are_counted_from_then_on() -> None:
    before = caught_up(Ledger(), errors_of(total=(stable(*line(90, 20)),)))
    late = candidate(*line(10, 20, first=SINCE + 20 * STEP))
    after = caught_up(before, errors_of(total=(stable(*line(90, 40)), late)))
    assert (after.traffic.end, after.traffic.candidate, after.traffic.total) == (1200.0, 200, 8 * 90 + 20 * 100)


def test_requests_to_pods_that_warm_up_are_requests_to_the_candidate() -> None:
    rules = held_to(errors(), step=STEP, warmup=120.0)
    counters = errors_of(total=(OLD, stable(*line(90, 60), pod="t"), candidate(*line(10, 59, first=SINCE + STEP))))
    found, _ = catch_up(
        rules, Ledger(), {"errors": counters}, "stable", "candidate", weight=10, since=SINCE, now=1300.0
    )
    assert found.metrics["errors"].candidate.total == 35 * 10
    assert found.traffic.candidate == 48 * 10


def test_requests_are_not_counted_twice_when_another_metric_measures_the_split() -> None:
    rules = held_to(slower(name="first"), errors(), gauge(), step=STEP)
    late = {"first": buckets(timed("stable", (80, 90), 90), timed("candidate", (8, 9), 10)), "errors": readings(40)}
    ahead = TrafficLedger(10, SINCE, 1200.0, 50, 500, (0.0,) * 20)
    found, _ = catch_up(rules, Ledger(traffic=ahead), late, "stable", "candidate", weight=10, since=SINCE, now=1300.0)
    assert found.traffic == ahead
    assert found.metrics["errors"].looks == 40


def test_metrics_without_new_samples_of_an_arm_are_silent() -> None:
    rules = held_to(errors(name="both"), errors(name="one"), errors(name="none"), gauge(), step=STEP)
    shown = {
        "both": readings(40),
        "one": errors_of(total=(candidate(*line(1, 40)), stable(*line(1, 39)))),
        "memory": Counters(gauges=(candidate(*line(1, 40)),)),
    }

    def silent(now: float) -> frozenset[str]:
        return catch_up(rules, Ledger(), shown, "stable", "candidate", weight=10, since=SINCE, now=now)[1]

    assert silent(1219.0) == {"none"}
    assert silent(1220.0) == {"none", "one"}
    assert silent(1225.0) == {"none", "one", "both", "memory"}


def test_even_the_fastest_scrapes_have_five_seconds_before_they_are_silent() -> None:
    rules = held_to(errors(), step=0.1)
    counters = errors_of(total=(candidate((1000.0, 1.0)), stable((1000.0, 1.0))))
    for now, silent in ((1004.9, frozenset()), (1005.0, {"errors"})):
        assert (
            catch_up(rules, Ledger(), {"errors": counters}, "stable", "candidate", weight=1, since=1.0, now=now)[1]
            == silent
        )
