"""Would catch: a split called wrong because one arm's newest scrape has come in and the other's has not; or a cohort
proven by requests that came before its rule did."""

import pytest
from crossfade.decide.share import observe_share, observe_visits
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


def pod(name: str, *samples: tuple[float, float]) -> Series:
    """What one pod of the candidate had counted, at which second."""
    return Series("b", name, samples)


STABLE = scraped("a", 900, 12)


@pytest.mark.parametrize(
    "seen",
    [
        (),
        (pod("b-0", (1, 4), (5, 4), (9, 4)),),
        (pod("b-0", (1, 4), (5, 7), (9, 7)),),  # its first scrape after the acknowledgement shows older ones, too
        (pod("b-0", (5, 3), (6, 3), (9, 3)),),  # a server's counters appear with its first request: ours, just before
    ],
    ids=["no pod was scraped", "none came", "they came before", "the first ones came before"],
)
def test_nobody_was_seen_to_come(seen: tuple[Series, ...]) -> None:
    assert observe_visits(Counters(total=(STABLE, *seen)), "b", since=4.0, until=11.0).agrees is None


@pytest.mark.parametrize(
    ("seen", "requests"),
    [
        ((pod("b-0", (1, 4), (5, 7), (6, 8), (9, 9)),), 2),
        ((pod("b-0", (1, 4), (5, 7), (6, 2), (9, 3)),), 3),
        ((pod("b-0", (8, 3), (9, 3)),), 3),
        ((pod("b-0", (1, 4), (5, 4), (9, 4)), pod("b-1", (5, 0), (9, 1))), 1),
    ],
    ids=["one by one", "its process began anew", "a pod of later", "one of two pods"],
)
def test_who_came_is_counted_once_that_is_sure(seen: tuple[Series, ...], requests: int) -> None:
    share = observe_visits(Counters(total=(STABLE, *seen)), "b", since=4.0, until=11.0)
    assert (share.agrees, share.requests) == (True, requests)
