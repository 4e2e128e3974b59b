"""Would catch requests counted under the wrong bound, and bounds that exist for some samples only."""

from collections.abc import Sequence
from math import inf, ldexp
from random import Random

import pytest
from crossfade.decide.doubles import Owned
from crossfade.model.evidence import Series
from crossfade.observe.histograms import buckets_of
from crossfade.ports import NativeSample, RawSeries
from hypothesis import given
from hypothesis import strategies as st


def classic(pod: str, le: str | None, *counts: float, **labels: str) -> Owned:
    le_label = {} if le is None else {"le": le}
    samples = tuple((float(at), count) for at, count in enumerate(counts))
    return Owned("a-1", pod, RawSeries({**labels, **le_label}, samples))


def native(pod: str, *samples: list[tuple[float, float, float]], extra: float = 0.0) -> Owned:
    """Buckets of each sample; `extra` observations are in no bucket, as those that are no number."""
    found = tuple(
        NativeSample(float(at), sum(count for *_, count in buckets) + extra, tuple(buckets))
        for at, buckets in enumerate(samples)
    )
    return Owned("a-1", pod, RawSeries({"pod": pod}, histograms=found))


def table(*found: Owned, scale: float = 1.0, wanted: Sequence[float] = ()) -> dict[float, list[list[float]]]:
    """The values of each series by bound."""
    buckets = buckets_of(found, scale, wanted)
    assert not isinstance(buckets, str), buckets
    return {bound: [[value for _, value in one.samples] for one in series] for bound, series in buckets.items()}


def test_classic_buckets_are_ordered_by_their_bound_and_keep_every_series() -> None:
    found = [
        classic("p", "+Inf", 9, 19),
        classic("p", "0.25", 7, 15),
        classic("p", "1.0", 8, 17),
        classic("q", "0.25", 1),
        classic("q", "+Inf", 2),
    ]
    assert list(table(*found).items()) == [(0.25, [[7, 15], [1]]), (1.0, [[8, 17]]), (inf, [[9, 19], [2]])]


def test_milliseconds_become_seconds() -> None:
    assert list(table(classic("p", "250", 1), classic("p", "+Inf", 2), scale=0.001)) == [0.25, inf]


@pytest.mark.parametrize(
    ("le", "told"),
    [
        ("fast", "has a bucket le='fast', which is no number of seconds"),
        ("NaN", "has a bucket le='NaN', which is no number of seconds"),
        (None, "is no histogram: its series have no label `le`, nor are they native histograms"),
        ("0.5", 'lacks the series le="+Inf", which counts all requests; the selector must not choose among `le`'),
    ],
)
def test_what_is_no_histogram_is_refused_with_a_sentence(le: str | None, told: str) -> None:
    assert buckets_of([classic("p", le, 1.0)], 1.0) == told


def test_a_native_histogram_is_counted_up_to_each_edge() -> None:
    assert table(native("p", [(0.25, 0.5, 3), (0.5, 1.0, 2), (2.0, 4.0, 1)])) == {
        0.25: [[0]],
        0.5: [[3]],
        1.0: [[5]],
        2.0: [[5]],
        4.0: [[6]],
        inf: [[6]],
    }


def test_custom_buckets_begin_and_end_without_a_finite_edge() -> None:
    assert table(native("p", [(-inf, 0.005, 4), (0.01, 0.025, 2), (10.0, inf, 1)])) == {
        0.005: [[4]],
        0.01: [[4]],
        0.025: [[6]],
        10.0: [[6]],
        inf: [[7]],
    }


def test_what_lies_below_zero_and_around_it_lies_below_every_bound() -> None:
    assert table(native("p", [(-2.0, -1.0, 5), (-0.001, 0.001, 3), (0.5, 1.0, 2)])) == {
        0.001: [[8]],
        0.5: [[8]],
        1.0: [[10]],
        inf: [[10]],
    }


def test_observations_that_are_no_number_are_requests_beyond_every_bound() -> None:
    assert table(native("p", [(0.5, 1.0, 2)], extra=1))[inf] == [[3]]


def test_a_bound_that_one_sample_does_not_show_has_what_lies_below_it() -> None:
    found = table(
        native("p", [(0.5, 1.0, 2)], [(0.25, 0.5, 1), (0.5, 1.0, 4), (4.0, 8.0, 1)]), native("q", [(2, 4, 7)])
    )
    assert found[0.5] == [[0, 1], [0]]
    assert found[1.0] == [[2, 5], [0]]
    assert found[4.0] == [[2, 5], [7]]
    assert found[8.0] == [[2, 6], [7]]


def test_a_histogram_that_merged_its_buckets_is_read_at_the_edges_that_are_left() -> None:
    """Else an edge inside a merged bucket would seem to have fallen, which looks like a restart."""
    found = table(native("p", [(1.0, 1.5, 3), (1.5, 2.0, 4), (2.0, 3.0, 1)], [(1.0, 2.0, 8), (2.0, 4.0, 1)]))
    assert found == {1.0: [[0, 0]], 2.0: [[7, 8]], 4.0: [[8, 9]], inf: [[8, 9]]}


def test_a_bound_that_was_counted_before_is_counted_on_though_no_sample_shows_it_any_more() -> None:
    """Else a pod that restarts, with it the one slow request of an hour, would look like another histogram."""
    assert table(native("p", [(0.5, 1.0, 3)]), wanted=(0.5, 4.0))[4.0] == [[3]]
    assert table(native("p", [(500.0, 1000.0, 3)]), scale=0.001, wanted=(4.0,)) == {
        0.5: [[0]],
        1.0: [[3]],
        4.0: [[3]],
        inf: [[3]],
    }


@pytest.mark.parametrize(
    ("wanted", "counted"),
    [
        (2.0, True),
        (0.25, True),
        (2.0**0.5, False),  # this histogram's edges are an octave apart
        (0.3, False),
        (0.75, False),  # inside a bucket
    ],
)
def test_a_bound_is_wanted_in_vain_where_an_exponential_histogram_has_no_edge(wanted: float, counted: bool) -> None:
    assert (wanted in table(native("p", [(0.5, 1.0, 3)]), wanted=[wanted])) is counted


def test_of_custom_buckets_a_bound_is_counted_until_a_request_shows_that_it_is_none() -> None:
    assert table(native("p", [(0.01, 0.025, 3), (0.1, 0.25, 1)]), wanted=[0.05])[0.05] == [[3]]
    assert 0.2 not in table(native("p", [(0.01, 0.025, 3), (0.1, 0.25, 1)]), wanted=[0.2])


def test_classic_and_native_pods_are_read_side_by_side() -> None:
    found = buckets_of([classic("p", "1.0", 1), classic("p", "+Inf", 2), native("q", [(0.5, 1.0, 3)])], 1.0)
    assert not isinstance(found, str)
    assert found[1.0] == (Series("a-1", "p", ((0.0, 1),)), Series("a-1", "q", ((0.0, 3),)))


def _observed(latencies: list[float], schema: int) -> list[tuple[float, float, float]]:
    """An exponential native histogram of these, by Prometheus's definition: the upper edge is included."""
    edges = [
        ldexp(2 ** ((index % 2**schema) / 2**schema), index // 2**schema)
        for index in range(-30 * 2**schema, 12 * 2**schema)
    ]
    counts: dict[int, int] = {}
    for latency in latencies:
        place = next(i for i, edge in enumerate(edges) if latency <= edge)
        counts[place] = counts.get(place, 0) + 1
    return [(edges[i - 1], edges[i], counts[i]) for i in sorted(counts)]


@given(seed=st.integers(0, 10_000), schema=st.sampled_from([0, 1, 2, 3]), coarser=st.integers(0, 2))
def test_whatever_the_resolutions_every_bound_has_exactly_what_lies_below_it(
    seed: int, schema: int, coarser: int
) -> None:
    chance = Random(seed)
    arms = [[chance.lognormvariate(-3, 1.5) for _ in range(chance.randrange(1, 80))] for _ in range(3)]
    schemas = (schema, schema, max(schema - coarser, 0))
    found = [native(str(n), _observed(arm, of)) for n, (arm, of) in enumerate(zip(arms, schemas, strict=True))]
    for bound, counts in table(*found).items():
        assert counts == [[sum(latency <= bound for latency in arm)] for arm in arms]
