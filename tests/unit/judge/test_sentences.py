"""Would catch a sentence about the wrong arm, side or limit, and one that foretells more than the figures do."""

from dataclasses import replace
from math import inf, log
from typing import Any

import pytest
from crossfade.decide.judge.readings import TWICE
from crossfade.decide.judge.sentences import View, missing, sentence, shock, traffic
from crossfade.model.ledger import Calm, Ledger, MetricLedger, TrafficLedger

from tests.unit.judge.builders import BOUNDS, capped, counted, errors, gauge, held_to, slower

AT = 1_700_000_000.0  # 22:13:20 UTC
EVEN = View(stable=(40, 4080), candidate=(4, 451), ratio=0.9, low=0.3, high=2.0, worse=0.5, enough=2.0)
SLOW = replace(EVEN, bound=0.4)


def told(metric: Any, state: Any, ledger: MetricLedger | None = None, view: View = EVEN) -> str:
    return sentence(held_to(metric), metric, state, ledger or counted(), view)


# --- what follows from the figures ---


@pytest.mark.parametrize(
    ("worse", "enough", "outlook"),
    [
        # Evidence grows as a power: with 10 of 100 half of the way is done, so as many requests again are needed.
        (10.0, 0.0, "about 500 more requests of the candidate would do if it goes on like this"),
        # 10 of 20 is 77 % of the way: 451 * (1 / 0.7686 - 1) = 136.
        (10.0, 10.0, "about 100 more requests of the candidate would do if it goes on like this"),
        (0.0, 10.0, "about 100 more requests of the candidate would do if it goes on like this"),
        (99.9, 0.0, "about 1 more request of the candidate would do if it goes on like this"),
        (250.0, 0.0, "about 1 more request of the candidate would do if it goes on like this"),
        # A tenth of the way is the least that is worth a forecast.
        (100**0.101, 0.0, "about 4,000 more requests of the candidate would do if it goes on like this"),
        (100**0.099, 0.0, "neither is in sight yet"),
        (0.0, 0.0, "neither is in sight yet"),
    ],
)
def test_how_far_it_is_is_told_by_the_nearer_of_both_ends(worse: float, enough: float, outlook: str) -> None:
    assert told(errors(), "Undecided", view=replace(EVEN, worse=worse, enough=enough)).endswith(f"; {outlook}.")


def test_a_regression_whose_evidence_is_still_enough_is_told_as_it_is_now() -> None:
    worse = replace(EVEN, worse=100.0)
    assert "Evidence 100:1 of the 100:1 needed." in told(errors(), "Regressed", counted(crossed=AT), worse)
    fallen = told(errors(), "Regressed", counted(crossed=AT), replace(EVEN, worse=99.0))
    assert "The evidence reached the 100:1 needed at 22:13:20 UTC; it is 99:1 now. 4 bad answers served." in fallen
    assert "Evidence 99:1 of" in told(errors(), "Regressed", counted(), replace(EVEN, worse=99.0))


def test_what_was_served_meanwhile_is_named_by_its_kind() -> None:
    one = replace(SLOW, candidate=(1, 451), worse=100.0)
    assert told(slower(), "Regressed", view=one).endswith(" 1 slow answer served.")
    assert told(errors(), "Regressed", view=one).endswith(" 1 bad answer served.")


# --- good enough ---


def test_good_enough_is_told_by_what_tells_most() -> None:
    """The floor against the ratio, at the bound where that tells most."""
    floor = counted(milder=((log(10.0),) * 5,), lower=(log(30.0),) * 6)
    assert told(errors(), "NonInferior", floor).startswith("errors: below 1%, too little to matter (evidence 2:1 of")
    assert told(errors(floor=None), "NonInferior", floor).startswith("errors: within 1.5 times stable (")
    even = counted(milder=((log(10.0),) * 5,), lower=(log(10.0),) * 6)
    assert told(errors(), "NonInferior", even).startswith("errors: within 1.5 times stable (")
    uneven = counted(milder=((log(10.0),) * 5, (log(40.0),) * 5), lower=(log(30.0),) * 6)
    assert told(errors(), "NonInferior", uneven).startswith("errors: within 1.5 times stable (")
    bets = counted(milder=((-99.0,) * 4 + (log(32.0),),), lower=(log(30.0), *(-99.0,) * 5))
    # 3 / 4 of 32 against 1 / 6 of 30
    assert told(errors(), "NonInferior", bets).startswith("errors: within 1.5 times stable (")


def test_good_enough_against_a_limit_names_it() -> None:
    below = replace(EVEN, by_limit=True, enough=25.0)
    assert told(capped(0.025), "NonInferior", view=below) == (
        "errors: below the 2.5% allowed (evidence 25:1 of the 20:1 needed): the candidate failed 0.89% (4 of 451), "
        "stable 0.98% (40 of 4,080); at most 2.5% is allowed, whatever stable does."
    )


def test_a_latency_good_enough_is_told_in_time() -> None:
    assert told(slower(enough=1.25), "NonInferior", view=SLOW).startswith("latency: less than 25% slower than stable (")
    assert "at most 10% slower is allowed" in told(slower(), "NonInferior", view=SLOW)
    halves = told(slower(worse=1.125, enough=1.255), "NonInferior", view=SLOW)
    assert halves.startswith("latency: less than 25.5% slower than stable (")
    assert halves.endswith("; at most 12.5% slower is allowed.")


# --- what was counted ---


def test_without_a_ratio_both_counts_stand_alone() -> None:
    none = replace(EVEN, ratio=None, low=None, high=None, stable=(0, 4080), candidate=(0, 451))
    assert told(errors(), "Undecided", view=none).startswith(
        "errors: undecided: the candidate failed 0% (0 of 451), stable 0% (0 of 4,080). Evidence that it is worse"
    )
    assert told(slower(), "Undecided", view=replace(none, bound=0.4)).startswith(
        "latency: undecided: 0% of the candidate's 451 requests took longer than 400 ms, 0% of stable's 4,080; at most"
    )
    assert told(errors(), "Undecided", view=replace(EVEN, low=None)).startswith(
        "errors: undecided: the candidate failed 0.89% (4 of 451), stable 0.98% (40 of 4,080). Evidence"
    )


def test_an_interval_without_an_end_is_told_as_such() -> None:
    never = replace(EVEN, ratio=inf, low=3.0, high=inf, stable=(0, 4080))
    assert "stable never did (99% interval 3.0 to unbounded; allowed 1.1)" in told(errors(), "Undecided", view=never)
    assert ": stable never did (99% interval 3.0 to unbounded); at most" in told(slower(), "Undecided", view=never)
    hardly = replace(EVEN, low=0.0, high=None)
    assert "0.9 times as often (99% interval 0 to 0; allowed 1.1)" in told(errors(), "Undecided", view=hardly)


def test_one_request_is_one() -> None:
    one = replace(SLOW, candidate=(1, 1), stable=(0, 0))
    assert "100% of the candidate's 1 request took longer than 400 ms, stable had none" in told(
        slower(), "Undecided", view=one
    )


def test_the_confidence_is_shown_as_far_as_it_says_something() -> None:
    metric = errors()
    rules = held_to(metric, confidence=0.9975)
    assert "(99.75% interval 0.3 to 2.0;" in sentence(rules, metric, "Undecided", counted(), EVEN)


def test_what_is_only_shown_says_so_whatever_it_shows() -> None:
    assert told(gauge("Observe"), "NonInferior", MetricLedger(value=90.0, broken=(False,) * 3)) == (
        "memory: 90, at most 95 is allowed: broken in 0 of the last 3 scrapes, and 2 would be too many. "
        "Shown only; it decides nothing."
    )


# --- a plain threshold ---


def limited(state: Any, value: float | None, *broken: bool, **rule: Any) -> str:
    return told(gauge(**rule), state, MetricLedger(value=value, broken=broken)).removeprefix("memory: ")


def test_a_broken_threshold_names_the_side_on_which_it_is() -> None:
    both = {"min": "5", "max": "95"}
    assert limited("Regressed", 95.5, True, True, **both) == "95.5 was above 95 in 2 of the last 2 scrapes."
    assert limited("Regressed", 0.0, True, True, min="0.2", max="0.5") == "0 was below 0.2 in 2 of the last 2 scrapes."
    assert limited("Regressed", 4.0, True, True, **both) == "4 was below 5 in 2 of the last 2 scrapes."
    assert (
        limited("Regressed", 4.0, True, False, True, max=None, min="5") == "4 was below 5 in 2 of the last 3 scrapes."
    )


def test_a_threshold_kept_to_names_all_its_limits() -> None:
    assert limited("NonInferior", 50.0, False, min="5", max="95") == (
        "50, at least 5 and at most 95 is allowed: broken in 0 of the last 1 scrape, and 2 would be too many."
    )
    assert limited("Regressed", 50.0, True, True, False, min="5", max=None) == (
        "50, at least 5 is allowed, which was broken in 2 of the last 3 scrapes."
    )


def test_a_gauge_without_a_value_says_so() -> None:
    assert limited("Undecided", None) == (
        "undecided: no value, at most 95 is allowed: broken in 0 of 0 scrapes so far, and 3 are looked at."
    )
    assert limited("Undecided", 0.0, False) == (
        "undecided: 0, at most 95 is allowed: broken in 0 of 1 scrape so far, and 3 are looked at."
    )


# --- what cannot be judged ---


@pytest.mark.parametrize(
    ("edge", "near"),
    [
        (0.05, "the nearest ends at 100 ms"),
        (0.3, "the nearest end at 200 ms and 400 ms"),
        (0.9, "the nearest ends at 800 ms"),
    ],
)
def test_a_limit_between_bounds_names_those_beside_it(edge: float, near: str) -> None:
    ledger = MetricLedger(bounds=BOUNDS)
    assert told(slower(limit=0.01, edge=edge), "Invalid", ledger) == (
        f"latency: its histogram has no bucket that ends at {edge * 1000:g} ms, so the limit cannot be judged; {near}. "
        "Set `max` to one of them, or add the bucket."
    )


def test_a_fault_is_told_before_the_limit() -> None:
    fault = MetricLedger(bounds=BOUNDS, fault="the histogram's buckets are not those of before")
    for metric in (slower(), slower(limit=0.01, edge=0.3)):
        assert told(metric, "Invalid", fault) == (
            "latency: the histogram's buckets are not those of before, so nothing is compared. All pods of both"
            " versions must have the same buckets throughout."
        )


def test_pods_that_are_scraped_twice_are_told_before_the_limit() -> None:
    for metric in (slower(limit=0.01, edge=0.3), slower()):
        assert told(metric, "Invalid", MetricLedger(bounds=BOUNDS, fault=TWICE)) == (
            "latency: pods are scraped more than once, so nothing is compared. Each must be scraped once."
        )


def test_silence_that_never_ended_has_no_beginning() -> None:
    assert missing(errors(), MetricLedger()) == "errors: no samples of both versions yet, so nothing is concluded."
    since = "errors: no samples of both versions since 22:13:20 UTC, so nothing is concluded."
    assert missing(errors(), MetricLedger(end=AT)) == since
    assert told(errors(role="Observe"), "NoData", MetricLedger(end=AT)) == since


def test_latencies_are_not_known_before_two_hundred_requests() -> None:
    unknown = counted(used=(), worse=(), milder=())
    text = told(slower(), "Undecided", unknown, replace(SLOW, ratio=None, low=None, high=None, stable=(2, 199)))
    assert text == (
        "latency: undecided: 0.89% of the candidate's 451 requests took longer than 400 ms, 1.0% of stable's 199; at"
        " most 10% slower is allowed; 200 requests of stable are needed to know its latencies."
    )


# --- both arms at once, and the split ---


def test_a_shock_names_what_is_usual_where_that_is_known() -> None:
    ledgers = {"a": MetricLedger(calm=Calm(40, 4080)), "b": MetricLedger()}
    assert shock(Ledger(ledgers), ("a", "b")) == (
        "both arms jumped at the same time, far above what stable usually does (a: 0.98%, b), so nothing is concluded."
    )


@pytest.mark.parametrize(
    ("weight", "seen", "words"),
    [
        (90, (1, 2), "1 of 2 requests (50.0%) reached the candidate, expected 90% (72% to 99.9%)"),
        (25, (1, 1), "1 of 1 request (100%) reached the candidate, expected 25% (20% to 30%)"),
        (25, (1500, 3000), "1,500 of 3,000 requests (50.0%) reached the candidate, expected 25% (20% to 30%)"),
    ],
)
def test_another_split_names_what_would_be_one(weight: int, seen: tuple[int, int], words: str) -> None:
    ledger = TrafficLedger(weight, 1.0, 2.0, *seen, (50.0,) * 20)
    assert traffic(held_to(errors()), ledger) == (
        f"{words}: the split is not what was asked for, so nothing is concluded."
    )
