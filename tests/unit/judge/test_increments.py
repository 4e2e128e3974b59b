"""Would catch: requests lost, invented or counted twice where one counter begins, falls or shows what none can."""

from math import inf

import pytest
from crossfade.decide.judge import increments
from crossfade.decide.judge.increments import MOST, Pod, increase

from tests.unit.judge.scraped import SINCE, STEP, every_step


def test_a_counter_that_falls_begins_again_at_nothing_whoever_else_counts() -> None:
    assert increase(((1.0, 5.0), (2.0, 9.0), (3.0, 4.0)), 1.0, 3.0, inf) == 4 + 4


def test_what_was_counted_up_to_the_beginning_is_not_counted_again() -> None:
    assert increase(((1.0, 0.25), (2.0, 0.5), (3.0, 4.0)), 2.0, 3.0, inf) == 3.5


def test_the_greatest_count_that_a_float_can_tell_from_the_next_one_is_a_count() -> None:
    near = ((1.0, MOST - 8), (2.0, MOST))
    assert increase(near, 1.0, 2.0, inf) == 8
    assert increase((*near, (3.0, MOST)), 2.0, 3.0, inf) == 0
    assert increase((*near, (3.0, MOST + 2)), 1.0, 3.0, inf) == 8


def test_a_process_that_starts_again_has_new_errors_even_when_they_are_more_than_before() -> None:
    """Its requests fell, at once or a scrape later than its errors were last seen; so all that it shows is new."""
    for requests in (((0.0, 100.0), (5.0, 20.0)), ((0.0, 100.0), (2.0, 110.0), (5.0, 20.0))):
        pod = Pod("p", [requests])
        pod.parts.append([((0.0, 3.0), (5.0, 9.0))])
        assert pod.counted(0.0, 5.0, inf) == (20 + requests[-2][1] - 100, [9])


def test_from_one_scrape_to_the_next_no_series_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """What each look does for each series of each pod had better cost little."""
    pod = Pod("p", [every_step(0, 10, 30, 30), every_step(MOST - 9, MOST - 5, MOST, MOST)])
    pod.parts.append([every_step(0, 0, 1, 5)])
    monkeypatch.delattr(increments, "increase")
    looks = [pod.counted(SINCE + STEP * k, SINCE + STEP * (k + 1), inf) for k in range(3)]
    assert looks == [(10 + 4, [0]), (20 + 5, [1]), (0, [4])]


@pytest.mark.parametrize("turned", [False, True])
def test_a_pod_was_scraped_whenever_one_of_its_series_was(turned: bool) -> None:
    often, once = every_step(5, 6, 7), every_step(1, 2, first=SINCE + 2)
    pod = Pod("p", [once, often] if turned else [often, once])
    assert pod.first == SINCE
    assert [pod.last_until(SINCE + at) for at in (-1, 0, 1, 2, 6, 8, 99)] == [
        -inf, *(SINCE + at for at in (0, 0, 2, 5, 7, 10))
    ]  # fmt: skip
    assert [pod.first_after(SINCE + at) for at in (-1, 0, 1, 2, 6, 8, 99)] == [
        *(SINCE + at for at in (0, 2, 2, 5, 7, 10)), inf
    ]  # fmt: skip
