"""Would catch two ModelSources that write a Rollout under one name, and a name that the API server does not take."""

from crossfade.decide.moving import manager
from hypothesis import given
from hypothesis import strategies as st


@given(st.text("abc-", min_size=1, max_size=253), st.text("abc-", min_size=1, max_size=253))
def test_a_source_writes_under_a_name_of_its_own_that_the_api_server_takes(one: str, other: str) -> None:
    names = [manager(f"{'x' * 100}{source}"[:253]) for source in (one, other)]
    assert all(len(name) <= 128 for name in names)
    assert (names[0] == names[1]) == (one[:153] == other[:153])
