"""Would catch noise between pods that the judge is not told of, and noise that it is told of and is not there."""

from dataclasses import replace

import numpy as np
import pytest
from crossfade.api.v1alpha1.analysis import Analysis
from crossfade.decide.judge.dispersion import constant_phi, history_of, known
from crossfade.decide.judge.engine import fold
from crossfade.decide.judge.pace import Flow, windows_to_catch
from crossfade.decide.judge.replay import with_histories
from crossfade.decide.judge.rules import History, Kind, rules_of
from crossfade.decide.judge.weigh import dispersion
from crossfade.model.ledger import MetricLedger, PodCount, Window
from scipy import stats

HISTORY = 2000
"""Windows of 15 s: eight hours."""


def windows_of(
    base: float, requests: float, pods: int, cv: float = 0.0, lasts: int = 1, length: int = HISTORY, seed: int = 1
):
    """Stable alone: each pod gets so many requests a window, its error rate wanders with this CV."""
    rng = np.random.default_rng(seed)
    total = rng.poisson(requests, (length, pods))
    noise = np.ones((length, pods))
    if cv:
        fresh = rng.gamma(1 / cv**2, cv**2, (length, pods))
        starts = rng.random((length, pods)) < 1 / lasts
        starts[0] = True
        rows = np.maximum.accumulate(np.where(starts, np.arange(length)[:, None], 0), axis=0)
        noise = np.take_along_axis(fresh, rows, axis=0)
    bad = rng.binomial(total, np.minimum(base * noise, 1.0))
    return [
        Window(15.0 * (k + 1), tuple(PodCount(f"p{i}", int(total[k, i]), (int(bad[k, i]),)) for i in range(pods)), ())
        for k in range(length)
    ]


def constant(windows: list[Window], kind: Kind = "ratio") -> float:
    return constant_phi(windows, history_of(windows, kind), kind)


@pytest.mark.parametrize(("cv", "kappa"), [(0.3, 0.09), (0.5, 0.25), (1.0, 1.0)])
def test_the_variance_that_pods_have_is_found_and_a_third_added_for_safety(cv: float, kappa: float):
    # Noise that is new in each window: a * kappa_a is the same at every level, but for chance.
    found = history_of(windows_of(0.01, 250, 4, cv=cv), "ratio").kappa
    assert 1.1 * kappa / (1 + kappa / 4) < found < 2.0 * kappa


def test_noise_that_lasts_counts_more_for_a_rollout_sees_it_as_a_regression():
    short = history_of(windows_of(0.01, 250, 4, cv=0.5, lasts=1), "ratio").kappa
    assert history_of(windows_of(0.01, 250, 4, cv=0.5, lasts=20), "ratio").kappa > 5 * short


UNEVEN = Window(1.0, (PodCount("a", 100, (14,)), PodCount("b", 100, (6,))), ())
"""Two pods with 14 and 6 of 20 bad requests: mu 10, h 1/2."""


@pytest.mark.parametrize(("windows", "level", "above"), [(400, 20, 6400 - 100), (200, 20, 6400 - 100), (199, 4, 236)])
def test_the_figure_of_one_level_is_that_of_the_textbook(windows: int, level: int, above: float):
    # At level 1 (16 - 5) / (20 * 19 / 8) = 0.232, at level 4 (256 - 20) / (80 * 79 / 8), and most at level 20, of which
    # a window has 80^2 = 6400 instead of 100: (6400 - 100) / (400 * 399 / 8) = 0.316; with less than ten of them the
    # level says nothing.
    history = history_of([replace(UNEVEN, end=float(k)) for k in range(windows)], "ratio")
    bad = 20 * level
    assert history.kappa == pytest.approx(1.3 * level * above / (bad * (bad - 1) / 8))


def test_windows_without_a_bad_request_say_nothing_whenever_they_are():
    calm = Window(0.0, (PodCount("a", 100, (0,)), PodCount("b", 100, (0,))), ())
    uneven = [UNEVEN] * 400
    assert history_of([*[calm] * 40, *uneven], "ratio").kappa == history_of(uneven, "ratio").kappa
    assert history_of([*uneven, *[calm] * 40], "ratio").kappa == history_of(uneven, "ratio").kappa


@pytest.mark.parametrize(("uneven", "found"), [(25, 0.0), (26, 1.3 * 300 / (50 * 870 * 2 / 9))])
def test_only_what_is_two_standard_errors_above_chance_is_noise(uneven: int, found: float):
    """Thirty bad requests a window of three equal pods: by chance the sum of (e - 10)^2 has mean 20 and, as that of a
    multinomial law, variance 2 * 30 * 29 * 2 / 9. Uneven windows have 50; (50 * 26 - 1000) is above 2 * 139, one less
    is not."""

    def window(*bad: int) -> Window:
        return Window(1.0, tuple(PodCount(f"p{i}", 1000, (one,)) for i, one in enumerate(bad)), ())

    seen = [window(15, 5, 10) if k % 2 else window(5, 15, 10) for k in range(uneven)]
    assert history_of(seen + [window(10, 10, 10)] * (50 - uneven), "ratio").kappa == pytest.approx(found)


def test_a_service_that_never_fails_or_whose_bounds_say_nothing_has_no_noise():
    calm = Window(0.0, (PodCount("a", 100, (0,)), PodCount("b", 100, (0,))), ())
    blind = Window(0.0, (PodCount("a", 100, (90, 80)), PodCount("b", 100, (90, 70))), (), (0.1, 0.5))
    for one, kind in ((calm, "ratio"), (blind, "latency")):
        assert history_of([one] * 60, kind).kappa == 0.0
        assert constant([one] * 60, kind) == 1.0
    assert constant([calm], "ratio") == 1.0


def test_the_constant_is_pearsons_statistic_a_degree_of_freedom_and_its_error():
    """Of sums of twenty windows, for there it is largest; by scipy."""
    one, two = (PodCount("a", 100, (14,)), PodCount("b", 300, (6,)), PodCount("c", 200, (10,))), UNEVEN.stable
    expected = [20 * 30 * share for share in (1 / 6, 3 / 6, 2 / 6)], [200.0, 200.0]
    found = stats.chisquare([280, 120, 200], expected[0])[0] * 10 + stats.chisquare([280, 120], expected[1])[0] * 10
    freedom = 10 * 2 + 10 * 1
    seen = [Window(1.0, one, ())] * 200 + [Window(1.0, two, ())] * 200
    assert constant(seen) == pytest.approx(found / freedom * (1 + (2 / freedom) ** 0.5))


@pytest.mark.parametrize("requests", [20, 100, 1000])
def test_noise_is_found_however_few_bad_requests_there_are(requests: float):
    found = history_of(windows_of(0.01, requests, 3, cv=1.0, length=4000), "ratio").kappa
    assert 0.75 < found < 2.5


def test_a_shock_that_hits_all_pods_alike_is_no_noise_between_them():
    shaken = [
        replace(w, stable=tuple(replace(p, bad=(min(p.bad[0] * 8, p.total),)) for p in w.stable)) if k % 300 < 8 else w
        for k, w in enumerate(windows_of(0.2, 2000, 3))
    ]
    assert history_of(shaken, "ratio").kappa < 0.05


@pytest.mark.parametrize(
    ("base", "requests", "pods"), [(0.01, 250, 3), (0.001, 250, 3), (0.05, 600, 5), (0.0001, 500, 2)]
)
def test_a_history_without_noise_slows_nothing_down(base: float, requests: float, pods: int):
    rules = rules_of(
        Analysis.model_validate(
            {
                "metrics": [
                    {"name": "e", "template": "mlserver/errors", "objective": {"relative": {"rollbackAbove": 10}}}
                ]
            }
        ),
        [],
        15,
        {"e": "ratio"},
    )
    reference = Flow(75, 675, 1)  # 50 requests/s, 10 % of them the candidate's
    for seed in range(5):
        kappa = history_of(windows_of(base, requests, pods, length=1440, seed=seed), "ratio").kappa
        told = with_histories(rules, {"e": History(kappa, (0.0,), (10_000,), 1_000_000, 1.0, pods, 1440)})
        median = windows_to_catch(told, told.metrics[0], reference, 5.0, 0.0, 1000)
        assert median is not None
        assert kappa * base < 0.01
        if base >= 0.01:
            assert median * 15 <= 90


def test_chance_is_not_taken_for_noise():
    # Of three estimates the largest is nearly always above zero; what is within two standard errors does not count.
    found = [history_of(windows_of(0.01, 250, 3, length=1000, seed=seed), "ratio").kappa for seed in range(10)]
    assert sum(kappa == 0 for kappa in found) >= 8


@pytest.mark.parametrize(("pods", "length"), [(1, 500), (3, 39)])
def test_of_one_pod_or_a_few_scrapes_nothing_is_known(pods: int, length: int):
    history = history_of(windows_of(0.01, 250, pods, cv=2.0, length=length), "ratio")
    assert not known(history)
    assert history.kappa == 0
    assert history.total > 0
    assert constant(windows_of(0.01, 250, pods, cv=2.0, length=length)) == 1.0


def test_two_pods_and_forty_scrapes_are_enough_to_know():
    assert [known(History(pods=pods, windows=seen)) for pods, seen in ((2, 40), (1, 40), (2, 39))] == [
        True,
        False,
        False,
    ]


def test_one_scrape_is_counted_though_nothing_follows_from_it():
    assert history_of([UNEVEN], "ratio") == History(0.0, (0.0,), (20,), 200, 1.0, 2, 1)


def test_all_that_was_seen_is_in_the_history():
    found = history_of([UNEVEN] * 60, "ratio")
    assert found == History(found.kappa, (0.0,), (1200,), 12_000, 1.0, 2, 60)


def test_a_pod_with_a_request_is_one_and_one_without_is_none():
    pods = (PodCount("a", 1, (0,)), PodCount("b", 1, (0,)), PodCount("idle", 0, (0,)))
    assert history_of([Window(1.0, pods, ())], "ratio").pods == 2


def test_nothing_seen_is_nothing_known():
    assert history_of([], "ratio") == History()
    assert history_of([Window(1.0, (PodCount("a", 0, (0,)),), ())], "ratio") == History()
    assert history_of(windows_of(0.01, 250, 3, length=50), "gauge") == History()


def test_pods_that_come_and_go_are_no_noise():
    seen = windows_of(0.01, 250, 4)
    gone = [replace(w, stable=w.stable[: 2 + k // 100 % 3]) for k, w in enumerate(seen)]
    assert history_of(gone, "ratio").kappa < 0.1


def test_a_histogram_counts_its_worst_bound_and_only_windows_with_the_buckets_of_today():
    def window(k: int, bounds: tuple[float, ...]) -> Window:
        far = 20 if k % 2 else 40
        one, other = (300, far), (300, 60 - far)
        return Window(float(k), (PodCount("a", 1000, one), PodCount("b", 1000, other)), (), bounds)

    before, today = [[window(k, (0.1, bound)) for k in range(100)] for bound in (9.0, 0.5)]
    assert history_of([*before, today[0]], "latency").windows == 1
    history = history_of([*before, *today], "latency")
    assert history.windows == 100
    assert history.bounds == (0.1, 0.5)
    # At 0.5 s, mu 30, deviation 10 in each window: (100 - 15) / (60 * 59 / 8); in sums of four nothing is left of it.
    assert history.kappa == pytest.approx(1.3 * 85 / (60 * 59 / 8))
    # Pearson's statistic is 2 * 100 / 30 a window there and none at 0.1 s, which is never watched.
    assert constant([*before, *today], "latency") == pytest.approx(200 / 30 * (1 + (2 / 100) ** 0.5))


def test_the_constant_is_one_without_noise_and_grows_with_it():
    calm, wild = (
        constant(windows_of(0.01, 250, 3)),
        constant(windows_of(0.01, 250, 3, cv=1.0)),
    )
    assert 1.0 <= calm < 1.3
    assert wild > 2.5


def test_both_models_count_whichever_is_slower():
    assert dispersion(History(kappa=0.5), 10, 2) == 3.5
    assert dispersion(History(kappa=0.5, phi=5.0), 10, 2) == 5.0
    assert dispersion(History(), 1000, 1) == 1.0


def test_a_constant_takes_its_root_from_the_evidence():
    analysis = Analysis.model_validate(
        {"metrics": [{"name": "e", "template": "mlserver/errors", "objective": {"relative": {"rollbackAbove": 10}}}]}
    )
    window = Window(15.0, (PodCount("s", 675, (7,)),), (PodCount("c", 75, (2,)),))

    def first(history: History) -> list[float]:
        rules = rules_of(analysis, [], 15, {"e": "ratio"}, {"e": history})
        return [one / 0.5 for one in fold(rules, "e", MetricLedger(), window).worse[0]]

    assert first(History(phi=2.0)) == pytest.approx([one**0.5 for one in first(History())])
