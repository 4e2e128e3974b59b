"""The sample ratio: does the candidate's share of the requests contradict the weight that was asked for?"""

from dataclasses import replace
from functools import lru_cache
from math import inf, log

from crossfade.decide.judge.kernel import log_mixed
from crossfade.decide.judge.rules import Rules
from crossfade.model.ledger import TrafficLedger, Window

_ODDS = tuple(1.15 * (30 / 1.15) ** (i / 9) for i in range(10))
THRESHOLD = 1000.0
"""Odds at which the split is not what was asked for: false alarms below 0.1 % a stage, however often one looks."""
_MOST = log(2 * len(_ODDS)) + 2 * log(THRESHOLD)
"""Where the evidence of one bet ends: a split that was wrong for hours is found right again by as much evidence as it
takes to find it wrong. Whatever is cut off such a bet, it wins no more often."""
_NOTHING = (0.0,) * (2 * len(_ODDS))
_SHARES = (1 / (2 * len(_ODDS)),) * (2 * len(_ODDS))


def fold_traffic(
    rules: Rules, ledger: TrafficLedger, weight: float, since: float, window: Window, behind: float = inf
) -> TrafficLedger:
    """The ledger after one more window. A new weight, or a new acknowledgement of it, starts afresh.

    `behind` is from when (unix s) a late pod of the window was counted: it may reach back to where the others' requests
    were not taken, and would make another split of them.
    """
    if (weight, since) != (ledger.weight, ledger.since):
        ledger = TrafficLedger(weight, since)
    began = ledger.end
    if not began or min(began, behind) < since + rules.grace or not 0 < weight < 100:
        return replace(ledger, end=window.end)
    candidate = sum([pod.total for pod in window.candidate])
    stable = sum([pod.total for pod in window.stable])
    low = weight / 100 * (1 - rules.tolerance)
    high = min(weight / 100 * (1 + rules.tolerance), 0.999)
    return replace(
        ledger,
        end=window.end,
        candidate=ledger.candidate + candidate,
        total=ledger.total + candidate + stable,
        logs=tuple(
            [
                min(one + candidate * ours + stable * theirs, _MOST)
                for one, (ours, theirs) in zip(ledger.logs or _NOTHING, _steps(low, high), strict=True)
            ]
        ),
    )


def mismatch(ledger: TrafficLedger) -> bool:
    """Whether the split contradicts the weight: a likelihood ratio over alternatives on both sides of the tolerance.

    A mixture is no more than its largest part, so that most looks need no mixing.
    """
    needed = log(THRESHOLD)
    return bool(ledger.logs) and max(ledger.logs) >= needed and log_mixed(ledger.logs, _SHARES) >= needed


@lru_cache(maxsize=256)
def _steps(low: float, high: float) -> tuple[tuple[float, float], ...]:
    """What one request of the candidate, and one of stable, adds to each log likelihood ratio.

    Against "the share is at most `high`" for shares above it, then against "at least `low`" for shares below.
    """
    alternatives = [(high, high / (1 - high) * g) for g in _ODDS] + [(low, low / (1 - low) / g) for g in _ODDS]
    shares = [(bound, odds / (1 + odds)) for bound, odds in alternatives]
    return tuple((log(share / bound), log((1 - share) / (1 - bound))) for bound, share in shares)
