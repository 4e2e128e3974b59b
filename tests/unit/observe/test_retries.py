"""Would catch a rest that grows without end, one that no number can hold, and a herd that rests equally long."""

import logging

import pytest
from crossfade.observe.retries import note_fault, rest_after, spread


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1), (2, 2), (9, 256), (10, 300), (100, 300), (5000, 300)])
def test_the_rest_doubles_to_five_minutes_and_stays_there_however_long_it_fails(failures: int, seconds: float) -> None:
    assert rest_after(failures) == seconds


def test_at_random_up_to_a_half_is_left_out() -> None:
    assert [spread(8.0, lambda part=part: part) for part in (0.0, 0.5, 1.0)] == [8.0, 6.0, 4.0]


def test_a_fault_is_noted_by_where_it_happened_and_not_by_what_it_says(caplog: pytest.LogCaptureFixture) -> None:
    secret = "-".join(("canary", "of", "a", "secret"))
    with pytest.raises(ValueError, match=secret) as fault:
        int(secret)
    note_fault(logging.getLogger("crossfade"), "asking", fault.value)
    assert "asking failed: ValueError at" in caplog.text
    assert "test_retries.py" in caplog.text
    assert secret not in caplog.text
