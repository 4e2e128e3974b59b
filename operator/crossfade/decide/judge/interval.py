"""An interval for the ratio of the candidate's rate to stable's that holds at every look, for people to read."""

from collections.abc import Sequence
from math import exp, inf, log, sqrt

from crossfade.decide.judge.kernel import GRID
from crossfade.model.ledger import Stratum

_FURTHEST = log(1e4)
_EXACT = 1e-3
_TRIES = 60
_PRICE = 2.0
"""What betting on many ratios costs: about minus the evidence against a true ratio."""
_LOGS = {1: tuple(log(g) for g in GRID), -1: tuple(-log(g) for g in GRID)}
_EXCESS = {1: tuple(g - 1.0 for g in GRID), -1: tuple(1.0 / g - 1.0 for g in GRID)}
"""Of the ratios bet on, by side: their logarithms, and by how much they are above 1."""

_Event = tuple[int, float, int, float]


def ratio_interval(strata: Sequence[Stratum], at: int, confidence: float) -> tuple[float, float]:
    """(low, high): all ratios that neither one-sided test at (1 - confidence) / 2 refuses. (0, inf) for no events.

    `at` is the used bound. A confidence sequence by inverting e-processes (Howard, Ramdas, McAuliffe, Sekhon 2021,
    Ann. Stat. 49:1055); the windows of one stage are pooled, in which the arms' volumes keep one ratio. An end is
    exact to 0.2 % of itself, to the outside.
    """
    needed = log(2 / (1 - confidence))
    events = [(s.candidate_total, s.candidate[at], s.stable_total, s.stable[at]) for s in strata if s.candidate]
    candidate, stable = sum(event[1] for event in events), sum(event[3] for event in events)
    if candidate + stable == 0:
        return 0.0, inf
    middle = _estimate(events)
    reach = sqrt(2 * (needed + _PRICE) * (1 / (candidate + 0.5) + 1 / (stable + 0.5)))
    # the largest bet wins no more than this an event: no ratio is too small when the candidate had hardly any
    most = _LOGS[1][-1]
    low = exp(_edge(events, needed, 1, middle, reach)) if candidate * most >= needed else 0.0
    high = exp(_edge(events, needed, -1, middle, reach)) if stable * most >= needed else inf
    return low, high


def _estimate(events: Sequence[_Event]) -> float:
    """Logarithm of the ratio of Mantel and Haenszel, half an event added to each arm."""
    above, below = 0.0, 0.0
    for nc, ec, ns, es in events:
        above += ec * ns / (nc + ns)
        below += es * nc / (nc + ns)
    nc, ns = sum(event[0] for event in events), sum(event[2] for event in events)
    return log((above + 0.5 * ns / (nc + ns) + 1e-9) / (below + 0.5 * nc / (nc + ns) + 1e-9))


def _edge(events: Sequence[_Event], needed: float, side: int, middle: float, reach: float) -> float:
    """The logarithm of the ratio at which the evidence against it is `needed`, from the refused side; infinite if none.

    Secants on the root of the evidence, which is nearly a line, kept within what is known to be refused and allowed;
    halving where they would leave it.
    """
    refused, allowed = -side * _FURTHEST, side * _FURTHEST
    goal = sqrt(needed + _PRICE)
    last, height, at = middle, -goal, middle - side * reach
    for _ in range(_TRIES):
        if not min(refused, allowed) < at < max(refused, allowed):
            at = (refused + allowed) / 2
        found = _evidence(events, at, side)
        before, last, from_height, height = last, at, height, sqrt(max(found + _PRICE, 0.0)) - goal
        slope = (height - from_height) / (last - before) if last != before else 0.0
        ahead = height / slope if slope else inf
        if found >= needed:
            refused = at
            if abs(ahead) <= _EXACT:
                break
        else:
            allowed = at
        if abs(refused - allowed) <= _EXACT:
            break
        # a little further out than the secant says, for the end is taken from the refused side
        at = last - ahead - side * _EXACT / 3
    return refused if refused != -side * _FURTHEST else -side * inf


def _evidence(events: Sequence[_Event], log_rho: float, side: int) -> float:
    """log odds against "the ratio is at most rho" (side 1) or "at least rho" (side -1)."""
    rho = exp(log_rho)
    shares = [(ec + es, rho * nc / (rho * nc + ns)) for nc, ec, ns, es in events]
    candidate = sum(event[1] for event in events)
    logs = [candidate * log_g for log_g in _LOGS[side]]
    for count, x in shares:
        logs = [one - count * log(1.0 + x * excess) for one, excess in zip(logs, _EXCESS[side], strict=True)]
    highest = max(logs)
    return highest + log(sum([exp(one - highest) for one in logs]) / len(logs))
