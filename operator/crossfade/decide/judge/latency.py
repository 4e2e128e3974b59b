"""From a histogram to bounds worth watching and what a margin of time means at each."""

from bisect import bisect_left
from collections.abc import Sequence
from math import exp, log

LEAST_TAIL = 0.002
"""Stable share beyond a bound below which it says too little."""
MOST_TAIL = 0.6
"""Above which a slowdown hardly shows."""
_MOST_BOUNDS = 8
_ENOUGH_REQUESTS = 200


def chosen_bounds(bounds: Sequence[float], beyond: Sequence[int], total: int) -> tuple[int, ...]:
    """Indices of the bounds to watch, given how many of `total` stable requests went beyond each; none before 200.

    At most eight, evenly spread over those whose tail is between 0.2 % and 60 %. Never the lowest bound: how requests
    lie below it is unknown, so no margin of time can be told there.
    """
    if total < _ENOUGH_REQUESTS:
        return ()
    fit = [j for j in range(1, len(bounds)) if LEAST_TAIL <= beyond[j] / total <= MOST_TAIL]
    if len(fit) <= _MOST_BOUNDS:
        return tuple(fit)
    last = len(fit) - 1
    return tuple(fit[round(i * last / (_MOST_BOUNDS - 1))] for i in range(_MOST_BOUNDS))


def tail_margins(
    bounds: Sequence[float], beyond: Sequence[float], total: int, used: Sequence[int], slower: float
) -> tuple[float, ...]:
    """How many times more requests go beyond each used bound when all become `slower` times as slow.

    S(b / slower) / S(b), with S between two bounds interpolated on logarithms of both; at least 1.
    """
    return tuple(
        max(1.0, _tail(bounds, beyond, total, bounds[j] / slower) / max(beyond[j] / total, 1e-12)) for j in used
    )


def _tail(bounds: Sequence[float], beyond: Sequence[float], total: int, at: float) -> float:
    right = bisect_left(bounds, at)
    s_left = 1.0 if right == 0 else beyond[right - 1] / total
    if right == len(bounds):
        return s_left
    s_right = beyond[right] / total
    if bounds[right] == at:
        return s_right
    if right == 0 or bounds[right - 1] <= 0.0 or not 0.0 < s_right <= s_left:
        return s_left
    share = log(at / bounds[right - 1]) / log(bounds[right] / bounds[right - 1])
    return exp(log(s_left) + share * (log(s_right) - log(s_left)))
