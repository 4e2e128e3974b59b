"""Would catch a `crossfade simulate` that misreads words, hides what it left out, or fails without saying why."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from crossfade.cli.commands import app
from crossfade.cli.words import numbers, share, span
from crossfade.simulate.picture import duration, picture
from crossfade.simulate.summary import Ended
from typer.testing import CliRunner

ROLLOUT = """
apiVersion: v1
kind: ConfigMap
---
kind: Rollout
spec:
  strategy:
    stages: [{name: half, weight: 50, maxDuration: 5m, onInconclusive: Advance}]
  analysis:
    metrics:
    - {name: latency, template: mlserver/latency, objective: {relative: {slowerBy: 10}}}
    - {name: memory, gauge: {series: m}, objective: {rule: {max: "95"}}, role: Guardrail}
"""


def simulate(*words: str) -> Result:
    return CliRunner().invoke(app, ["simulate", "--runs", "10", *words])


def test_a_described_service_becomes_a_table_a_picture_and_a_bound() -> None:
    answer = simulate("--errors", "1,20", "--horizon", "10m")
    assert answer.exit_code == 0, answer.output
    assert "x20 errors" in answer.output
    assert "█" * 30 in answer.output
    assert "rolled back in at most 25.89% of the rollouts (95 % sure)" in answer.output


def test_a_rollout_file_brings_its_own_metrics_and_ladder(tmp_path: Path) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text(ROLLOUT)
    answer = simulate("-f", str(file), "--slower", "1,2", "--rps", "200")
    assert answer.exit_code == 0, answer.output
    assert "100 % slower" in answer.output
    assert "memory is a plain threshold and was taken to be kept" in answer.output


def test_json_is_for_programs() -> None:
    words = ("--errors", "5", "--error-rate", "0.5%", "--rps", "100", "--noise", "30%", "--latency", "120ms")
    found = json.loads(simulate(*words, "--json").output)
    assert (found["runs"], found["seed"]) == (10, 0)
    assert (found["service"]["errors"], found["service"]["rps"]) == (0.005, 100)
    assert (found["service"]["pods"]["cv"], found["service"]["latency"]["median"]) == (0.3, 0.12)
    (point,) = found["candidates"]
    assert point["label"] == "x5 errors"
    assert point["rolled_back"]["share"] == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--error-rate", "150%"), "--error-rate: '150%' must be a share such as 1% or 0.01, at most 100%"),
        (("--scrape-interval", "often"), "--scrape-interval: 'often' must be a duration such as 80ms, 15s or 1h30m"),
        (("--errors", "1,x"), "--errors: '1,x' must be numbers above 0 with commas between them, such as 1,2,5"),
        (("--horizon", "5s"), "--horizon: '5s' must be no shorter than --scrape-interval, '15s'"),
    ],
)
def test_a_wrong_word_is_answered_with_what_would_be_right(words: tuple[str, ...], sentence: str) -> None:
    answer = simulate(*words)
    assert answer.exit_code == 2
    assert sentence in answer.output


def test_a_wrong_file_is_answered_with_the_field(tmp_path: Path) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text("kind: Rollout\nspec: {analysis: {metrics: []}}\n")
    answer = simulate("-f", str(file))
    assert answer.exit_code == 2
    assert "stages must be a valid list" in answer.output
    file.write_text(
        ROLLOUT.replace(
            "    - {name: latency, template: mlserver/latency, objective: {relative: {slowerBy: 10}}}\n", ""
        ).replace("role: Guardrail", "role: Required")
    )
    assert "plain thresholds alone" in simulate("-f", str(file)).output


def test_recorded_windows_are_judged_run_by_run(tmp_path: Path) -> None:
    file, lines = tmp_path / "windows.jsonl", []
    for run, bad in (("good", 1), ("worse", 20)):
        for number in range(20):
            samples = [
                {"metric": "errors", "arm": arm, "pod": arm, "bad": number * of, "total": number * total}
                for arm, of, total in (("stable", 9, 900), ("candidate", bad, 100))
            ]
            lines.append(json.dumps({"run": run, "t": 15.0 * number, "weight": 10, "samples": samples}))
    file.write_text("\n".join([*lines, "{"]))
    answer = simulate("--windows", str(file), "--json")
    assert answer.exit_code == 1, "the last line could not be read"
    found = json.loads(answer.stdout)
    assert found["runs"] == 2
    assert {end["verdict"]: end["median"] for end in found["ends"]}["Rollback"] == 45
    assert "Rollback" in simulate("--windows", str(file)).stdout


def test_words_are_what_people_write() -> None:
    assert share("--x", "1%") == share("--x", "0.01") == pytest.approx(0.01)
    assert share("--x", "50 %".replace(" ", "")) == 0.5
    assert span("--x", "1h30m") == 5400
    assert numbers("--x", "1, 2.5") == [1, 2.5]
    assert [duration(length) for length in (45, 60, 90.4)] == ["45s", "1m", "1m 30s"]


def test_a_picture_never_calls_something_nothing_or_everything() -> None:
    rare, nearly = (
        Ended("RolledBack", 1, 0.001, 0.01, 30.0, 30.0, 1, 1),
        Ended("Promoted", 999, 0.999, 1.0, 90.0, 90.0, 1, 1),
    )
    line = picture([("equal", rare, nearly)]).splitlines()[1]
    assert "▏" in line
    assert "<1%" in line
    assert ">99%" in line
    assert line.endswith("1m 30s")
