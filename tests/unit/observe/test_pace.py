"""Would catch scrapes that are read late, pods long gone that are waited for, and gaps that are not read."""

from itertools import pairwise
from math import inf

import pytest
from crossfade.model.evidence import Counters, Series
from crossfade.observe.pace import next_read, window_seconds
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_800_000_000.0


def scraped(pod: str, last: float, step: float = 5.0, revision: str = "a-2", count: int = 6) -> Series:
    """A pod whose last scrape was `last` seconds ago."""
    return Series(revision, pod, tuple((NOW - last - n * step, 1.0) for n in reversed(range(count))))


def wait(*series: Series, candidate: str = "a-2", interval: float = 20.0) -> float:
    """Seconds until the next reading."""
    return round(next_read({"errors": Counters(total=series)}, candidate, NOW, interval) - NOW, 3)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (1.0, 4.3),  # due in 4 s, and 0.3 s until it is in
        (4.9, 0.5),  # any moment: never sooner than half a second
        (5.5, 0.5),  # late, but not by much
        (6.0, 0.5),
        (6.4, 3.9),  # missed: the one after it
        (15.0, 0.5),
        (17.0, 3.3),
    ],
)
def test_the_next_scrape_of_the_candidate_is_waited_for(last: float, expected: float) -> None:
    assert wait(scraped("a-2-x", last)) == expected


def test_the_pod_that_is_scraped_next_sets_the_pace() -> None:
    assert wait(scraped("a-2-x", 1.0), scraped("a-2-y", 3.0)) == 2.3


def test_a_pod_that_is_gone_is_not_waited_for() -> None:
    assert wait(scraped("a-2-gone", 24.0), scraped("a-2-x", 1.0)) == 4.3


def test_stable_sets_the_pace_only_while_the_candidate_has_none() -> None:
    stable = scraped("a-1-x", 3.0, revision="a-1")
    assert wait(stable) == 2.3
    assert wait(stable, scraped("a-2-x", 1.0)) == 4.3
    assert wait(stable, scraped("a-2-x", 1.0, count=1)) == 2.3


@pytest.mark.parametrize("series", [(), (scraped("a-2-x", 1.0, count=1),), (scraped("a-2-gone", 200.0),)])
def test_without_a_pace_the_interval_is_kept(series: tuple[Series, ...]) -> None:
    assert wait(*series) == 20.0
    assert wait(*series, interval=3.0) == 3.0


def test_scrapes_that_are_rarer_than_the_interval_change_nothing() -> None:
    assert wait(scraped("a-2-x", 1.0, step=60.0), interval=5.0) == 5.0


@pytest.mark.parametrize(
    "counters",
    [
        Counters(bad=(scraped("a-2-x", 1.0),)),
        Counters(gauges=(scraped("a-2-x", 1.0),)),
        Counters(buckets={0.1: (scraped("a-2-x", 1.0),), inf: (scraped("a-2-x", 1.0),)}),
    ],
)
def test_every_kind_of_metric_sets_the_pace(counters: Counters) -> None:
    assert round(next_read({"any": counters}, "a-2", NOW, 20.0) - NOW, 3) == 4.3


@given(last=st.floats(0.0, 400.0), step=st.floats(0.1, 120.0), interval=st.floats(0.5, 300.0))
def test_it_is_never_sooner_than_half_a_second_nor_later_than_the_interval(
    last: float, step: float, interval: float
) -> None:
    assert 0.499 <= wait(scraped("a-2-x", last, step), interval=interval) <= interval + 0.001


@pytest.mark.parametrize(
    ("behind", "seconds"), [(5, 300), (240, 300), (241, 360), (600, 660), (3540, 3600), (9000, 3600)]
)
def test_the_window_reaches_back_to_what_was_not_judged(behind: float, seconds: int) -> None:
    assert window_seconds(NOW - behind, NOW) == seconds
    assert window_seconds(0.0, NOW) == 300


def test_while_a_gap_grows_the_query_changes_once_a_minute() -> None:
    windows = [window_seconds(NOW, NOW + behind) for behind in range(600)]
    assert all(0 <= later - earlier <= 60 for earlier, later in pairwise(windows))
    assert len(set(windows)) == 7
