"""Would catch a stream that is misread: counts lost or doubled, a verdict that flickers, a line that stops the rest."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.streams import ANALYSIS, Tell, line, sample, scrapes


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
        assert judge.wait(timeout=120) == 0


def test_the_interval_can_be_given(tell: Tell) -> None:
    """It says over how many windows the evidence is planned for; the first two lines say it otherwise."""
    same = tell(scrapes(6, 3), f"{ANALYSIS}\ninterval: 15").lines
    assert same == tell(scrapes(6, 3)).lines
    assert same != tell(scrapes(6, 3), f"{ANALYSIS}\ninterval: 300").lines


def test_a_history_of_noise_makes_the_evidence_slower(tell: Tell) -> None:
    history = "history: {errors: {kappa: 0.5, bounds: [0], bad: [900], total: 90000, phi: 1.5, pods: 3, windows: 400}}"
    known = tell(scrapes(6, 6), f"{ANALYSIS}\n{history}").last()["evidence"]
    assert known < tell(scrapes(6, 6)).last()["evidence"]
