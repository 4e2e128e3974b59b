"""Would catch a simulation whose services are not those described: then every bar is met, or missed, by a fiction."""

import numpy as np
import pytest
from crossfade.simulate.counts import Counts, Drawn
from crossfade.simulate.service import FINE, SAME, Drift, Latency, Pods, Regression, Service, Shocks
from scipy.stats import lognorm

RUNS = 400
BOTH = (("errors", "ratio"), ("latency", "latency"))


def drawn(service: Service, regression: Regression = SAME, windows: int = 1, weight: float = 10.0) -> list[Drawn]:
    counts = Counts(service, regression, BOTH, RUNS, 5, 0)  # type: ignore[arg-type]
    return [counts.window(number, np.full(RUNS, weight)) for number in range(windows)]


def share(bad: np.ndarray, total: np.ndarray) -> float:  # type: ignore[type-arg]
    return float(bad.sum() / total.sum())


def test_requests_are_split_by_weight_and_errors_follow_the_described_rate() -> None:
    (one,) = drawn(Service(rps=200, errors=0.02))
    assert one.candidate.sum() / RUNS == pytest.approx(200 * 15 * 0.1, rel=0.02)
    assert one.stable.sum() / RUNS == pytest.approx(200 * 15 * 0.9, rel=0.02)
    assert share(one.stable_bad["errors"], one.stable) == pytest.approx(0.02, rel=0.03)
    assert share(one.candidate_bad["errors"], one.candidate) == pytest.approx(0.02, rel=0.1)


def test_each_run_has_the_weight_of_its_own_stage() -> None:
    counts = Counts(Service(200), SAME, BOTH, 2, 5, 0)  # type: ignore[arg-type]
    one = counts.window(0, np.array([0.0, 50.0]))
    assert one.candidate[0].sum() == 0
    assert one.candidate[1].sum() == pytest.approx(1500, rel=0.1)


def test_a_gateway_that_applies_half_of_the_weight_sends_half() -> None:
    (one,) = drawn(Service(200, applied=0.5))
    assert one.candidate.sum() / (one.candidate.sum() + one.stable.sum()) == pytest.approx(0.05, rel=0.03)


def test_a_regression_touches_the_candidate_alone_and_only_from_its_onset_on() -> None:
    before, after = drawn(Service(200), Regression(errors=5, onset=15), windows=2)
    assert share(before.candidate_bad["errors"], before.candidate) == pytest.approx(0.01, rel=0.15)
    assert share(after.candidate_bad["errors"], after.candidate) == pytest.approx(0.05, rel=0.05)
    assert share(after.stable_bad["errors"], after.stable) == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("slower", [1.0, 1.25])
def test_latencies_are_lognormal_and_a_slower_version_moves_all_of_them(slower: float) -> None:
    (one,) = drawn(Service(200, latency=Latency(bounds=FINE)), Regression(latency=slower))
    expected = lognorm(0.6, scale=0.08 * slower).sf(np.array(FINE))
    found = one.candidate_bad["latency"].sum(axis=(0, 1)) / one.candidate.sum()
    assert found == pytest.approx(expected, abs=0.005)
    assert (np.diff(one.candidate_bad["latency"], axis=2) <= 0).all(), "who is beyond a bound is beyond all before it"


def test_noise_has_the_described_variance_between_pods_and_lasts() -> None:
    first, second = drawn(Service(20_000, 0.05, pods=Pods(cv=0.5, lasts=60)), windows=2)
    rates = [(one.stable_bad["errors"][:, :, 0] / one.stable).ravel() for one in (first, second)]
    assert np.std(rates[0]) / np.mean(rates[0]) == pytest.approx(0.5, rel=0.08)
    assert np.corrcoef(rates[0], rates[1])[0, 1] == pytest.approx(1 - 15 / 60, abs=0.06)


def test_without_noise_pods_differ_by_chance_alone() -> None:
    (one,) = drawn(Service(2000, 0.05))
    bad, mean = one.stable_bad["errors"][:, :, 0], one.stable * 0.05
    assert ((bad - mean) ** 2 / (mean * 0.95)).mean() == pytest.approx(1, abs=0.1)


def test_shocks_hit_both_arms_alike_and_as_often_and_long_as_described() -> None:
    windows = drawn(Service(500, shocks=Shocks(an_hour=2, factor=20, lasts=60)), windows=160, weight=50)
    shaken = np.array([one.errors > 0.1 for one in windows])
    assert shaken.mean() == pytest.approx(2 * 60 / 3600, rel=0.15)
    one = windows[80]
    for bad, total in ((one.stable_bad, one.stable), (one.candidate_bad, one.candidate)):
        assert share(bad["errors"][shaken[80]], total[shaken[80]]) == pytest.approx(0.2, rel=0.05)


def test_drift_is_a_wave_in_errors_and_the_other_way_round_in_requests() -> None:
    windows = drawn(Service(2000, drift=Drift(0.5, period=600)), windows=40)
    errors = np.array([one.errors for one in windows])
    assert errors.min() == pytest.approx(0.005, rel=0.02)
    assert errors.max() == pytest.approx(0.015, rel=0.02)
    requests = np.array([(one.stable.sum(1) + one.candidate.sum(1)) for one in windows])
    assert np.corrcoef(errors.ravel(), requests.ravel())[0, 1] < -0.99
