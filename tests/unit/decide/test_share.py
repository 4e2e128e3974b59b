"""Would catch: a split called wrong because one arm's newest scrape has come in and the other's has not."""

import pytest
from crossfade.decide.share import observe_share
from crossfade.model.evidence import Counters, Series


def scraped(revision: str, rate: float, scrapes: int, offset: float = 0.0) -> Series:
    """One pod, scraped each second from 0 on, `offset` seconds late."""
    return Series(revision, f"{revision}-0", tuple((at + offset, rate * at) for at in range(scrapes)))


@pytest.mark.parametrize(("stable", "candidate"), [(10, 10), (11, 10), (10, 11), (11, 8)])
@pytest.mark.parametrize("offset", [0.0, 0.4])
def test_a_scrape_that_is_still_to_come_is_no_other_split(stable: int, candidate: int, offset: float) -> None:
    read = Counters(total=(scraped("a", 900, stable), scraped("b", 100, candidate, offset)))
    share = observe_share(read, "a", "b", 10, since=2.0, until=11.0)
    assert share.agrees is True
    assert share.observed == pytest.approx(0.1)


def test_another_split_is_one_whichever_scrape_is_missing() -> None:
    read = Counters(total=(scraped("a", 700, 11), scraped("b", 300, 10)))
    assert observe_share(read, "a", "b", 10, since=2.0, until=11.0).agrees is False


def test_an_arm_that_was_never_scraped_is_counted_as_nothing() -> None:
    read = Counters(total=(scraped("a", 900, 11),))
    assert observe_share(read, "a", "b", 10, since=2.0, until=11.0).observed == 0
