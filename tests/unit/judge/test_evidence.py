"""Would catch odds mixed with wrong shares: a verdict of the stronger of two that must agree, a proof too cheap."""

from math import exp, inf, log

import pytest
from crossfade.decide.judge.evidence import acceptance_evidence, odds, regression_evidence, relative_share
from crossfade.decide.judge.rules import History
from crossfade.model.ledger import MetricLedger

from tests.unit.judge.builders import BOUNDS, capped, counted, errors, slower


def flat(odds_of_all: float, points: int = 20) -> tuple[float, ...]:
    return (odds_of_all,) * points


# --- regressed ---


def test_before_a_bound_is_watched_nothing_is_known() -> None:
    assert regression_evidence(slower(), MetricLedger()) == 1.0
    assert acceptance_evidence(slower(), MetricLedger()) == -inf


def test_the_sums_are_averaged_over_the_grid_and_the_mass_not_spent_is_added() -> None:
    sums = tuple(float(i) for i in range(20))  # 9.5 on average
    assert regression_evidence(errors(floor=None), counted(worse=(sums,), left=0.25)) == 9.75


@pytest.mark.parametrize(("against_stable", "over_floor", "both"), [(8.0, 3.0, 3.5), (3.0, 8.0, 3.5)])
def test_of_margin_and_floor_the_weaker_counts(against_stable: float, over_floor: float, both: float) -> None:
    ledger = counted(worse=(flat(against_stable),), over_floor=flat(over_floor), left=0.5)
    assert regression_evidence(errors(), ledger) == both


def test_evidence_against_the_floor_counts_as_often_as_it_is_worth() -> None:
    ledger = counted(worse=(flat(8.0),), over_floor=flat(3.0), left=0.5)
    assert regression_evidence(errors(floor_worth=2.0), ledger) == 7.0
    assert regression_evidence(errors(floor_worth=5.0), ledger) == 8.5


def test_without_a_floor_the_margin_decides_alone() -> None:
    ledger = counted(worse=(flat(8.0),), over_floor=flat(3.0), left=0.5)
    assert regression_evidence(errors(floor=None), ledger) == 8.5


def test_a_limit_decides_alone_where_no_margin_is_asked() -> None:
    ledger = counted(worse=(flat(8.0),), over_limit=flat(5.0), left=0.5)
    assert regression_evidence(capped(), ledger) == 5.5


def test_margin_and_limit_are_averaged() -> None:
    ledger = counted(worse=(flat(8.0),), over_floor=flat(3.0), over_limit=flat(15.0), left=0.0)
    assert regression_evidence(errors(limit=0.02), ledger) == 9.0


def test_the_bounds_of_a_histogram_are_averaged() -> None:
    ledger = counted(bounds=BOUNDS, used=(1, 2), worse=(flat(1.0), flat(6.0)), left=0.0)
    assert regression_evidence(slower(), ledger) == 3.5


def test_a_limit_that_no_bucket_shows_is_left_out() -> None:
    ledger = counted(bounds=BOUNDS, used=(1,), worse=(flat(4.0),), over_limit=flat(50.0), left=0.0)
    assert regression_evidence(slower(limit=0.01, edge=0.4), ledger) == 27.0
    assert regression_evidence(slower(limit=0.01, edge=0.5), ledger) == 4.0
    assert regression_evidence(slower(worse=None, limit=0.01, edge=0.5), ledger) == 1.0


def test_what_holds_to_nothing_never_regresses() -> None:
    assert regression_evidence(errors(worse=None, floor=None), counted(worse=(flat(99.0),))) == 1.0


# --- good enough ---

LOGS = tuple(log(value) for value in (32.0, 64.0, 16.0, 8.0, 4.0))  # by 1/32, 1/32, 1/16, 1/8, 3/4: 1 + 2 + 1 + 1 + 3
LOW = tuple(log(value) for value in (1.0, 2.0, 3.0, 4.0, 5.0, 9.0))  # 4 on average


def proof(**changed: object) -> float:
    metric = errors(**changed)
    return exp(acceptance_evidence(metric, counted(milder=(LOGS,), lower=LOW)))


def test_without_a_floor_only_the_ratio_to_stable_proves() -> None:
    assert proof(floor=None) == pytest.approx(8.0)


def test_with_a_limit_alone_being_below_it_proves() -> None:
    assert proof(worse=None, floor=None, limit=0.02) == pytest.approx(4.0)


def test_without_history_half_of_the_bet_goes_on_each() -> None:
    assert proof() == pytest.approx(6.0)


@pytest.mark.parametrize(("bad", "share"), [(70, 0.9), (60, 0.1), (20, 0.1)])
def test_history_says_which_proof_to_bet_on(bad: int, share: float) -> None:
    """Of 10,000 requests 67 would be at the floor of 1 % once 1.5 times as many fail."""
    metric = errors(history=History(bad=(bad,), total=10_000))
    assert relative_share(metric) == pytest.approx(share)
    assert proof(history=metric.history) == pytest.approx(share * 8 + (1 - share) * 4)


def test_a_rate_just_at_the_floor_is_bet_to_be_below_it() -> None:
    at = errors(enough=2.0, floor=0.5, history=History(bad=(25,), total=100))
    assert relative_share(at) == pytest.approx(0.1)


def test_without_a_margin_the_rate_itself_is_compared_with_the_floor() -> None:
    history = History(bad=(99,), total=10_000)
    assert relative_share(errors(enough=None, history=history)) == pytest.approx(0.1)
    assert relative_share(errors(floor=None, history=history)) == 0.5


@pytest.mark.parametrize("milder", [(LOGS, (log(2.0),) * 5), ((log(2.0),) * 5, LOGS)])
def test_of_the_proofs_at_the_bounds_of_a_histogram_the_weakest_counts(milder: tuple[tuple[float, ...], ...]) -> None:
    ledger = counted(bounds=BOUNDS, used=(1, 2), milder=milder, lower=LOW)
    assert exp(acceptance_evidence(slower(), ledger)) == pytest.approx(2.0)


def test_a_limit_that_no_bucket_shows_proves_nothing() -> None:
    ledger = counted(bounds=BOUNDS, lower=LOW)
    assert exp(acceptance_evidence(slower(worse=None, limit=0.01, edge=0.4), ledger)) == pytest.approx(4.0)
    assert acceptance_evidence(slower(worse=None, limit=0.01, edge=0.5), ledger) == -inf


def test_what_holds_to_nothing_proves_nothing() -> None:
    assert acceptance_evidence(errors(worse=None, floor=None), counted(lower=LOW)) == -inf


# --- odds ---


def test_odds_are_finite_whatever_the_logarithm() -> None:
    assert odds(log(19.0)) == pytest.approx(19.0)
    assert odds(-inf) == 0.0
    assert odds(inf) == odds(1e9) == pytest.approx(1e300)
