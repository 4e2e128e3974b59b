"""Would catch a plan that cannot be read, that measures the wrong pods, or that is silent about a faulty file."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs

import numpy as np
import pytest
import yaml
from crossfade.cli.commands import app
from typer.testing import CliRunner, Result

ROLLOUT = {
    "apiVersion": "crossfade.dev/v1alpha1",
    "kind": "Rollout",
    "metadata": {"name": "fraud", "namespace": "ml"},
    "spec": {
        "modelVersion": "fraud-2",
        "serving": {"replicas": 2},
        "traffic": {"gatewayAPI": {"parentRefs": [{"name": "public"}]}},
        "strategy": {"stages": [{"name": "ten", "weight": 10}, {"name": "half", "weight": 50}]},
        "analysis": {
            "metrics": [
                {
                    "name": "errors",
                    "template": "mlserver/errors",
                    "objective": {"relative": {"rollbackAbove": 10, "promoteWithin": 50}},
                }
            ]
        },
    },
}
LATENCY = {"name": "latency", "template": "mlserver/latency", "objective": {"relative": {"slowerBy": 10}}}


def changed(**metric: object) -> dict[str, object]:
    rollout = json.loads(json.dumps(ROLLOUT))
    rollout["spec"]["analysis"]["metrics"][0] |= metric
    return dict(rollout)


def run(folder: Path, *documents: object, flags: str = "--rps 50 --error-rate 0.01") -> Result:
    file = folder / "rollout.yaml"
    file.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    return CliRunner().invoke(app, ["plan", "-f", str(file), *flags.split()], env={"COLUMNS": "160"})


def test_the_table_says_what_each_stage_catches(tmp_path: Path) -> None:
    result = run(tmp_path, ROLLOUT)
    assert result.exit_code == 0, result.output
    assert "ml/fraud: an equal version is promoted in 12 min" in result.output
    (ten,) = (line for line in result.output.splitlines() if line.startswith("│ ten"))
    assert "10%" in ten
    assert "x1.7 in 30 min" in ten
    assert "75 s (2.2 min)" in ten
    assert "! errors: nothing is known of the noise between pods" in result.output


def test_json_has_the_same_in_seconds_and_null_for_never(tmp_path: Path) -> None:
    (one,) = json.loads(run(tmp_path, ROLLOUT, flags="--rps 50 --error-rate 0.0001 --json").output)
    ten = one["stages"][0]
    assert (one["namespace"], one["name"], ten["stage"], ten["gives"]) == ("ml", "fraud", "ten", "10%")
    assert ten["x5"] == {"median": None, "p95": None, "badRequests": None}  # 0.05 % is below the floor of 0.1 %
    assert ten["promotes"]["median"] > 0
    assert any("below the floor" in sentence for sentence in one["warnings"])


def test_the_scrape_interval_is_the_floor(tmp_path: Path) -> None:
    slow, quick = (
        json.loads(run(tmp_path, ROLLOUT, flags=f"--rps 5000 --error-rate 0.01 --scrape-interval {step} --json").output)
        for step in ("1m", "5s")
    )
    assert slow[0]["stages"][1]["x5"]["median"] == 180
    assert quick[0]["stages"][1]["x5"]["median"] == 15


def test_several_rollouts_and_their_templates_come_in_one_file(tmp_path: Path) -> None:
    template = {
        "apiVersion": "crossfade.dev/v1alpha1",
        "kind": "MetricTemplate",
        "metadata": {"name": "mine"},
        "spec": {"ratio": {"bad": "bad_total", "total": "all_total"}},
    }
    second = changed(template="mine") | {"metadata": {"name": "spam"}}
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    found = json.loads(
        run(tmp_path, template, other, None, ROLLOUT, second, flags="--rps 50 --error-rate 0.01 --json").output
    )
    assert [(one["namespace"], one["name"], len(one["stages"])) for one in found] == [
        ("ml", "fraud", 2),
        ("default", "spam", 2),
    ]


def test_a_template_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = run(tmp_path, changed(template="nobody"))
    assert "! the metric 'errors' names the template 'nobody', which does not exist" in result.output


@pytest.mark.parametrize(
    ("documents", "flags", "sentence"),
    [
        (
            [changed(role="Guardrail")],
            "--rps 5 --error-rate 0.1",
            "Rollout fraud: spec.analysis.metrics must have at least one metric",
        ),
        ([{"kind": "Service"}], "--rps 5 --error-rate 0.1", "must hold at least one Rollout of crossfade.dev/v1alpha1"),
        ([ROLLOUT], "--rps 5", "give --rps and --error-rate, or --prometheus to measure them"),
        (
            [ROLLOUT],
            "--rps 5 --error-rate 0.1 --scrape-interval 15",
            "--scrape-interval: '15' must be a duration such as 80ms, 15s or 1h30m",
        ),
        (
            [ROLLOUT],
            "--prometheus http://localhost:1 --lookback 0h",
            "--lookback: '0h' must be a duration such as 80ms, 15s or 1h30m",
        ),
    ],
)
def test_a_fault_is_told_in_a_sentence(tmp_path: Path, documents: list[object], flags: str, sentence: str) -> None:
    result = run(tmp_path, *documents, flags=flags)
    assert result.exit_code == 2
    assert sentence in result.output


def test_what_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("kind: Rollout\nspec: [", encoding="utf-8")
    result = CliRunner().invoke(app, ["plan", "-f", str(file), "--rps", "5", "--error-rate", "0.1"])
    assert result.exit_code == 2
    assert "must be YAML; see line" in result.output


def test_a_prometheus_that_does_not_answer_is_told(tmp_path: Path) -> None:
    result = run(tmp_path, ROLLOUT, flags="--prometheus http://127.0.0.1:1")
    assert result.exit_code == 1
    assert "Prometheus at http://127.0.0.1:1 cannot be reached" in result.output


class Recorded(BaseHTTPRequestHandler):
    """Answers like Prometheus with an hour of two stable pods, of another service, and of an older revision."""

    series: ClassVar[dict[str, list[object]]] = {}

    def do_POST(self) -> None:
        query = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["query"][0]
        kind = "bucket" if "bucket" in query else "bad" if "5.." in query else "all"
        answer = {"status": "success", "data": {"resultType": "matrix", "result": self.series[kind]}}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Be silent."""


def labelled(revision: str, pod: str, counts: np.ndarray, until: float, **more: str) -> dict[str, object]:
    start = until - 15.0 * len(counts)
    values = [[start + 15.0 * k, str(value)] for k, value in enumerate(np.cumsum(counts).tolist())]
    return {"metric": {"namespace": "ml", "revision": revision, "pod": pod, **more}, "values": values}


@pytest.fixture
def prometheus() -> Iterator[str]:
    rng, now = np.random.default_rng(3), time.time()
    pods = [("fraud-aaa", "p0", 375), ("fraud-aaa", "p1", 375), ("spam-bbb", "p2", 5000)]
    Recorded.series = {"all": [], "bad": [], "bucket": []}
    for revision, pod, requests in pods:
        total = rng.poisson(requests, 400)
        Recorded.series["all"].append(labelled(revision, pod, total, now))
        Recorded.series["bad"].append(labelled(revision, pod, rng.binomial(total, 0.02), now))
        left = total
        for le, share in (("+Inf", 1.0), ("0.2", 0.9), ("0.15", 0.8), ("0.1", 0.5)):
            left = rng.binomial(left, share)
            Recorded.series["bucket"].append(labelled(revision, pod, left, now, le=le))
    Recorded.series["all"].append(labelled("fraud-old", "p9", rng.poisson(9000, 400), now - 3600))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_service_is_measured_from_its_stable_pods(tmp_path: Path, prometheus: str) -> None:
    rollout = changed()
    rollout["spec"]["analysis"]["metrics"].append(LATENCY)  # type: ignore[index]
    (one,) = json.loads(run(tmp_path, rollout, flags=f"--prometheus {prometheus} --lookback 2h --json").output)
    errors, latency = one["metrics"]
    assert one["scrapeInterval"] == pytest.approx(15)
    assert errors["rps"] == pytest.approx(50, rel=0.05)
    assert latency["rps"] == pytest.approx(50, rel=0.05)
    assert [row["metric"] for row in one["stages"]] == ["errors", "latency"] * 2
    assert one["falseAlarms"].startswith("false rollbacks: 0 in ")
    assert not any("noise between pods" in sentence for sentence in one["warnings"])
    twice, (ten, *_) = (
        json.loads(run(tmp_path, ROLLOUT, flags="--rps 50 --error-rate 0.02 --json").output),
        one["stages"],
    )
    assert ten["x5"]["median"] == pytest.approx(twice[0]["stages"][0]["x5"]["median"], abs=30)


def test_a_service_that_prometheus_does_not_know_is_told(tmp_path: Path, prometheus: str) -> None:
    nobody = ROLLOUT | {"metadata": {"name": "nobody"}}
    result = run(tmp_path, nobody, flags=f"--prometheus {prometheus}")
    assert "! Prometheus shows no revision of nobody in the namespace default" in result.output
    assert "nothing is known of the service's rates yet" in result.output
    named = run(tmp_path, ROLLOUT, flags=f"--prometheus {prometheus} --stable fraud-none")
    assert "the metric 'errors' has no series of fraud-none" in named.output


def test_flags_fill_in_what_cannot_be_measured(tmp_path: Path, prometheus: str) -> None:
    nobody = ROLLOUT | {"metadata": {"name": "nobody"}}
    flags = f"--prometheus {prometheus} --rps 50 --error-rate 0.01 --json"
    (one,) = json.loads(run(tmp_path, nobody, flags=flags).output)
    assert len(one["stages"]) == 2
