"""Draws what the pods of many rollouts count between two scrapes, one window of all of them at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import erfc, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from crossfade.decide.judge.rules import Kind
from crossfade.model.ledger import PodCount
from crossfade.simulate.service import Regression, Service

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bad = dict[str, Ints]
"""By metric: (run, pod, bound) how many requests were bad, or slower than the bound."""


def generator(seed: int, *path: int) -> np.random.Generator:
    """Random numbers that depend on the seed and on what they are for, never on who else draws."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=path))


class Arm:
    """The pods of one arm in `runs` rollouts, each with a factor of its own on its rate of errors."""

    def __init__(self, service: Service, runs: int, pods: int, rng: np.random.Generator) -> None:
        """Every pod starts somewhere in its noise's law."""
        self._service, self._rng = service, rng
        self._factors = self._noise((runs, pods))

    def counts(
        self, requests: Floats, errors: Floats, kinds: Sequence[tuple[str, Kind]], slower: float
    ) -> tuple[Ints, Bad]:
        """(requests, bad ones by metric) of each run and pod, for so many requests expected of an arm in each run."""
        pods = self._factors.shape[1]
        total = self._rng.poisson(np.repeat(requests[:, None] / pods, pods, axis=1))
        share = np.minimum(errors[:, None] * self._factors, 1.0)
        bad: Bad = {}
        for name, kind in kinds:
            if kind == "ratio":
                bad[name] = self._rng.binomial(total, share)[:, :, None]
            elif kind == "latency":
                bad[name] = self._slow(total, slower)
        self._wander()
        return total, bad

    def _slow(self, total: Ints, slower: float) -> Ints:
        """How many were slower than each bound: of those beyond one bound a share is beyond the next."""
        latency = self._service.latency
        tails = [1.0, *(_normal_tail(log(b / (latency.median * slower)) / latency.sigma) for b in latency.bounds)]
        left, found = total, []
        for before, after in pairwise(tails):
            left = self._rng.binomial(left, after / before if before > 0 else 0.0)
            found.append(left)
        return np.stack(found, axis=2)

    def _wander(self) -> None:
        pods = self._service.pods
        if pods.cv > 0:
            moved = self._rng.random(self._factors.shape) < self._service.step / pods.lasts
            self._factors = np.where(moved, self._noise(self._factors.shape), self._factors)

    def _noise(self, shape: tuple[int, ...]) -> Floats:
        """Gamma with mean 1 and the service's coefficient of variation."""
        cv = self._service.pods.cv
        return self._rng.gamma(1 / cv**2, cv**2, shape) if cv > 0 else np.ones(shape)


class World:
    """What both arms of `runs` rollouts share: the time of day, and shocks."""

    def __init__(self, service: Service, runs: int, rng: np.random.Generator) -> None:
        """Every run starts at an hour of its own."""
        self._service, self._rng = service, rng
        self._phase = rng.uniform(0, 2 * pi, runs)
        self._shaken_until = np.zeros(runs)

    def at(self, start: float) -> tuple[Floats, Floats]:
        """(requests a second, share of bad ones) of each run in the window that starts then."""
        drift, shocks, step = self._service.drift, self._service.shocks, self._service.step
        wave = drift.amplitude * np.sin(2 * pi * start / drift.period + self._phase)
        if shocks.an_hour:
            begins = self._rng.random(len(self._phase)) < shocks.an_hour * step / 3600
            self._shaken_until = np.where(begins, start + shocks.lasts, self._shaken_until)
        factor = np.where(self._shaken_until > start, shocks.factor, 1.0)
        return self._service.rps * (1 - wave), self._service.errors * (1 + wave) * factor


class Counts:
    """Both arms of `runs` rollouts, window after window."""

    def __init__(
        self, service: Service, regression: Regression, kinds: Sequence[tuple[str, Kind]], runs: int, seed: int, at: int
    ) -> None:
        """`at` numbers the block of runs: its numbers are its own."""
        self._service, self._regression, self._kinds = service, regression, kinds
        self._world = World(service, runs, generator(seed, at, 0))
        self._stable = Arm(service, runs, service.pods.stable, generator(seed, at, 1))
        self._candidate = Arm(service, runs, service.pods.candidate, generator(seed, at, 2))

    def window(self, number: int, weights: Floats) -> "Drawn":
        """What is counted in window 0, 1, ... at these percents."""
        start = number * self._service.step
        rps, errors = self._world.at(start)
        share = weights / 100 * self._service.applied
        begun = start >= self._regression.onset
        slower, ratio = (self._regression.latency, self._regression.errors) if begun else (1.0, 1.0)
        requests = rps * self._service.step
        stable = self._stable.counts(requests * (1 - share), errors, self._kinds, 1.0)
        candidate = self._candidate.counts(requests * share, errors * ratio, self._kinds, slower)
        return Drawn(*stable, *candidate, errors)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One window of all runs: requests by (run, pod), bad ones by metric, and the rate of errors at its time."""

    stable: Ints
    stable_bad: Bad
    candidate: Ints
    candidate_bad: Bad
    errors: Floats


def pods_of(arm: str, totals: Sequence[int], bad: Sequence[Sequence[int]]) -> tuple[PodCount, ...]:
    """One arm's pods in one window of one run, as the judge reads them."""
    each = enumerate(zip(totals, bad, strict=True))
    return tuple([PodCount(f"{arm}-{i}", total, tuple(beyond)) for i, (total, beyond) in each])


def _normal_tail(z: float) -> float:
    return erfc(z / sqrt(2)) / 2
