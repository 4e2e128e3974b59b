"""Would catch a past that counts requests twice, loses pods, or mistakes buckets."""

import pytest
from crossfade.decide.judge.dispersion import history_of
from crossfade.decide.judge.past import past_of, rate_of, scrape_interval
from crossfade.model.evidence import Counters, Series
from crossfade.model.ledger import PodCount, Window


def counter(pod: str, a_scrape: float, revision: str = "r", first: float = 1000.0, scrapes: int = 101) -> Series:
    """Grows by the same at each scrape, every 15 s."""
    return Series(revision, pod, tuple((first + 15 * k, a_scrape * k + 7) for k in range(scrapes)))


TWO_PODS = Counters(bad=(counter("a", 2), counter("b", 4)), total=(counter("a", 100), counter("b", 300, first=1004.0)))


def test_all_that_was_counted_after_the_first_scrape_is_there_once():
    windows = past_of(TWO_PODS, "ratio", "r", 15.0)
    assert 98 <= len(windows) <= 101
    assert not any(window.candidate for window in windows)
    assert sum(pod.total for window in windows for pod in window.stable if pod.pod == "a") == 10_000
    assert history_of(windows, "ratio").pods == 2


def test_the_past_of_a_pod_begins_with_its_second_scrape_whoever_was_there_before():
    mine, before = counter("a", 100, scrapes=3), counter("x", 900, "s", first=400.0)
    errors = Counters(bad=(counter("a", 2, scrapes=3),), total=(before, mine))
    assert past_of(errors, "ratio", "r", 15.0) == [
        Window(1015.0, (PodCount("a", 100, (2,)),), ()),
        Window(1030.0, (PodCount("a", 100, (2,)),), ()),
    ]


def test_other_revisions_are_others():
    both = Counters(total=(*TWO_PODS.total, counter("x", 900, "s")), bad=TWO_PODS.bad)
    assert past_of(both, "ratio", "r", 15.0) == past_of(TWO_PODS, "ratio", "r", 15.0)
    assert past_of(TWO_PODS, "ratio", "s", 15.0) == []
    assert past_of(Counters(), "latency", "r", 15.0) == []


def test_a_histogram_has_its_bounds():
    buckets = {0.1: (counter("a", 60),), 0.5: (counter("a", 90),), float("inf"): (counter("a", 100),)}
    windows = past_of(Counters(buckets=buckets), "latency", "r", 15.0)
    assert windows[-1].bounds == (0.1, 0.5)
    assert windows[-1].stable[0].bad == (40, 10)
    assert scrape_interval(Counters(buckets=buckets), "latency") == 15.0


def test_how_often_and_how_much_is_measured():
    assert scrape_interval(TWO_PODS, "ratio") == 15.0
    assert scrape_interval(Counters(), "ratio") == 0.0
    assert scrape_interval(Counters(total=(counter("a", 1, scrapes=1),)), "ratio") == 0.0
    assert rate_of(past_of(TWO_PODS, "ratio", "r", 15.0)) == pytest.approx(400 / 15, rel=0.02)
    assert rate_of([]) == 0.0
    seen = [Window(end, (PodCount("a", total, (0,)),), ()) for end, total in ((10.0, 999), (20.0, 50), (25.0, 40))]
    assert [rate_of(seen[:length]) for length in (1, 2, 3)] == [0.0, 50 / 10, 90 / 15]
