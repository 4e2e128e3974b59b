"""Does the traffic really split as the route says? Counted from the pods' own series, whatever the gateway reports."""

from dataclasses import dataclass
from math import sqrt

from crossfade.decide.counting import all_requests, arrivals, count, horizon, newest, spacing
from crossfade.model.evidence import Counters

_Z = 3.29  # two-sided 99.9 %
_EXPECTED = 10  # requests that the smaller arm should have had before the split says anything
_LOOKBACKS = (3, 5, 10, 20, 40, 80, 160, 300)  # in scrapes: the newest that is large enough is asked
_TOLERANCE = 0.2  # relative; scrapes of two pods are up to one spacing apart, so exact agreement is not to be had


@dataclass(frozen=True, slots=True)
class Share:
    """Observed share of the candidate. `agrees` is None while too few requests were seen to say."""

    agrees: bool | None
    observed: float | None
    requests: int
    seconds: float


UNSEEN = Share(None, None, 0, 0.0)
"""Nothing can be said of it."""


def observe_share(
    counters: Counters,
    stable: str,
    candidate: str,
    percent: float,
    since: float,
    until: float,
    tolerance: float = _TOLERANCE,
) -> Share:
    """Compare the candidate's share after `since` with `percent`, over the shortest recent window that can tell.

    The candidate's Wilson interval (Wilson 1927, JASA 22:209) at 99.9 % must contain the asked share, or the observed
    share lie within 20 %, or another `tolerance`, of it. Both arms are counted up to where both were scraped: a scrape
    of which one arm has come in and the other has not would look like another split. Cost: linear in the samples, times
    at most eight windows.
    """
    step, born = spacing(counters), horizon(counters)
    until = min(until, *(newest(all_requests(counters), name) for name in (stable, candidate)))
    target = percent / 100
    requests, window = 0, until - since
    for scrapes in _LOOKBACKS:
        start = max(until - scrapes * step, since)
        window = until - start
        arm = {name: count(all_requests(counters), name, start, born, until) for name in (stable, candidate)}
        requests = sum(arm.values())
        if requests * min(target, 1 - target) >= _EXPECTED:
            return Share(
                _agrees(arm[candidate], requests, target, tolerance), arm[candidate] / requests, requests, window
            )
        if start <= since:
            break
    return Share(None, None, requests, window)


def observe_visits(counters: Counters, candidate: str, since: float, until: float) -> Share:
    """Whether anybody came to the candidate after `since`, where nobody knows how many should: one is enough."""
    requests = arrivals(counters, candidate, since)
    return Share(True if requests else None, None, requests, until - since)


def _agrees(candidate: int, requests: int, target: float, tolerance: float) -> bool:
    low, high = wilson(candidate, requests)
    return low <= target <= high or abs(candidate / requests - target) <= tolerance * target


def wilson(hits: int, n: int, z: float = _Z) -> tuple[float, float]:
    """Score interval of a binomial share; `n` at least 1."""
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
