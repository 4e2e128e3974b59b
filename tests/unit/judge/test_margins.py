"""Would catch a margin made of another service's buckets, or a limit judged at a bucket that is not its own."""

import pytest
from crossfade.decide.judge.margins import limit_index, margins, profile
from crossfade.decide.judge.rules import History
from crossfade.model.ledger import MetricLedger, Totals

from tests.unit.judge.builders import BOUNDS, errors, slower

HISTORY = History(bounds=BOUNDS, bad=(600, 300, 100, 10), total=1000)
SEEN = MetricLedger(bounds=BOUNDS, used=(1, 2), stable=Totals(1000, (600, 100, 100, 10)))


def test_history_and_what_was_seen_are_added() -> None:
    assert profile(slower(history=HISTORY), SEEN) == ((1200, 400, 200, 20), 2000)


def test_history_of_other_buckets_is_left_out() -> None:
    other = History(bounds=(0.1, 0.2, 0.4, 1.0), bad=HISTORY.bad, total=1000)
    assert profile(slower(history=other), SEEN) == ((600, 100, 100, 10), 1000)


def test_without_history_only_what_was_seen_counts() -> None:
    assert profile(slower(), SEEN) == ((600, 100, 100, 10), 1000)
    assert profile(slower(history=History(bounds=BOUNDS)), SEEN) == ((600, 100, 100, 10), 1000)


def test_a_history_that_lacks_a_bound_is_refused_and_not_cut() -> None:
    with pytest.raises(ValueError, match="zip"):
        profile(slower(history=History(bounds=BOUNDS, bad=(600, 300, 100), total=1000)), SEEN)


def test_before_the_first_window_there_is_only_history() -> None:
    empty = MetricLedger(bounds=BOUNDS)
    assert profile(slower(history=HISTORY), empty) == (HISTORY.bad, 1000)
    assert profile(slower(), empty) == ((0, 0, 0, 0), 0)


def test_of_bad_requests_the_margins_are_those_asked_for() -> None:
    assert margins(errors(worse=1.1, enough=1.5), SEEN) == ((1.1, 1.5),)
    assert margins(errors(worse=None, enough=None), SEEN) == ((1.0, 1.0),)


def test_of_latency_they_are_ratios_of_requests_at_each_bound() -> None:
    metric = slower(worse=2.0, enough=4.0, history=HISTORY)
    (first, second) = margins(metric, SEEN)
    assert first == pytest.approx((3.0, 5.0))  # 1,200, and all 2,000, over 400
    assert second == pytest.approx((2.0, 6.0))  # 400 and 1,200 over 200


def test_without_a_margin_of_time_nothing_may_be_slower() -> None:
    assert margins(slower(worse=None, enough=None), SEEN) == ((1.0, 1.0), (1.0, 1.0))


def test_bad_requests_have_one_bound() -> None:
    assert limit_index(errors(limit=0.02), SEEN) == 0


@pytest.mark.parametrize(("edge", "index"), [(0.1, 0), (0.4, 2), (0.8, 3), (0.5, None), (0.4004, None), (0.3996, None)])
def test_a_limit_is_judged_at_its_own_bucket_alone(edge: float, index: int | None) -> None:
    assert limit_index(slower(limit=0.01, edge=edge), SEEN) == index


def test_a_limit_written_otherwise_is_the_same_bucket() -> None:
    assert limit_index(slower(limit=0.01, edge=0.1 + 0.2), MetricLedger(bounds=(0.3,))) == 0
    assert limit_index(slower(limit=0.01, edge=1000.0), MetricLedger(bounds=(1000.0000005,))) == 0
    assert limit_index(slower(limit=0.01, edge=1000.0), MetricLedger(bounds=(1000.000002,))) is None
