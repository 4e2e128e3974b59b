"""Would catch: requests lost or invented by counter resets, late births of series, or scrape gaps."""

from crossfade.decide.counting import count, horizon
from crossfade.model.evidence import Counters, Series
from hypothesis import given
from hypothesis import strategies as st

NEVER = float("inf")


def series(*samples: tuple[float, float], revision: str = "r", pod: str = "p") -> Series:
    return Series(revision, pod, samples)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50), st.data())
def test_an_unbroken_counter_counts_every_event_once(steps: list[int], data: st.DataObject) -> None:
    values = [sum(steps[: i + 1]) for i in range(len(steps))]
    cut = data.draw(st.integers(0, len(steps) - 1))
    whole = series(*((float(t), float(v)) for t, v in enumerate(values)))
    assert count((whole,), "r", float(cut), NEVER) == values[-1] - values[cut]


@given(st.lists(st.lists(st.integers(0, 100), min_size=1, max_size=10), min_size=1, max_size=5))
def test_resets_lose_nothing_that_a_scrape_saw(lives: list[list[int]]) -> None:
    samples, t, truth = [(0.0, 0.0)], 0.0, 0
    for life in lives:
        value = 0
        for i, step in enumerate(life):
            t += 1
            seen_reset = i > 0 or value + step < samples[-1][1]
            value += step
            truth += step if seen_reset or len(samples) == 1 else max(value - int(samples[-1][1]), 0)
            samples.append((t, float(value)))
    assert count((series(*samples),), "r", 0.0, NEVER) == truth


def test_a_series_born_under_our_eyes_counts_from_zero() -> None:
    steady = series(*((float(t), 100.0 + t) for t in range(60)))
    born = series((30.5, 7.0), (31.5, 9.0))
    counters = Counters(bad=(born,), total=(steady,))
    born_after = horizon(counters)
    assert count(counters.bad, "r", 0.0, born_after) == 9
    assert count(counters.total, "r", 0.0, born_after) == 59


def test_a_series_that_was_there_before_us_is_only_a_starting_point() -> None:
    old = series((0.4, 1000.0), (1.4, 1003.0))
    steady = series(*((float(t), float(t)) for t in range(3)), pod="q")
    counters = Counters(bad=(old,), total=(steady,))
    assert horizon(counters) > 0.4
    assert count(counters.bad, "r", -1.0, horizon(counters)) == 3


def test_other_revisions_do_not_count() -> None:
    both = (series((0.0, 0.0), (1.0, 5.0), revision="a"), series((0.0, 0.0), (1.0, 7.0), revision="b"))
    assert [count(both, revision, 0.5, NEVER) for revision in ("a", "b")] == [5, 7]


def test_nothing_is_nothing() -> None:
    assert count((), "a", 0.0, horizon(Counters())) == 0
