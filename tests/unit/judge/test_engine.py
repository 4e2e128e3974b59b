"""Would catch verdicts in a wrong order: a promotion while something is unknown, a hold of what is proven worse."""

from dataclasses import replace
from math import inf, log, nan

import pytest
from crossfade.decide.judge.engine import Judgement, fold, judge
from crossfade.decide.judge.rules import MetricRules, Rules
from crossfade.model.ledger import Calm, Ledger, MetricLedger, TrafficLedger

from tests.unit.judge.builders import (
    BOUNDS,
    astray,
    capped,
    counted,
    errors,
    folded,
    gauge,
    held_to,
    histogram,
    proven,
    slower,
    window,
)

WORSE = replace(counted(), crossed=15.0)
SHAKEN = replace(proven(), calm=Calm(9, 900, 1, 2))
FAULTY = replace(proven(), fault="the histogram's buckets are not those of before")
UNKNOWN = counted()


def verdict(
    of: dict[str, MetricLedger | None], roles: dict[str, str] | None = None, astray_: bool = False, **silent: bool
) -> Judgement:
    """The judgement of several metrics of bad requests, Required unless said otherwise."""
    metrics = [errors(name=name, role=(roles or {}).get(name, "Required")) for name in of]
    ledgers = {name: one for name, one in of.items() if one is not None}
    ledger = Ledger(ledgers, astray() if astray_ else TrafficLedger())
    return judge(held_to(*metrics), ledger, frozenset(name for name in silent if silent[name]))


def decided(found: Judgement) -> tuple[str, str, tuple[str, ...]]:
    return found.overall, found.why, found.about


# --- the order ---


def test_a_regression_rolls_back_whatever_else_is_wrong() -> None:
    ledgers = {"a": WORSE, "b": FAULTY, "c": None, "d": SHAKEN, "e": UNKNOWN, "f": proven(), "g": WORSE}
    found = verdict(ledgers, astray_=True)
    assert decided(found) == ("Rollback", "Regressed", ("a", "g"))
    assert dict(found.states) == {
        "a": "Regressed",
        "b": "Invalid",
        "c": "NoData",
        "d": "NonInferior",
        "e": "Undecided",
        "f": "NonInferior",
        "g": "Regressed",
    }


@pytest.mark.parametrize("ledger", [FAULTY, None, SHAKEN, UNKNOWN, proven()])
@pytest.mark.parametrize("astray_", [False, True])
def test_whatever_decides_the_state_of_every_metric_is_told(ledger: MetricLedger | None, astray_: bool) -> None:
    assert set(verdict({"a": ledger, "b": proven()}, astray_=astray_).states) == {"a", "b"}


def test_a_wrong_split_holds_before_anything_less_certain() -> None:
    found = verdict({"b": FAULTY, "c": None, "d": SHAKEN, "e": UNKNOWN}, astray_=True)
    assert decided(found) == ("Hold", "Mismatch", ())


def test_an_invalid_metric_holds_before_missing_data() -> None:
    assert decided(verdict({"b": FAULTY, "c": None, "d": SHAKEN, "e": UNKNOWN})) == ("Hold", "Invalid", ("b",))


def test_missing_data_holds_before_a_shock() -> None:
    assert decided(verdict({"c": None, "d": SHAKEN, "e": UNKNOWN})) == ("Hold", "NoData", ("c",))


def test_a_shock_holds_before_doubt_and_before_proof() -> None:
    assert decided(verdict({"d": SHAKEN, "e": UNKNOWN, "f": proven()})) == ("Hold", "Shock", ("d",))


def test_what_is_not_proven_goes_on() -> None:
    assert decided(verdict({"e": UNKNOWN, "f": proven()})) == ("Continue", "Undecided", ("e",))


def test_proof_of_everything_required_advances() -> None:
    assert decided(verdict({"f": proven(), "g": proven()})) == ("Advance", "NonInferior", ("f", "g"))


# --- roles ---


def test_a_guardrail_need_not_be_proven() -> None:
    found = verdict({"e": UNKNOWN, "f": proven()}, {"e": "Guardrail"})
    assert decided(found) == ("Advance", "NonInferior", ("f",))


@pytest.mark.parametrize(
    ("ledger", "why"), [(WORSE, "Regressed"), (FAULTY, "Invalid"), (None, "NoData"), (SHAKEN, "Shock")]
)
def test_a_guardrail_holds_and_rolls_back_like_a_required_metric(ledger: MetricLedger | None, why: str) -> None:
    assert verdict({"e": ledger, "f": proven()}, {"e": "Guardrail"}).why == why


@pytest.mark.parametrize("ledger", [WORSE, FAULTY, None, SHAKEN, UNKNOWN])
def test_what_is_only_observed_decides_nothing(ledger: MetricLedger | None) -> None:
    found = verdict({"e": ledger, "f": proven()}, {"e": "Observe"})
    assert decided(found) == ("Advance", "NonInferior", ("f",))


# --- states ---


def test_silence_is_no_data_even_after_proof() -> None:
    assert decided(verdict({"e": proven(), "f": proven()}, f=True)) == ("Hold", "NoData", ("f",))


def test_silence_does_not_undo_a_regression() -> None:
    assert verdict({"e": WORSE}, e=True).overall == "Rollback"


def test_silence_hides_a_fault() -> None:
    assert verdict({"e": FAULTY}, e=True).why == "NoData"


def state(metric: MetricRules, ledger: MetricLedger, rules: Rules | None = None) -> str:
    return judge(rules or held_to(metric), Ledger({metric.name: ledger})).states[metric.name]


def test_proof_needs_the_odds_asked_for() -> None:
    metric = capped()
    for told, expected in ((19.999, "Undecided"), (20.0, "NonInferior"), (1e9, "NonInferior")):
        assert state(metric, counted(lower=(log(told) + 1e-12,) * 6)) == expected
    assert state(metric, counted(lower=(log(21.0),) * 6), held_to(metric, enough=22.0)) == "Undecided"


def test_just_the_odds_asked_for_are_proof() -> None:
    even = errors(floor=None)
    assert state(even, counted(), held_to(even, enough=1.0)) == "NonInferior"


def test_a_limit_whose_bucket_is_missing_is_invalid() -> None:
    buckets = replace(proven(), bounds=BOUNDS)
    assert state(slower(limit=0.01, edge=0.5), buckets) == "Invalid"
    assert state(slower(limit=0.01, edge=0.4), buckets) == "NonInferior"
    assert state(slower(), buckets) == "NonInferior"


def test_before_the_first_window_no_bucket_is_missing_yet() -> None:
    assert state(slower(limit=0.01, edge=0.5), MetricLedger()) == "Undecided"


# --- folding ---

AWFUL = window((1000, 1000), (0, 9000))


def test_a_regression_is_found_in_the_window_whose_evidence_reaches_the_threshold() -> None:
    rules = held_to(errors(floor=None), threshold=100.0)
    ledger = MetricLedger()
    for end in (15.0, 30.0, 45.0, 60.0):
        ledger = fold(rules, "errors", ledger, replace(AWFUL, end=end))
        # half of the mass, then a twentieth a window, times 10 at the most in each
        assert ledger.crossed == (45.0 if end >= 45.0 else 0.0)


def test_evidence_just_at_the_threshold_is_enough() -> None:
    metric = errors(floor=None)
    before = counted(worse=((64.0 - 0.05,) * 20,), left=0.0, looks=5)
    still = window((0, 10), (0, 90), end=30.0)
    before = replace(before, left=0.25)  # the window starts 0.05 of it: 64 + 0.2
    assert folded(held_to(metric, threshold=64.2), still, ledger=before).crossed == 30.0
    assert folded(held_to(metric, threshold=64.3), still, ledger=before).crossed == 0.0


def test_what_once_regressed_stays_regressed() -> None:
    rules = held_to(errors())
    good = [window((0, 1000), (90, 9000), end=15.0 * i) for i in range(4, 60)]
    ledger = folded(rules, *[replace(AWFUL, end=15.0 * i) for i in (1, 2, 3)], *good)
    assert ledger.crossed == 45.0
    assert max(ledger.worse[0]) < 1
    assert judge(rules, Ledger({"errors": ledger})).overall == "Rollback"


# --- plain thresholds ---


def gauged(*values: float | None, rule: MetricRules | None = None) -> MetricLedger:
    windows = [replace(window(), end=15.0 * i, value=value) for i, value in enumerate(values, 1)]
    return folded(held_to(rule or gauge()), *windows)


def test_a_gauge_regresses_as_soon_as_enough_of_the_last_scrapes_broke_it() -> None:
    assert [state(gauge(), gauged(*values)) for values in ((96,), (96, 90), (96, 90, 96), (96, 90, 90, 96))] == [
        "Undecided",
        "Undecided",
        "Regressed",
        "NonInferior",
    ]


def test_a_gauge_is_good_enough_once_a_whole_span_kept_to_it() -> None:
    assert [state(gauge(), gauged(*[90.0] * n)) for n in (1, 2, 3)] == ["Undecided", "Undecided", "NonInferior"]


def test_only_the_last_scrapes_of_a_gauge_are_kept() -> None:
    found = gauged(96, 97, 90, 91, 98)
    assert (found.broken, found.value, found.end) == ((False, False, True), 98, 75.0)


@pytest.mark.parametrize("nothing", [None, nan])
def test_no_value_of_a_gauge_is_neither_success_nor_failure(nothing: float | None) -> None:
    assert state(gauge(), gauged(*[nothing] * 9)) == "Undecided"
    found = gauged(96, nothing, nothing, nothing, nothing)
    assert (found.broken, found.value, found.end) == ((True,), 96, 75.0)
    assert gauged(inf).broken == (True,)


def test_a_gauge_that_regressed_rolls_back_even_when_silent_now() -> None:
    rules = held_to(gauge())
    broken = Ledger({"memory": gauged(96, 96)})
    assert judge(rules, broken, frozenset({"memory"})).overall == "Rollback"
    quiet = Ledger({"memory": gauged(90, 90, 90)})
    assert judge(rules, quiet, frozenset({"memory"})).why == "NoData"


def test_a_gauge_that_is_only_observed_rolls_nothing_back() -> None:
    rules = held_to(gauge(role="Observe"), errors())
    ledger = Ledger({"memory": gauged(96, 96), "errors": proven()})
    assert judge(rules, ledger).overall == "Advance"


def test_each_metric_has_its_own_windows() -> None:
    rules = held_to(errors(), slower())
    errors_, latency = window((5, 100), (9, 900)), histogram((0, 0, 0, 0, 0), (400, 240, 120, 40, 4))
    assert fold(rules, "errors", MetricLedger(), errors_).bounds == (0.0,)
    assert fold(rules, "latency", MetricLedger(), latency).bounds == BOUNDS
