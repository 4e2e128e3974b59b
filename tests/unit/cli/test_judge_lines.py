"""Would catch a line, a metric of another kind or an analysis that is misread, or that stops the rest unnamed."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.cli.streams import ANALYSIS, Tell, line, sample, scrapes

LATENCY = """
metrics:
- name: p99
  objective: {relative: {slowerBy: 10}}
stages:
- {name: ten, weight: 10}
"""
MEMORY = """
metrics:
- name: errors
  objective: {relative: {rollbackAbove: 10}}
- name: gpu-memory
  role: Guardrail
  objective: {rule: {max: "95", violations: 2, windows: 3}}
stages:
- {name: ten, weight: 10}
"""


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ("{", "it is not JSON: "),
        ("[]", "it must be an object with `t`, `weight` and `samples`"),
        ('{"t": 20, "samples": []}', "`weight` must be a whole number of percent from 0 to 100"),
        ('{"t": 20, "weight": 101, "samples": []}', "`weight` must be a whole number of percent from 0 to 100"),
        ('{"t": 20, "weight": 2.5, "samples": []}', "`weight` must be a whole number of percent from 0 to 100"),
        ('{"t": "now", "weight": 10, "samples": []}', "`t` must be a number"),
        ('{"t": NaN, "weight": 10, "samples": []}', "`t` must be a number"),
        ('{"t": 20, "weight": 10}', "`samples` must be a list of objects"),
        ('{"run": {}, "t": 20, "weight": 10, "samples": []}', "`run` must be a string or a number"),
        (line(20, {"arm": "stable"}), "each sample must have a `metric`, a string"),
        (line(20, sample("green", 1, 2)), "the `arm` of a sample of 'errors' must be `stable` or `candidate`"),
        (line(20, {**sample("stable", 1, 2), "pod": 3}), "the `pod` of a sample of 'errors' must be a string"),
        (
            line(20, sample("stable", -1, 2, pod="s")),
            "`bad` of 'errors' in pod 's' must be a count: a number from 0 to 2^53",
        ),
        (line(20, sample("stable", 1, float("nan"), pod="s")), "`total` of 'errors' in pod 's' must be a count"),
        (line(20, sample("stable", 1, float("inf"), pod="s")), "`total` of 'errors' in pod 's' must be a count"),
        (line(20, {"metric": "errors", "arm": "stable", "pod": "s", "total": 1}), "`bad` of 'errors' in pod 's' must"),
        (
            line(20, {"metric": "errors", "arm": "stable", "pod": "s", "buckets": {"+Inf": 1}}),
            "a sample of 'errors' in pod 's' must have `bad` and `total`, as the metric's objective is of that kind",
        ),
        (line(20, sample("stable", 1, 2), sample("stable", 1, 2)), "a pod has two samples of one metric"),
    ],
)
def test_a_malformed_line_is_named_and_the_others_are_judged(tell: Tell, bad: Any, sentence: str) -> None:
    lines = scrapes(4, 1)
    judged = tell([*lines[:2], bad, *lines[2:]])
    assert judged.exit_code == 1
    assert judged.notes.startswith(f"line 3: {sentence}")
    assert len(judged.notes.splitlines()) == 1
    assert judged.lines == tell(lines).lines


@pytest.mark.parametrize(
    ("buckets", "sentence"),
    [
        ({"0.1": 1}, "must have `+Inf`, which counts all requests"),
        ({"+Inf": 1}, "must have bounds in seconds beside `+Inf`"),
        ({"fast": 1, "+Inf": 1}, "the bucket 'fast' of 'p99' in pod 's' must be a number of seconds or `+Inf`"),
        ({"nan": 1, "+Inf": 1}, "must have bounds in seconds beside `+Inf`"),
        ({"0.1": -1, "+Inf": 1}, "the bucket '0.1' of 'p99' in pod 's' must be a count"),
    ],
)
def test_malformed_buckets_are_named(tell: Tell, buckets: dict[str, float], sentence: str) -> None:
    judged = tell([line(0, {"metric": "p99", "arm": "stable", "pod": "s", "buckets": buckets})], LATENCY)
    assert judged.exit_code == 1
    assert sentence in judged.notes


def test_a_metric_that_the_analysis_does_not_have_is_left_out_with_one_note(tell: Tell) -> None:
    lines = scrapes(4, 1)
    others = [{**one, "samples": [*one["samples"], sample("stable", 1, 2, metric="other")]} for one in lines]
    judged = tell(others)
    assert judged.exit_code == 0
    assert judged.notes == "line 1: the analysis has no metric 'other'; its samples are left out\n"
    assert judged.lines == tell(lines).lines


def test_a_metric_renamed_midway_falls_silent(tell: Tell) -> None:
    lines = scrapes(20, 1)
    for one in lines[10:]:
        one["samples"] = [{**each, "metric": "errors-v2"} for each in one["samples"]]
    judged = tell(lines)
    assert judged.overall[-1] == "Hold"
    assert judged.last()["state"] == "NoData"


def histogram(arm: str, within: Sequence[float], total: float, first: str = "0.05") -> dict[str, Any]:
    buckets = {**dict(zip((first, "0.1", "0.25"), within, strict=True)), "+Inf": total}
    return {"metric": "p99", "arm": arm, "pod": f"{arm}-0", "buckets": buckets}


def timed(count: int, fast: float) -> list[dict[str, Any]]:
    """A share `fast` of the candidate's 100 requests a line is within 100 ms, and 90 % of stable's 900."""
    return [
        line(
            15.0 * i,
            histogram("candidate", (round(50 * fast) * i, round(100 * fast) * i, 99 * i), 100 * i),
            histogram("stable", (405 * i, 810 * i, 891 * i), 900 * i),
        )
        for i in range(count)
    ]


def test_buckets_are_judged_as_latency(tell: Tell) -> None:
    judged = tell(timed(20, 0.6), LATENCY)
    assert judged.overall[-1] == "Rollback"
    assert judged.last("p99")["sentence"].startswith(
        "p99: 40.0% of the candidate's 1,900 requests took longer than 100 ms, 10.0% of stable's 17,100: "
        "4.0 times as many ("
    )
    assert tell(timed(40, 0.9), LATENCY).overall[-1] == "Advance"


def test_versions_with_different_buckets_hold(tell: Tell) -> None:
    lines = timed(6, 0.6)
    for i, one in enumerate(lines):
        one["samples"][0] = histogram("candidate", (30 * i, 60 * i, 99 * i), 100 * i, first="0.075")
    judged = tell(lines, LATENCY)
    assert set(judged.overall[1:]) == {"Hold"}
    assert judged.last("p99")["state"] == "Invalid"


def test_a_bucket_more_than_before_changes_nothing(tell: Tell) -> None:
    lines = timed(20, 0.9)
    before = tell(lines, LATENCY).last("p99")
    for i, one in enumerate(lines):
        if i >= 10:
            for each in one["samples"]:
                each["buckets"]["0.5"] = each["buckets"]["+Inf"]
    after = tell(lines, LATENCY).last("p99")
    assert after["state"] != "Invalid"
    # pods with other buckets are pods that started again: they are counted whole once more, not compared with before
    assert before["sentence"] != after["sentence"]


def test_gauges_are_judged_by_their_rule(tell: Tell) -> None:
    lines = scrapes(5, 0)
    for one, value in zip(lines, (90, 97, 94, 96, 90), strict=True):
        one["samples"].append({"metric": "gpu-memory", "arm": "candidate", "pod": "candidate-0", "value": value})
        one["samples"].append({"metric": "gpu-memory", "arm": "candidate", "pod": "candidate-1", "value": 12})
        one["samples"].append({"metric": "gpu-memory", "arm": "stable", "pod": "stable-0", "value": 99})
    judged = tell(lines, MEMORY)
    assert judged.overall == ["Continue", "Continue", "Continue", "Rollback", "Rollback"]
    told = [one["metrics"][1] for one in judged.lines]
    assert told[3]["sentence"] == "gpu-memory: 96 was above 95 in 2 of the last 3 scrapes."
    assert (told[3]["ratio"], told[3]["evidence"], told[3]["threshold"]) == (None, None, None)


@pytest.mark.parametrize(
    ("analysis", "sentence"),
    [
        (ANALYSIS.replace("stages:", "stages: []\nother:"), "stages "),
        (
            ANALYSIS.replace("rollbackAbove: 10", "rollbackAbove: ten"),
            "metrics[0].objective.relative.rollbackAbove must",
        ),
        (ANALYSIS.replace("metrics:", "metric:"), "metrics must be a list of mappings"),
        ("- errors", "it must be a mapping: a Rollout's spec.analysis, and `stages`"),
        ("{", "it is not YAML: "),
        (f"{ANALYSIS}\nhistory: {{errors: {{kappa: much}}}}", "history.errors.kappa must be a valid number"),
        (f"{ANALYSIS}\ninterval: 0", "interval must be the seconds between two lines, at most 3600"),
    ],
)
def test_a_wrong_analysis_is_named_before_anything_is_read(tell: Tell, analysis: str, sentence: str) -> None:
    judged = tell(scrapes(2, 1), analysis)
    assert judged.exit_code == 2
    assert f"analysis.yaml: {sentence}" in judged.notes
    assert judged.lines == []
