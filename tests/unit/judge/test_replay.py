"""Would catch a referee that lets noise pass, counts replays wrongly, or promises more than it has seen."""

from dataclasses import replace
from itertools import pairwise

import pytest
from crossfade.api.v1alpha1.analysis import Analysis
from crossfade.api.v1alpha1.strategy import Stage
from crossfade.decide.judge import replay
from crossfade.decide.judge.replay import Replay, calibrated, replayed, upper_bound
from crossfade.decide.judge.rules import Rules, rules_of
from crossfade.model.ledger import PodCount, Window
from scipy import stats

from tests.unit.judge.test_dispersion import windows_of


def rules(role: str = "Required", lasts: str = "20m") -> Rules:
    errors = {"template": "mlserver/errors", "objective": {"relative": {"rollbackAbove": 10}}}
    memory = {"name": "memory", "gauge": {"series": "memory"}, "objective": {"rule": {"max": "1"}}}
    analysis = Analysis.model_validate(
        {"metrics": [{"name": "keep", **errors}, {"name": "e", **errors, "role": role}, memory]}
    )
    stage = Stage.model_validate({"name": "ten", "weight": 10, "minDuration": "1s", "maxDuration": lasts})
    return rules_of(analysis, [stage], 15, {"keep": "ratio", "e": "ratio"})


@pytest.mark.parametrize(("alarms", "replays"), [(0, 1), (0, 108), (1, 108), (7, 40), (299, 300), (5, 5), (0, 0)])
def test_the_bound_is_that_of_clopper_and_pearson(alarms: int, replays: int):
    oracle = stats.beta.ppf(0.95, alarms + 1, replays - alarms) if alarms < replays else 1.0
    assert upper_bound(alarms, replays) == pytest.approx(oracle, abs=1e-9)


def test_a_bound_falls_with_replays_and_rises_with_alarms():
    for fewer, more in pairwise(range(0, 20, 4)):
        assert upper_bound(fewer, 50) < upper_bound(more, 50)
        assert upper_bound(fewer, 100) < upper_bound(fewer, 50)


def test_each_pod_is_the_candidate_once_in_each_length_of_a_rollout():
    # 20 minutes are 80 windows of 15 s: 400 windows are 5 rollouts, of 3 pods each.
    assert replayed(rules(), {"e": windows_of(0.01, 250, 3, length=400)}) == Replay(0, 15)
    assert replayed(rules(), {"e": windows_of(0.01, 250, 3, length=79)}) == Replay(0, 0)
    assert replayed(rules(), {"e": windows_of(0.01, 250, 1, length=400)}) == Replay(0, 0)
    assert replayed(rules(), {}) == Replay(0, 0)
    shifted = [replace(one, end=one.end + 1.7e9) for one in windows_of(0.01, 250, 3, length=400)]
    assert replayed(rules(), {"e": shifted}) == Replay(0, 15)


def test_the_last_window_of_a_rollout_belongs_to_it():
    """No fewer than three windows decide, and of three this pod is as bad as can be."""
    broken = [
        Window(15.0 * (k + 1), (PodCount("sick", 500, (500,)), PodCount("a", 500, (5,)), PodCount("b", 500, (5,))), ())
        for k in range(6)
    ]
    assert replayed(rules(lasts="45s"), {"e": broken}) == Replay(2, 6)
    assert replayed(rules(lasts="30s"), {"e": broken}) == Replay(0, 9)


def test_a_pod_that_is_worse_than_the_rest_is_an_alarm_whichever_metric_tells():
    def window(k: int) -> Window:
        return Window(
            15.0 * (k + 1), tuple(PodCount(p, 500, (50 if p == "sick" else 5,)) for p in ("a", "b", "sick")), ()
        )

    sick, calm = [window(k) for k in range(80)], windows_of(0.01, 500, 3, length=80)
    assert replayed(rules(), {"e": sick}) == Replay(1, 3)
    named = [
        Window(w.end, tuple(PodCount(n, p.total, p.bad) for n, p in zip("abc", w.stable, strict=True)), ())
        for w in calm
    ]
    assert replayed(rules(), {"keep": named, "e": sick}) == Replay(1, 4)
    assert replayed(rules("Observe"), {"e": sick}) == Replay(0, 0)


def test_noise_that_would_have_rolled_back_is_calibrated_away():
    noisy = {"e": windows_of(0.01, 250, 3, cv=0.5, lasts=4, length=1600)}
    assert replayed(rules(), noisy).rate > 0.05
    found = calibrated(rules(), noisy)
    assert found.model == "Kappa"
    assert found.replay.rate <= 0.01
    assert found.rules.by_name["e"].history.kappa > 0.5
    assert found.rules.metrics[1] is found.rules.by_name["e"]


def burst(bad: int, length: int) -> list[Window]:
    """Eight hours in which one pod once has so many bad requests a window, for so many windows."""
    return [
        replace(w, stable=(replace(w.stable[0], bad=(bad,)), *w.stable[1:])) if 100 <= k < 100 + length else w
        for k, w in enumerate(windows_of(0.01, 250, 3, length=1600))
    ]


def test_what_is_too_seldom_for_kappa_gets_a_constant_that_keeps_the_past_quiet():
    found = calibrated(rules(), {"e": burst(bad=10, length=10)})
    history = found.rules.by_name["e"].history
    assert found.model == "Constant"
    assert found.replay == Replay(0, 60)
    assert 0 < history.kappa < 0.5
    assert 1.5 < history.phi < 8


def test_noise_that_no_constant_quiets_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(replay, "_DOUBLINGS", 0)
    found = calibrated(rules(), {"e": burst(bad=10, length=10)})
    assert found.model == "Constant"
    assert found.replay.rate > 0.01


def test_as_many_alarms_as_promised_are_quiet():
    assert [replay.is_quiet(rules(), Replay(alarms, 100)) for alarms in (0, 1, 2)] == [True, True, False]


def test_the_constant_of_a_past_that_is_never_quiet_is_doubled_five_times():
    """A promise of less than no false alarm cannot be kept; a histogram's noise is that of the bounds it watches."""

    def window(k: int) -> Window:
        far = 20 if k % 2 else 40
        return Window(15.0 * k, (PodCount("a", 1000, (300, far)), PodCount("b", 1000, (300, 60 - far))), (), (0.1, 0.5))

    slow = {"name": "e", "template": "mlserver/latency", "objective": {"relative": {"slowerBy": 10}}}
    held = rules_of(Analysis.model_validate({"metrics": [slow]}), [], 15, {"e": "latency"})
    found = calibrated(replace(held, confidence=1.1), {"e": [window(k) for k in range(1, 101)]})
    history = found.rules.by_name["e"].history
    assert found.model == "Constant"
    # at 0.5 s mu 30 and deviation 10 in each window: kappa 85 / (60 * 59 / 8), Pearson's statistic 200 / 30
    assert history.kappa == pytest.approx(1.3 * 85 / (60 * 59 / 8))
    assert history.phi == pytest.approx(32 * 200 / 30 * (1 + (2 / 100) ** 0.5))


def test_too_little_history_is_said_to_be_unknown():
    found = calibrated(rules(), {"e": windows_of(0.01, 250, 1, length=400)})
    assert (found.model, found.replay) == ("Unknown", Replay(0, 0))
    assert found.rules.by_name["e"].history.total > 0
    assert found.rules.by_name["keep"].history.total == 0
    assert calibrated(rules(), {}).model == "Unknown"


def test_a_history_with_a_hole_is_replayed_by_time():
    seen = windows_of(0.01, 250, 2, length=400)
    assert replayed(rules(), {"e": seen[:80] + seen[240:]}) == Replay(0, 6)
