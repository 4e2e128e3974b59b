"""The likelihood ratios that all verdicts rest on. Numbers in, numbers out; cost is linear in the grid.

All of them compare exceedances (bad requests, or requests slower than a bound) out of totals. Each is an e-value: under
its null hypothesis its expectation is at most 1, for Poisson and for Bernoulli counts, whatever the stable arm's rate
does meanwhile; so a running product, a mean over a grid, a power 1/phi with phi >= 1 and a cap from above stay below
1/alpha for ever with probability 1 - alpha (Ville 1939; Ramdas, Grunwald, Vovk, Shafer, Stat. Sci. 2023).
"""

from collections.abc import Sequence
from math import exp, inf, log

GRID = tuple(1.15 * (100 / 1.15) ** (i / 19) for i in range(20))
"""How many times worse than the null hypothesis the alternatives are; geometric."""
MILDER = (0.3, 0.5, 0.7, 0.85, 1.0)
"""Ratios to stable that evidence of being good enough bets on, and below how often."""
MILDER_SHARES = (1 / 32, 1 / 32, 1 / 16, 1 / 8, 3 / 4)
"""Most on a version just like stable: what is likeliest, and slowest to prove."""
LOWER = (0.05, 0.2, 0.4, 0.5, 0.6, 0.7)
"""Fractions of a fixed bound that evidence of being below it bets on; equally often."""

_GRID_STEPS = tuple((log(g), g - 1.0) for g in GRID)
_LOG_MILDER = tuple(log(r) for r in MILDER)
_LOG_LOWER = tuple(log(g) for g in LOWER)
_HIGHEST = 1e12  # far beyond any threshold; keeps sums finite whatever comes


def worse_than_stable(
    sums: Sequence[float], mass: float, rho: float, window: tuple[int, int, int, int], phi: float, cap: float
) -> tuple[float, ...]:
    """One window against `candidate rate <= rho * stable rate`.

    `window` is (candidate total, candidate bad, stable total, stable bad); `mass` is the prior mass that starts with
    this window (restart mixture: Shin, Ramdas, Rinaldo 2023, "E-detectors", with a total mass of 1); `cap` bounds the
    logarithm of one window's ratio. The ratio is which arm an event fell on, given that it fell (Lindon, Malek 2022).
    """
    nc, ec, ns, es = window
    events = ec + es
    if events == 0:
        return tuple([s + mass for s in sums])
    x = rho * nc / (rho * nc + ns)
    found, all_found = ec / phi, events / phi
    return _bounded(
        [
            (s + mass) * exp(step if (step := found * log_g - all_found * log(1.0 + x * more)) < cap else cap)
            for s, (log_g, more) in zip(sums, _GRID_STEPS, strict=True)
        ]
    )


def above(
    sums: Sequence[float], mass: float, bound: float, total: int, bad: int, phi: float, cap: float
) -> tuple[float, ...]:
    """One window against `candidate rate <= bound`; arguments as in `worse_than_stable`."""
    found, expected = bad / phi, total * bound / phi
    return _bounded(
        [
            (s + mass) * exp(step if (step := found * log_g - expected * more) < cap else cap)
            for s, (log_g, more) in zip(sums, _GRID_STEPS, strict=True)
        ]
    )


def _bounded(sums: list[float]) -> tuple[float, ...]:
    return tuple(sums) if max(sums) < _HIGHEST else tuple([min(one, _HIGHEST) for one in sums])


def milder_than(logs: Sequence[float], rho: float, window: tuple[int, int, int, int], phi: float) -> tuple[float, ...]:
    """One window against `candidate rate >= rho * stable rate`, as logarithms by ratio of MILDER; no restarts."""
    nc, ec, ns, es = window
    events = ec + es
    if events == 0:
        return tuple(logs)
    x, log_rho = rho * nc / (rho * nc + ns), log(rho)
    found, all_found = ec / phi, events / phi
    return tuple(
        [
            one + found * (log_r - log_rho) - all_found * log(1.0 + x * (r / rho - 1.0))
            for one, r, log_r in zip(logs, MILDER, _LOG_MILDER, strict=True)
        ]
    )


def below(logs: Sequence[float], bound: float, total: int, bad: int, phi: float) -> tuple[float, ...]:
    """One window against `candidate rate >= bound`, as logarithms by fraction of LOWER."""
    found, expected = bad / phi, total * bound / phi
    return tuple(
        [one + found * log_g + expected * (1.0 - g) for one, g, log_g in zip(logs, LOWER, _LOG_LOWER, strict=True)]
    )


def mixed(sums: Sequence[float], left: float) -> float:
    """Evidence over the grid; `left` is the prior mass that has not started yet."""
    return sum(sums) / len(sums) + left


def log_mixed(logs: Sequence[float], shares: Sequence[float]) -> float:
    """Logarithm of the mixture of exp(logs) by `shares`, which sum to 1."""
    highest = max(logs) if logs else -inf
    if highest == -inf:
        return -inf
    return highest + log(sum([share * exp(one - highest) for one, share in zip(logs, shares, strict=True)]))
