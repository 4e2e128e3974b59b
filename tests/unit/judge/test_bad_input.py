"""Would catch: a promotion or a rollback that bad, missing or odd samples caused; every case names its verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, nan

import pytest
from crossfade.api.v1alpha1.analysis import Analysis
from crossfade.api.v1alpha1.strategy import Stage
from crossfade.decide.judge.engine import Judgement, judge
from crossfade.decide.judge.rules import rules_of
from crossfade.decide.judge.windows import catch_up
from crossfade.model.evidence import Counters, Sample, Series
from crossfade.model.ledger import Ledger

STEP, SINCE = 5.0, 10_000.0
ANALYSIS = {
    "metrics": [
        {
            "name": "errors",
            "ratio": {"bad": "bad", "total": "total"},
            "objective": {"relative": {"rollbackAbove": 10, "promoteWithin": 50}, "absolute": {"floor": "0.02"}},
        }
    ]
}
LATENCY = {
    "metrics": [
        {
            "name": "errors",
            "latency": {"buckets": "b"},
            "objective": {"relative": {"slowerBy": 10, "promoteWithin": 50}},
        }
    ]
}
GAUGE = {
    "metrics": [
        *ANALYSIS["metrics"],
        {"name": "memory", "gauge": {"series": "g"}, "role": "Guardrail", "objective": {"rule": {"max": "95"}}},
    ]
}
STAGES = [Stage.model_validate({"name": "ten", "weight": 10})]


@dataclass(frozen=True)
class Pod:
    """A pod that is scraped each step from well before the start. `per_step` are (bad, all) of its requests."""

    arm: str
    name: str
    per_step: tuple[int, int]
    phase: float = 0.0

    def samples(self, steps: int, part: int) -> tuple[Sample, ...]:
        rate = self.per_step[part]
        return tuple((SINCE + STEP * k + self.phase, float(rate * (k + 20))) for k in range(-20, steps + 1))


GOOD = (
    Pod("stable", "s1", (5, 500)),
    Pod("stable", "s2", (4, 400), 2.0),
    Pod("candidate", "c1", (1, 60)),
    Pod("candidate", "c2", (0, 40), 3.0),
)
"""1 % of errors in both arms, 10 % of the requests to the candidate."""
Change = Callable[[str, int, tuple[Sample, ...]], tuple[Sample, ...]]
"""Given the pod, the part (0 bad, 1 all) and the samples, what is shown of them."""


def unchanged(_: str, __: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    return samples


def shown(pods: Sequence[Pod], steps: int, change: Change = unchanged) -> Counters:
    bad, total = (
        tuple(Series(pod.arm, pod.name, change(pod.name, part, pod.samples(steps, part))) for pod in pods)
        for part in (0, 1)
    )
    return Counters(bad, total)


def judged(
    counters: Mapping[str, Counters],
    steps: int,
    analysis: Mapping[str, object] = ANALYSIS,
    ledger: Ledger | None = None,
) -> tuple[Judgement, Ledger]:
    """The verdict after so many steps, by rules as a Rollout's spec gives them."""
    rules = rules_of(Analysis.model_validate(analysis), STAGES, STEP)
    now = SINCE + STEP * steps + 3.0
    found, silent = catch_up(
        rules, ledger or Ledger(), counters, "stable", "candidate", weight=10, since=SINCE, now=now
    )
    return judge(rules, found, silent), found


def verdict(pods: Sequence[Pod], steps: int = 60, change: Change = unchanged) -> tuple[str, str]:
    judgement, _ = judged({"errors": shown(pods, steps, change)}, steps)
    return judgement.overall, judgement.states["errors"]


def worse(errors: int, pods: Sequence[Pod] = GOOD) -> list[Pod]:
    """The same with so many errors a step at the first candidate pod."""
    return [replace(pod, per_step=(errors, pod.per_step[1])) if pod.name == "c1" else pod for pod in pods]


# --- so that the others mean something ---


def test_an_equal_candidate_is_promoted_and_a_worse_one_rolled_back() -> None:
    assert verdict(GOOD, 8) == ("Continue", "Undecided")
    assert verdict(GOOD) == ("Advance", "NonInferior")
    assert verdict(worse(8), 20) == ("Rollback", "Regressed")


# --- each says what happens to a good candidate, and to a bad one ---


def restarting(pod: str, _: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Every pod starts again every 11th scrape, the candidate's at other times than stable's."""
    found, base = [], 0.0
    for k, (at, value) in enumerate(samples):
        if (k + len(pod) + (3 if pod[0] == "c" else 0)) % 11 == 0:
            base = value
        found.append((at, value - base))
    return tuple(found)


def duplicated(_: str, __: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    return tuple(sample for one in samples for sample in (one, one))


def out_of_order(_: str, __: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    return tuple(sorted(samples, key=lambda sample: (sample[0] % 35, -sample[0])))


def not_finite(_: str, __: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    odd = {3: nan, 5: inf, 7: -inf}
    return tuple((at, odd.get(k % 9, value)) for k, (at, value) in enumerate(samples))


def negative(_: str, __: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    return tuple((at, -value if k % 9 == 4 else value) for k, (at, value) in enumerate(samples))


def absurd(_: str, __: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    return tuple((at, 1e300 if k % 9 == 4 else value) for k, (at, value) in enumerate(samples))


def failing(pod: str, _: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Every fourth scrape of each pod fails."""
    return tuple(sample for k, sample in enumerate(samples) if (k + len(pod) + ord(pod[1])) % 4)


def ahead(pod: str, _: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """One arm's clock is 20 s ahead."""
    return tuple((at + 20, value) for at, value in samples) if pod[0] == "c" else samples


def behind(pod: str, part: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    return ahead("s" if pod[0] == "c" else "c", part, samples)


ODD = {
    "counter resets": restarting,
    "duplicate scrapes": duplicated,
    "scrapes out of order": out_of_order,
    "NaN and infinity": not_finite,
    "negative values": negative,
    "absurd values": absurd,
    "failed scrapes": failing,
    "a clock that is ahead": ahead,
    "a clock that is behind": behind,
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_odd_samples_change_neither_verdict(change: Change) -> None:
    """Case D9."""
    assert verdict(GOOD, 60, change) == ("Advance", "NonInferior")
    assert verdict(worse(8), 30, change) == ("Rollback", "Regressed")


@pytest.mark.parametrize("change", [unchanged, duplicated, out_of_order], ids=lambda change: change.__name__)
def test_the_order_and_number_of_samples_change_no_bit(change: Change) -> None:
    assert judged({"errors": shown(GOOD, 60, change)}, 60) == judged({"errors": shown(GOOD, 60)}, 60)


def test_odd_samples_alone_are_no_data() -> None:
    def nothing_but(value: float) -> Change:
        return lambda pod, _, samples: tuple((at, value) for at, _ in samples) if pod[0] == "c" else samples

    assert verdict(GOOD, 60, nothing_but(nan)) == ("Hold", "NoData")
    assert verdict(GOOD, 60, nothing_but(inf)) == ("Hold", "NoData")
    assert verdict(GOOD, 60, nothing_but(-1.0)) == ("Hold", "Undecided")  # no request is seen: the split is off


def test_a_clock_far_ahead_of_everybody_decides_nothing() -> None:
    def hours_ahead(pod: str, _: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        return tuple((at + 7200, value) for at, value in samples) if pod[0] == "c" else samples

    assert verdict(GOOD, 60, hours_ahead)[0] in ("Hold", "Continue")
    assert verdict(worse(8), 60, hours_ahead)[0] in ("Hold", "Continue")


# --- pods that come and go ---


def lives(**spans: tuple[int, int]) -> Change:
    """The pods named are scraped only from one step to another."""

    def cut(pod: str, _: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        first, last = spans.get(pod, (-100, 100))
        inside = tuple(one for one in samples if SINCE + STEP * first <= one[0] <= SINCE + STEP * last + 4)
        base = inside[0][1] if pod in spans and first > -100 and inside else 0.0
        return tuple((at, value - base) for at, value in inside)

    return cut


def test_pods_that_come_and_go_change_neither_verdict() -> None:
    coming = lives(c1=(-100, 25), s2=(-100, 31), s3=(29, 100), c3=(24, 100))
    pods = [*GOOD, Pod("stable", "s3", (4, 400), 1.0), Pod("candidate", "c3", (1, 60), 4.0)]
    assert verdict(pods, 60, coming) == ("Advance", "NonInferior")
    assert verdict(worse(8, pods), 60, coming) == ("Rollback", "Regressed")


def test_a_candidate_whose_pods_are_all_gone_is_not_promoted() -> None:
    assert verdict(GOOD, 60, lives(c1=(-100, 30), c2=(-100, 30))) == ("Hold", "NoData")


def test_one_pod_an_arm_is_enough_for_either_verdict() -> None:
    one_each = [Pod("stable", "s1", (9, 900)), Pod("candidate", "c1", (1, 100))]
    assert verdict(one_each) == ("Advance", "NonInferior")
    assert verdict(worse(8, one_each), 30) == ("Rollback", "Regressed")


# --- an arm without traffic, all errors, none ---


def test_a_candidate_without_traffic_holds_as_the_split_is_not_what_was_asked_for() -> None:
    idle = [replace(pod, per_step=(0, 0)) if pod.arm == "candidate" else pod for pod in GOOD]
    judgement, _ = judged({"errors": shown(idle, 60)}, 60)
    assert (judgement.overall, judgement.why, judgement.states["errors"]) == ("Hold", "Mismatch", "Undecided")


def test_a_stable_version_without_traffic_holds_too() -> None:
    idle = [replace(pod, per_step=(0, 0)) if pod.arm == "stable" else pod for pod in worse(8)]
    judgement, _ = judged({"errors": shown(idle, 60)}, 60)
    assert (judgement.overall, judgement.why) == ("Hold", "Mismatch")


@pytest.mark.parametrize("arm", ["stable", "candidate"])
def test_an_arm_without_series_is_no_data(arm: str) -> None:
    assert verdict([pod for pod in worse(8) if pod.arm != arm]) == ("Hold", "NoData")


def test_nothing_but_errors_is_rolled_back_within_three_windows() -> None:
    broken = [replace(pod, per_step=(pod.per_step[1],) * 2) if pod.arm == "candidate" else pod for pod in GOOD]
    assert [verdict(broken, steps)[0] for steps in (1, 2, 4)] == ["Continue", "Continue", "Rollback"]


def test_nothing_but_errors_in_both_arms_is_no_regression_and_no_success() -> None:
    broken = [replace(pod, per_step=(pod.per_step[1],) * 2) for pod in GOOD]
    assert verdict(broken)[1] in ("Undecided", "NonInferior")
    capped = {
        "metrics": [{**ANALYSIS["metrics"][0], "objective": {"absolute": {"max": "0.05"}}}]  # type: ignore[dict-item]
    }
    judgement, _ = judged({"errors": shown(broken, 60)}, 60, capped)
    assert (judgement.overall, judgement.states["errors"]) == ("Continue", "Undecided")


def test_no_error_in_either_arm_is_good_enough_by_the_floor() -> None:
    flawless = [replace(pod, per_step=(0, pod.per_step[1])) for pod in GOOD]
    assert verdict(flawless) == ("Advance", "NonInferior")


def test_an_error_series_that_does_not_exist_yet_is_no_error() -> None:
    def hidden(_: str, part: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        return () if part == 0 else samples

    assert verdict(GOOD, 60, hidden) == ("Advance", "NonInferior")


# --- buckets, names, outages ---


def histogram(pods: Sequence[Pod], steps: int, bounds: Mapping[str, Sequence[float]]) -> Counters:
    """Seven tenths of the requests within 0.1 s, nearly all within more."""
    found: dict[float, list[Series]] = {}
    for pod in pods:
        total = pod.samples(steps, 1)
        for bound in (*bounds[pod.arm], inf):
            share = {inf: 1.0, 0.1: 0.7}.get(bound, 0.95)
            found.setdefault(bound, []).append(
                Series(pod.arm, pod.name, tuple((at, float(int(value * share))) for at, value in total))
            )
    return Counters(buckets={bound: tuple(series) for bound, series in found.items()})


def test_buckets_that_the_new_version_changed_hold_the_rollout() -> None:
    for candidate, expected in (
        ((0.1, 0.5), ("Advance", "NonInferior")),
        ((0.1, 0.4), ("Hold", "Invalid")),
        ((0.1,), ("Hold", "Invalid")),
        ((0.1, 0.5, 1.0), ("Hold", "Invalid")),
        ((), ("Hold", "Invalid")),
    ):
        counters = histogram(GOOD, 60, {"stable": (0.1, 0.5), "candidate": candidate})
        judgement, _ = judged({"errors": counters}, 60, LATENCY)
        assert (judgement.overall, judgement.states["errors"]) == expected


def test_a_metric_that_is_renamed_midway_is_no_data() -> None:
    _, ledger = judged({"errors": shown(GOOD, 20)}, 20)
    judgement, after = judged({"errors": Counters()}, 60, ledger=ledger)
    assert (judgement.overall, judgement.states["errors"]) == ("Hold", "NoData")
    assert after == ledger
    assert verdict(GOOD, 60, lives(c1=(-100, 20), c2=(-100, 20)))[0] == "Hold"


def test_a_metric_that_was_never_read_is_no_data() -> None:
    judgement, ledger = judged({}, 60)
    assert (judgement.overall, judgement.states["errors"]) == ("Hold", "NoData")
    assert ledger.metrics["errors"].end == SINCE


def test_a_gauge_that_shows_no_number_is_no_data_and_its_neighbour_does_not_promote() -> None:
    gauges = Counters(gauges=(Series("candidate", "c1", tuple((SINCE + STEP * k, nan) for k in range(61))),))
    judgement, _ = judged({"errors": shown(GOOD, 60), "memory": gauges}, 60, GAUGE)
    assert (judgement.overall, judgement.states) == ("Hold", {"errors": "NonInferior", "memory": "NoData"})


def outage(_: str, __: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """No scrape for ten minutes, from 50 s after the start on."""
    return tuple((at, value) for at, value in samples if not SINCE + 50 < at < SINCE + 650)


@pytest.mark.parametrize(
    ("reach", "requests"),
    [(-inf, 130 * 100), (SINCE + 640, 10 * 60 + 9 * 40)],
    ids=["read from before it on", "read from after it alone"],
)
def test_an_outage_of_ten_minutes_holds_and_what_came_meanwhile_counts_once(reach: float, requests: int) -> None:
    _, before = judged({"errors": shown(GOOD, 10, outage)}, 10)
    during, same = judged({"errors": shown(GOOD, 100, outage)}, 100, ledger=before)
    assert (during.overall, during.states["errors"]) == ("Hold", "NoData")
    assert same == before

    def read(pod: str, part: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        return tuple(sample for sample in outage(pod, part, samples) if sample[0] > reach)

    judgement, after = judged({"errors": shown(GOOD, 140, read)}, 140, ledger=before)
    assert (judgement.overall, judgement.states["errors"]) == ("Advance", "NonInferior")
    assert after.metrics["errors"].candidate.total - before.metrics["errors"].candidate.total == requests


@pytest.mark.parametrize("reach", [-inf, SINCE + 640])
def test_a_bad_version_is_rolled_back_after_an_outage_by_what_was_counted(reach: float) -> None:
    def read(pod: str, part: int, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        return tuple(sample for sample in outage(pod, part, samples) if sample[0] > reach)

    assert verdict(worse(8), 140, read) == ("Rollback", "Regressed")


def test_an_outage_alone_never_rolls_back_nor_promotes() -> None:
    """However long it lasts, whatever came before it."""
    for pods, known in ((GOOD, "Undecided"), (worse(3), "Undecided")):
        first, ledger = judged({"errors": shown(pods, 8)}, 8)
        assert first.states["errors"] == known
        for steps in (20, 128, 1000):
            judgement, ledger = judged({"errors": shown(pods, 8)}, steps, ledger=ledger)
            assert (judgement.overall, judgement.states["errors"]) == ("Hold", "NoData")


def test_what_was_proven_before_an_outage_is_rolled_back_all_the_same() -> None:
    _, ledger = judged({"errors": shown(worse(8), 30)}, 30)
    judgement, _ = judged({"errors": Counters()}, 150, ledger=ledger)
    assert (judgement.overall, judgement.states["errors"]) == ("Rollback", "Regressed")
