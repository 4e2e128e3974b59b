"""Would catch: warm-up requests judged as users' requests, or users' requests lost with them."""

from math import inf

from crossfade.decide.counting import count
from crossfade.decide.judge.windows import rounds
from crossfade.decide.warmed import without_warm_ups
from crossfade.model.evidence import Counters, Sample, Series
from crossfade.model.ledger import MetricLedger

OLD = tuple((float(at), 1000.0 + 100 * at) for at in range(10))
WARMED: tuple[Sample, ...] = ((5.0, 12.0), (6.0, 20.0), (7.0, 50.0), (8.0, 90.0))


def counters(total: tuple[Sample, ...], bad: tuple[Sample, ...] = ()) -> Counters:
    """Requests of a second pod of the candidate beside a first one and a stable one."""
    whole = (Series("s", "s-0", OLD), Series("c", "c-0", OLD), Series("c", "c-1", total))
    return Counters(bad=(Series("c", "c-1", bad),), total=whole)


def of_second(found: Counters) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    return found.total[-1].samples, found.bad[-1].samples


def test_a_pod_is_counted_from_the_scrape_that_shows_its_warm_up_done() -> None:
    found = without_warm_ups(counters(WARMED, bad=((5.0, 12.0), (6.0, 19.0), (7.0, 21.0), (8.0, 21.0))), {"c": 20}, {})
    assert of_second(found) == (((6.0, 0.0), (7.0, 30.0), (8.0, 70.0)), ((6.0, 0.0), (7.0, 2.0), (8.0, 2.0)))
    assert found.total[:2] == counters(WARMED).total[:2]


def test_a_pod_that_is_not_warm_yet_is_not_counted() -> None:
    assert of_second(without_warm_ups(counters(WARMED[:1], bad=WARMED[:1]), {"c": 20}, {})) == ((), ())


def test_a_warm_up_between_two_scrapes_is_no_birth_that_counts() -> None:
    assert of_second(without_warm_ups(counters(WARMED[1:]), {"c": 20}, {}))[0] == ((6.0, 0.0), (7.0, 30.0), (8.0, 70.0))


def test_a_process_that_starts_again_is_warmed_up_again() -> None:
    twice = (*WARMED, (9.0, 7.0), (10.0, 21.0), (11.0, 25.0))
    assert of_second(without_warm_ups(counters(twice), {"c": 20}, {}))[0] == (
        (6.0, 0.0),
        (7.0, 30.0),
        (8.0, 70.0),
        (10.0, 70.0),
        (11.0, 74.0),
    )


def test_a_series_that_begins_after_the_warm_up_counts_whole() -> None:
    assert of_second(without_warm_ups(counters(WARMED, bad=((7.0, 3.0), (8.0, 5.0))), {"c": 20}, {}))[1] == (
        (7.0, 3.0),
        (8.0, 5.0),
    )


def test_what_was_warm_before_the_readings_begin_or_needs_no_warm_up_is_left_as_it_is() -> None:
    read = counters(WARMED)
    assert without_warm_ups(read, {}, {}) is read
    assert without_warm_ups(Counters(total=(Series("c", "c-0", ()),)), {"c": 20}, {}).total[0].samples == ()
    assert without_warm_ups(read, {"s": 20}, {}) is read
    warm = counters(tuple((float(at), 300.0 + at) for at in range(10)))
    assert without_warm_ups(warm, {"c": 20}, {}) is warm


def test_a_histogram_is_cut_at_the_same_scrape_in_every_bucket() -> None:
    slow, whole = ((5.0, 0.0), (6.0, 1.0), (7.0, 31.0)), WARMED[:3]
    read = Counters(buckets={0.1: (Series("c", "c-1", slow),), inf: (Series("c", "c-1", whole),)})
    found = without_warm_ups(read, {"c": 20}, {}).buckets
    assert found[0.1][0].samples == ((6.0, 0.0), (7.0, 30.0))
    assert found[inf][0].samples == ((6.0, 0.0), (7.0, 30.0))


UNCOUNTED: tuple[Sample, ...] = ((4.0, 0.0), (5.0, 0.0), (6.0, 0.0), (7.0, 4.0), (8.0, 9.0), (9.0, 21.0))


def test_a_metric_that_does_not_count_warm_ups_loses_no_request_of_users() -> None:
    """Twenty were answered before 3.5, and at 6 it shows none of them."""
    found = without_warm_ups(counters(UNCOUNTED, bad=((8.0, 1.0), (9.0, 2.0))), {"c": 20}, {("c", "c-1"): 3.5})
    assert of_second(found) == (
        ((6.0, 0.0), (7.0, 4.0), (8.0, 9.0), (9.0, 21.0)),
        ((8.0, 1.0), (9.0, 2.0)),
    )


def test_what_a_scrape_shows_while_the_pod_may_still_be_warming_up_tells_nothing() -> None:
    """It was warm at 5 by its node's clock, to the second: 12 of 20 at 5 are warm-up requests, 20 at 6 all of them."""
    found = without_warm_ups(counters(WARMED), {"c": 20}, {("c", "c-1"): 5.0})
    assert of_second(found)[0] == ((6.0, 0.0), (7.0, 30.0), (8.0, 70.0))
    late = without_warm_ups(counters(((6.0, 12.0), (9.0, 26.0), (10.0, 30.0))), {"c": 20}, {("c", "c-1"): 5.0})
    assert of_second(late)[0] == ((9.0, 0.0), (10.0, 4.0))


def test_a_process_that_starts_again_is_warmed_up_again_though_its_pod_was_warm_before() -> None:
    twice = (*UNCOUNTED, (10.0, 7.0), (11.0, 21.0), (12.0, 25.0))
    found = without_warm_ups(counters(twice), {"c": 20}, {("c", "c-1"): 3.5})
    assert of_second(found)[0][-3:] == ((9.0, 21.0), (11.0, 21.0), (12.0, 25.0))


def test_neither_the_judge_nor_the_share_sees_a_warm_up() -> None:
    bad = ((5.0, 12.0), (6.0, 20.0), (7.0, 20.0), (8.0, 20.0))
    raw = counters(WARMED, bad)
    found = without_warm_ups(raw, {"c": 20}, {})
    for read, errors, requests in ((raw, 20, 490), (found, 0, 470)):
        windows = [window for window, _ in rounds(read, "ratio", "s", "c", MetricLedger(end=4.0), 1.0, 0.5)]
        pods = [pod for window in windows for pod in window.candidate]
        assert (sum(sum(pod.bad) for pod in pods), sum(pod.total for pod in pods)) == (errors, requests)
        assert count(read.total, "c", 4.0, 3.0, 8.0) == requests
