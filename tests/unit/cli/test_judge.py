"""Would catch a stream that is misread: counts lost or doubled, a verdict that flickers, a line that stops the rest."""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from crossfade.cli.commands import app
from typer.testing import CliRunner

ANALYSIS = """
metrics:
- name: errors
  objective: {relative: {rollbackAbove: 10, promoteWithin: 50}}
trafficCheck: {grace: 30s}
stages:
- {name: ten, weight: 10, minDuration: 2m}
- {name: half, weight: 50, minDuration: 30s, maxDuration: 2m, onInconclusive: Advance}
"""
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


def sample(arm: str, bad: float, total: float, pod: str = "", metric: str = "errors") -> dict[str, Any]:
    return {"metric": metric, "arm": arm, "pod": pod or f"{arm}-0", "bad": bad, "total": total}


def line(t: float, *samples: dict[str, Any], weight: int = 10, run: str | None = None) -> dict[str, Any]:
    named = {} if run is None else {"run": run}
    return {**named, "t": t, "weight": weight, "samples": list(samples)}


def scrapes(count: int, bad: int, *, run: str | None = None, weight: int = 10, start: int = 0) -> list[dict[str, Any]]:
    """Every 15 s 75 requests of the candidate, `bad` of them, and 675 of stable, 7 of them; counters from 1000 on."""
    return [
        line(
            15.0 * i,
            sample("candidate", 1000 + bad * i, 9000 + 75 * i),
            sample("stable", 1000 + 7 * i, 90000 + 675 * i),
            run=run,
            weight=weight,
        )
        for i in range(start, start + count)
    ]


class Judged:
    """What came back of a stream."""

    def __init__(self, result: Result) -> None:
        self.exit_code, self.notes = result.exit_code, result.stderr
        self.lines = [json.loads(text) for text in result.stdout.splitlines()]

    @property
    def overall(self) -> list[str]:
        return [one["overall"] for one in self.lines]

    def last(self, name: str = "errors") -> dict[str, Any]:
        return next(metric for metric in self.lines[-1]["metrics"] if metric["name"] == name)


@pytest.fixture
def tell(tmp_path: Path) -> "Tell":
    return Tell(tmp_path / "analysis.yaml")


class Tell:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, lines: Iterable[dict[str, Any] | str], analysis: str = ANALYSIS) -> Judged:
        self._path.write_text(analysis)
        text = "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines)
        return Judged(CliRunner().invoke(app, ["judge", "--analysis", str(self._path)], input=text))


def test_every_line_gets_a_verdict_of_the_promised_shape(tell: Tell) -> None:
    judged = tell(scrapes(3, 1, run="r1"))
    assert judged.exit_code == 0
    assert [(one["run"], one["t"]) for one in judged.lines] == [("r1", 0.0), ("r1", 15.0), ("r1", 30.0)]
    assert list(judged.lines[0]) == ["run", "t", "overall", "metrics"]
    fields = ["name", "state", "ratio", "low", "high", "evidence", "threshold", "sentence"]
    assert list(judged.last()) == fields
    assert [one["metrics"][0]["threshold"] for one in judged.lines] == [100] * 3
    assert judged.lines[0]["metrics"][0]["evidence"] == 1


def test_the_first_line_is_where_counting_starts(tell: Tell) -> None:
    assert "the candidate failed 1.3% (2 of 150), stable 1.0% (14 of 1,350)" in tell(scrapes(3, 1)).last()["sentence"]


def test_a_worse_candidate_is_rolled_back_and_stays_so(tell: Tell) -> None:
    """After the regression nothing but good answers: evidence falls, the verdict does not."""
    worse = scrapes(5, 6)
    candidate, stable = worse[-1]["samples"]
    better = [
        line(
            15.0 * (4 + i),
            sample("candidate", candidate["bad"], candidate["total"] + 75 * i),
            sample("stable", stable["bad"] + 7 * i, stable["total"] + 675 * i),
        )
        for i in range(1, 60)
    ]
    judged = tell([*worse, *better])
    assert judged.overall == ["Continue"] * 3 + ["Rollback"] * 61
    assert judged.last()["evidence"] < 100


def test_an_equal_candidate_advances_when_its_stage_has_lasted(tell: Tell) -> None:
    quick = [dict(one, t=one["t"] / 15 * 1.0) for one in scrapes(140, 0)]
    judged = tell(quick)
    first = judged.overall.index("Advance")
    assert judged.lines[first]["t"] == 120  # minDuration, though the proof was there before
    assert judged.lines[first - 1]["metrics"][0]["state"] == "NonInferior"
    assert judged.overall[first - 1] == "Continue"
    assert set(judged.overall[first:]) == {"Advance"}


def test_the_clock_of_a_stage_runs_from_the_first_line_with_its_weight(tell: Tell) -> None:
    lines = [dict(one, t=one["t"] / 15, weight=10 if i < 135 else 50) for i, one in enumerate(scrapes(170, 0))]
    fast = tell([one for one in lines if one["weight"] == 10] + _evenly(lines[135:]), ANALYSIS)
    assert fast.overall[134] == "Advance"
    assert fast.overall[135] == "Continue"
    assert fast.overall[164:166] == ["Continue", "Advance"]


def _evenly(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Half of the requests to each arm, as weight 50 asks for."""
    first = lines[0]["samples"]
    return [
        line(
            one["t"],
            sample("candidate", first[0]["bad"], first[0]["total"] + 375 * i),
            sample("stable", first[1]["bad"] + 4 * i, first[1]["total"] + 375 * i),
            weight=50,
        )
        for i, one in enumerate(lines)
    ]


@pytest.mark.parametrize(("choice", "verdict"), [("Advance", "Advance"), ("Rollback", "Rollback"), ("Hold", "Hold")])
def test_a_stage_without_a_decision_ends_as_it_says(tell: Tell, choice: str, verdict: str) -> None:
    analysis = ANALYSIS.replace("minDuration: 2m", f"maxDuration: 1m, onInconclusive: {choice}")
    judged = tell(scrapes(6, 1), analysis)
    assert judged.overall == ["Continue"] * 4 + [verdict] * 2
    assert judged.last()["state"] == "Undecided"


def test_missing_data_is_no_inconclusive_stage(tell: Tell) -> None:
    """Silence neither advances nor rolls back, whatever the stage says of its end."""
    for choice in ("Advance", "Rollback"):
        analysis = ANALYSIS.replace("minDuration: 2m", f"maxDuration: 1m, onInconclusive: {choice}")
        silent = [line(15.0 * i, sample("stable", 1000 + 7 * i, 90000 + 675 * i)) for i in range(12)]
        judged = tell(silent, analysis)
        assert set(judged.overall) == {"Hold"}
        assert judged.last()["state"] == "NoData"


def test_an_outage_holds_and_loses_nothing(tell: Tell) -> None:
    """Ten minutes without a single line: what happened meanwhile is counted once samples come again."""
    lines = scrapes(60, 1)
    judged = tell([*lines[:10], *lines[50:]])
    assert "Rollback" not in judged.overall
    assert "(59 of 4,425), stable 1.0% (413 of 39,825)" in judged.last()["sentence"]


def test_an_arm_that_falls_silent_is_no_data_after_five_intervals(tell: Tell) -> None:
    lines = scrapes(20, 1)
    for one in lines[10:]:
        one["samples"] = one["samples"][1:]
    judged = tell(lines)
    assert judged.overall[10:15] == ["Continue"] * 4 + ["Continue"]
    assert set(judged.overall[15:]) == {"Hold"}
    assert "no samples of both versions since 00:02:15 UTC" in judged.last()["sentence"]


def test_a_reset_counts_from_zero_again(tell: Tell) -> None:
    lines = scrapes(4, 1)
    lines[2]["samples"][0] = sample("candidate", 2, 30)
    lines[3]["samples"][0] = sample("candidate", 3, 130)
    assert "(4 of 205)" in tell(lines).last()["sentence"]


def test_a_reset_that_is_beyond_the_old_value_already_is_seen_by_its_total(tell: Tell) -> None:
    """The pod restarted and failed more often than ever: its total fell, so all of its series count from 0."""
    lines = scrapes(3, 0)
    lines[2]["samples"][0] = sample("candidate", 1500, 2000)
    assert "(1,500 of 2,075)" in tell(lines).last()["sentence"]


def test_a_pod_that_comes_later_counts_from_zero(tell: Tell) -> None:
    lines = scrapes(4, 1)
    lines[2]["samples"].append(sample("candidate", 5, 40, pod="candidate-1"))
    lines[3]["samples"].append(sample("candidate", 5, 50, pod="candidate-1"))
    assert "(8 of 275)" in tell(lines).last()["sentence"]


def test_a_pod_that_is_missing_for_a_while_is_counted_when_it_is_back(tell: Tell) -> None:
    lines = scrapes(8, 1)
    for one in lines:
        one["samples"].append(sample("candidate", 0, 10 * one["t"], pod="candidate-1"))
    for one in lines[3:6]:
        del one["samples"][2]
    assert "(7 of 1,575)" in tell(lines).last()["sentence"]


def test_a_pod_that_is_gone_keeps_what_it_counted(tell: Tell) -> None:
    lines = scrapes(8, 1)
    for one in lines[:4]:
        one["samples"].append(sample("candidate", 0, 10 * one["t"], pod="candidate-1"))
    assert "(7 of 975)" in tell(lines).last()["sentence"]


def test_the_warm_up_of_a_new_pod_is_left_out(tell: Tell) -> None:
    lines = scrapes(6, 1)
    for i, one in enumerate(lines[1:]):
        one["samples"].append(sample("candidate", 20 + 2 * i, 40 + 100 * i, pod="candidate-1"))
    judged = tell(lines, f"warmup: 30s\n{ANALYSIS}")
    assert "(9 of 575)" in judged.last()["sentence"]


def test_an_old_or_repeated_line_is_left_out_with_a_note(tell: Tell) -> None:
    lines = scrapes(4, 1)
    judged = tell([*lines[:3], lines[1], lines[2], lines[3]])
    assert judged.exit_code == 0
    assert [one["t"] for one in judged.lines] == [0, 15, 30, 45]
    assert judged.notes.splitlines() == [
        "line 4: its time 15 is not after 30; it is left out",
        "line 5: its time 30 is not after 30; it is left out",
    ]
    assert judged.lines == tell(lines).lines


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


def test_a_weight_that_was_not_applied_holds_after_the_grace(tell: Tell) -> None:
    lines = [line(15.0 * i, sample("candidate", 0, 0), sample("stable", 7 * i, 750 * i)) for i in range(8)]
    judged = tell(lines)
    assert judged.overall[:3] == ["Continue"] * 3
    assert judged.overall[3:] == ["Hold"] * 5


def test_a_new_weight_has_a_grace_of_its_own(tell: Tell) -> None:
    """The first lines with weight 50 still have a tenth of the requests at the candidate."""
    lines = [*scrapes(4, 1), *scrapes(3, 1, weight=50, start=4)]
    assert set(tell(lines).overall) == {"Continue"}


def test_runs_do_not_touch_each_other(tell: Tell) -> None:
    """Thousands of rollouts in one stream, interleaved: each is judged as if it were alone."""
    worse, same = scrapes(5, 12), scrapes(5, 1)
    alone = {bad: tell(scrapes(5, bad)).lines for bad in (1, 12)}
    mixed = [{**(worse if run % 3 == 0 else same)[i], "run": run} for i in range(5) for run in range(1200)]
    judged = tell(mixed)
    by_run: dict[int, list[dict[str, Any]]] = {}
    for one in judged.lines:
        by_run.setdefault(one["run"], []).append({**one, "run": None})
    assert len(by_run) == 1200
    assert all(lines == alone[12 if run % 3 == 0 else 1] for run, lines in by_run.items())
    assert judged.overall.count("Rollback") == 400 * alone_rollbacks(alone[12])


def alone_rollbacks(lines: Sequence[dict[str, Any]]) -> int:
    count = sum(one["overall"] == "Rollback" for one in lines)
    assert 0 < count < 5
    return count


def test_a_verdict_comes_before_the_next_line_is_sent(tmp_path: Path) -> None:
    """Whoever steers by the verdicts waits for each; one kept back in a buffer would wait for ever."""
    path = tmp_path / "analysis.yaml"
    path.write_text(ANALYSIS)
    command = [sys.executable, "-m", "crossfade", "judge", "--analysis", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as judge:
        assert judge.stdin is not None
        assert judge.stdout is not None
        for one in scrapes(3, 1):
            judge.stdin.write(f"{json.dumps(one)}\n")
            judge.stdin.flush()
            assert json.loads(judge.stdout.readline())["t"] == one["t"]
        judge.stdin.close()
        assert judge.wait(timeout=30) == 0


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


def test_the_interval_can_be_given(tell: Tell) -> None:
    """It says over how many windows the evidence is planned for; the first two lines say it otherwise."""
    same = tell(scrapes(6, 3), f"{ANALYSIS}\ninterval: 15").lines
    assert same == tell(scrapes(6, 3)).lines
    assert same != tell(scrapes(6, 3), f"{ANALYSIS}\ninterval: 300").lines


def test_a_history_of_noise_makes_the_evidence_slower(tell: Tell) -> None:
    history = "history: {errors: {kappa: 0.5, bounds: [0], bad: [900], total: 90000, phi: 1.5, pods: 3, windows: 400}}"
    known = tell(scrapes(6, 6), f"{ANALYSIS}\n{history}").last()["evidence"]
    assert known < tell(scrapes(6, 6)).last()["evidence"]
