"""A shock: both arms suddenly much worse than stable was, so the world changed and not the version."""

from collections.abc import Sequence
from math import exp, lgamma, log

from crossfade.decide.judge.rules import History
from crossfade.model.ledger import Calm

_IMPROBABLE = 1e-6
_JUMP = 2.0
_COOLING = 2
_ACCEPTED = 40
_ENOUGH_EXPECTED = 1.0
_REMEMBERED = 100_000


def calm_before(history: History, bounds: Sequence[float], at: int) -> Calm:
    """The memory to begin with: what history says of the watched bound, as if of 100,000 requests at most."""
    if not history.total or history.bounds != bounds:
        return Calm()
    kept = min(history.total, _REMEMBERED)
    return Calm(round(kept * history.bad[at] / history.total), kept)


def watched(calm: Calm, stable: tuple[int, int], candidate: tuple[int, int]) -> Calm:
    """The memory after one window; `stable` and `candidate` are (total, bad) of the bound that is watched.

    Shaken: stable's count is improbable (Poisson tail below 1e-6) and at least doubled against its calm rate, and the
    candidate's rate has at least doubled too. A level that lasts 40 windows is the new normal.
    """
    total, bad = stable
    expected = total * (calm.bad + 0.5) / (calm.total + 1)
    jumped = bad > _JUMP * max(expected, _ENOUGH_EXPECTED) and _tail(bad, expected) < _IMPROBABLE
    if not jumped or candidate[1] < _JUMP * candidate[0] * expected / total:
        return Calm(calm.bad + bad, calm.total + total, 0, max(calm.cooling - 1, 0))
    if calm.run + 1 >= _ACCEPTED:
        return Calm(bad, total)
    return Calm(calm.bad, calm.total, calm.run + 1, _COOLING)


def _tail(count: int, expected: float) -> float:
    """P(X >= count > expected) of a Poisson law, from above by its first term: P(X=k) * (k+1) / (k+1-expected)."""
    first = exp(count * log(expected) - expected - lgamma(count + 1))
    return first * (count + 1) / (count + 1 - expected)
