"""How much more than Poisson a service's pods differ from each other, from windows of stable alone."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import sqrt

from crossfade.decide.judge.latency import chosen_bounds
from crossfade.decide.judge.rules import History, Kind
from crossfade.decide.judge.weigh import RATIO_BOUND
from crossfade.model.ledger import Window

LEAST_PODS = 2
LEAST_WINDOWS = 40
"""Below these nothing is known of the noise between pods."""
LEVELS = (1, 4, 20)
"""How many windows are added up: noise that lasts shows only in sums."""
_LEAST_BLOCKS = 10
_SAFETY = 1.3
_SURE = 2.0


def known(history: History) -> bool:
    """Whether there was enough to tell the noise between pods; else `kappa` is 0 because nothing is known."""
    return history.pods >= LEAST_PODS and history.windows >= LEAST_WINDOWS


def history_of(windows: Sequence[Window], kind: Kind) -> History:
    """Rates and `kappa` of stable in these windows, oldest first. Windows with other buckets than the last's are left.

    kappa = 1.3 * max over levels of a * kappa_a, of those estimates that are two standard errors above nothing: the
    largest of several noisy estimates would find noise in every service, and slow down every rollout.
    """
    seen = _like_the_last([window for window in windows if any(pod.total for pod in window.stable)])
    if kind == "gauge" or not seen:
        return History()
    bounds = seen[-1].bounds or RATIO_BOUND
    total = sum(pod.total for window in seen for pod in window.stable)
    bad = tuple(sum(min(p.bad[j], p.total) for w in seen for p in w.stable) for j in range(len(bounds)))
    pods = max(sum(pod.total > 0 for pod in window.stable) for window in seen)
    history = History(0.0, bounds, bad, total, 1.0, pods, len(seen))
    if not known(history):
        return history
    kappa = max((a * one.kappa for a, one in _estimates(seen, history, kind)), default=0.0)
    return History(_SAFETY * kappa, bounds, bad, total, 1.0, pods, len(seen))


def constant_phi(windows: Sequence[Window], history: History, kind: Kind) -> float:
    """Variance over mean as one number for all counts: max over levels of Pearson's statistic * (1 + its error).

    `history` is of these windows. Slower than `kappa`, and safer when single pods go wild (research on moderate to
    extreme noise, statistics 2a).
    """
    if not known(history):
        return 1.0
    seen = _like_the_last([window for window in windows if any(pod.total for pod in window.stable)])
    return max([1.0, *(one.pearson for _, one in _estimates(seen, history, kind))])


@dataclass(frozen=True, slots=True)
class _Estimate:
    """What one level of sums says of one bound. `kappa` is 0 unless it is two standard errors above that."""

    kappa: float
    pearson: float


def _estimates(windows: Sequence[Window], history: History, kind: Kind) -> Iterator[tuple[int, _Estimate]]:
    used = chosen_bounds(history.bounds, history.bad, history.total) if kind == "latency" else (0,)
    for a in LEVELS:
        blocks = list(_blocks(windows, a))
        for j in used if len(blocks) >= _LEAST_BLOCKS else ():
            yield a, _estimate([[(total, min(bad[j], total)) for total, bad in block] for block in blocks])


def _estimate(blocks: Sequence[Sequence[tuple[int, int]]]) -> _Estimate:
    """kappa = sum[(e - mu)^2 - mu (1 - h)] / sum m (m - 1) h^2 (1 - 2h + sum h^2), over pods with h of the requests.

    `blocks` hold (requests, bad ones) of each pod; mu = m h are those of the block's m bad ones that are expected of
    a pod, which takes shared shocks out. With equal pods h = 1/P and the brackets are 1 - 1/P (statistics 2a, where
    mu^2 stands for m (m - 1) h^2, which hides most of the noise while bad requests are few).
    """
    above = scale = variance = pearson = 0.0
    freedom = 0
    for pods in blocks:
        total, bad = sum(n for n, _ in pods), sum(e for _, e in pods)
        if len(pods) < LEAST_PODS or not bad:
            continue
        rate, even = bad / total, sum((n / total) ** 2 for n, _ in pods)
        freedom += len(pods) - 1
        for n, e in pods:
            mu, h = n * rate, n / total
            above += (e - mu) ** 2 - mu * (1 - h)
            pairs = bad * (bad - 1) * h * h
            scale += pairs * (1 - 2 * h + even)
            variance += 2 * pairs * (1 - h) ** 2 * len(pods) / (len(pods) - 1)
            pearson += (e - mu) ** 2 / mu
    if not scale:
        return _Estimate(0.0, 1.0)
    kappa = above / scale if above > _SURE * sqrt(variance) else 0.0
    return _Estimate(kappa, pearson / freedom * (1 + sqrt(2 / freedom)))


def _blocks(windows: Sequence[Window], size: int) -> Iterator[list[tuple[int, tuple[int, ...]]]]:
    """(all, bad ones by bound) of each pod over so many windows; pods without requests, and a last block that is not
    full, left out."""
    rest = iter(windows)
    while len(block := list(islice(rest, size))) == size:
        totals: dict[str, int] = defaultdict(int)
        bad: dict[str, tuple[int, ...]] = {}
        for pod in (pod for window in block for pod in window.stable):
            totals[pod.pod] += pod.total
            before = bad.get(pod.pod, (0,) * len(pod.bad))
            bad[pod.pod] = tuple(a + b for a, b in zip(before, pod.bad, strict=True))
        yield [(total, bad[pod]) for pod, total in totals.items() if total]


def _like_the_last(windows: Sequence[Window]) -> list[Window]:
    return [window for window in windows if window.bounds == windows[-1].bounds]
