"""Would catch an export that tells another story than the verdict it stands for, and a story that hides its figures."""

import io
import json
import random
from collections.abc import Mapping
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest
from crossfade.api.v1alpha1.rollout import Arm, Outcome, RolloutSpec, RolloutStatus, StageStatus, TrafficStatus
from crossfade.cli.commands import app
from crossfade.cli.evidence import Behind, ExportError, arms_of, behind, bounds_of, differing, write
from crossfade.cli.explain import tell
from crossfade.decide.judge.describe import analysis_status
from crossfade.decide.judge.engine import judge
from crossfade.decide.judge.rules import rules_of
from crossfade.decide.judge.windows import catch_up
from crossfade.decide.memory import begun, forgotten, recorded
from crossfade.judging.lines import read
from crossfade.judging.runs import Lines
from crossfade.judging.setup import parse
from crossfade.model.evidence import Counters, Series
from crossfade.model.ledger import History, Ledger, MetricLedger
from crossfade.model.moments import stamp
from rich.console import Console
from typer.testing import CliRunner

_BEGAN = 1_700_000_000.25
_STEP = 15.0
_DIGEST = f"sha256:{'0' * 64}"
_BOUNDS = (0.1, 0.25, 0.5)
_HISTORIES = {
    "errors": History(0.02, (0.0,), (900,), 90_000, 1.2, 3, 400),
    "p99": History(0.01, _BOUNDS, (36_000, 9_000, 900), 90_000, 1.1, 3, 400),
}

ERRORS = {
    "name": "errors",
    "ratio": {"bad": "bad", "total": "all"},
    "objective": {"relative": {"rollbackAbove": 10, "promoteWithin": 50}},
}
P99 = {"name": "p99", "latency": {"buckets": "b"}, "objective": {"relative": {"slowerBy": 10}}, "role": "Guardrail"}
MEMORY = {
    "name": "memory",
    "gauge": {"series": "g"},
    "objective": {"rule": {"max": "95", "min": "1"}},
    "role": "Guardrail",
}


def spec(**analysis: Any) -> RolloutSpec:
    return RolloutSpec.model_validate(
        {
            "modelVersion": "fraud-2",
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "public"}]}},
            "strategy": {"stages": [{"name": "ten", "weight": 10}, {"name": "half", "weight": 50}]},
            "analysis": {"metrics": [ERRORS, P99, MEMORY], **analysis},
        }
    )


class Pod:
    """A server's counters as its `/metrics` shows them: from 0 when it starts, and again when it restarts."""

    def __init__(self, chance: random.Random, revision: str, name: str, starts: float, worse: float) -> None:
        self.revision, self.name = revision, name
        self._chance, self._worse, self._at = chance, worse, starts + chance.uniform(0, _STEP)
        self.series: dict[str, list[tuple[float, float]]] = {}
        self._total, self._bad, self._within = 0, 0, [0, 0, 0]

    def run(self, until: float, *, restarts: float = inf) -> None:
        """Scrape after scrape, some of which fail; errors have no series before the first one."""
        chance = self._chance
        while self._at < until:
            if restarts <= self._at:
                self._total, self._bad, self._within, restarts = 0, 0, [0, 0, 0], inf
            requests = chance.randrange(40, 90)
            self._total += requests
            self._bad += sum(chance.random() < 0.01 * self._worse for _ in range(requests))
            for place, share in enumerate((0.6, 0.9, 0.99)):
                self._within[place] += round(requests * share**self._worse)
            if chance.random() > 0.04:
                self._scraped()
            self._at += _STEP

    def _scraped(self) -> None:
        values = {"total": self._total, "gauge": self._chance.uniform(60, 90), "inf": self._total}
        values |= {str(place): count for place, count in enumerate(self._within)}
        if self._bad:
            values["bad"] = self._bad
        for name, value in values.items():
            self.series.setdefault(name, []).append((self._at, float(value)))


def recording(seed: int, worse: float) -> list[Pod]:
    """Twenty minutes: pods that were there before, one born midway, one that restarts, one that is gone at the end."""
    chance = random.Random(seed)
    pods = [Pod(chance, "old", f"old-{i}", _BEGAN - 400, 1.0) for i in range(3)]
    pods += [Pod(chance, "new", f"new-{i}", _BEGAN - 60 + 5 * i, worse) for i in range(2)]
    late = Pod(chance, "new", "new-9", _BEGAN + 500, worse)
    pods[0].run(_BEGAN + 700)
    pods[1].run(_BEGAN + 1200, restarts=_BEGAN + chance.uniform(100, 900))
    pods[2].run(_BEGAN + 1200)
    pods[3].run(_BEGAN + 1200)
    pods[4].run(_BEGAN + 1200, restarts=_BEGAN + chance.uniform(100, 900))
    late.run(_BEGAN + 1200)
    return [*pods, late]


def readings(pods: list[Pod], since: float, until: float) -> dict[str, Counters]:
    """What Prometheus answers for (since, until]."""

    def of(name: str) -> tuple[Series, ...]:
        found = []
        for pod in pods:
            samples = tuple(sample for sample in pod.series.get(name, ()) if since < sample[0] <= until)
            if samples:
                found.append(Series(pod.revision, pod.name, samples))
        return tuple(found)

    buckets = {bound: of(str(place)) for place, bound in enumerate(_BOUNDS)}
    return {
        "errors": Counters(bad=of("bad"), total=of("total")),
        "p99": Counters(buckets={**buckets, inf: of("inf")}),
        "memory": Counters(gauges=of("gauge")),
    }


def arm(version: str, revision: str) -> Arm:
    return Arm(model_version=version, revision=revision, digest=_DIGEST)


def watched(rollout: RolloutSpec, pods: list[Pod], until: float) -> tuple[Ledger, RolloutStatus]:
    """The operator's way: a look each 7 s at the last five minutes, half of the traffic from the tenth minute on."""
    ledger = begun(rollout, arm("fraud-2", "new"), _BEGAN, _STEP, _HISTORIES)
    rules = rules_of(rollout.analysis, rollout.strategy.stages, _STEP, history=_HISTORIES)
    now, silent = _BEGAN, frozenset[str]()
    while (now := now + 7.0) < _BEGAN + until:
        weight, since = (10, _BEGAN) if now < _BEGAN + 600 else (50, _BEGAN + 600)
        seen = readings(pods, now - 300, now)
        new, silent = catch_up(rules, ledger, seen, "old", "new", weight=weight, since=since, now=now)
        ledger = replace(ledger, metrics=new.metrics, traffic=new.traffic)
    told = recorded(analysis_status(rules, ledger, judge(rules, ledger, silent), now), ledger)
    stage = StageStatus(index=1, name="half", summary="2/2 half", entered_at=stamp(_BEGAN + 600))
    return ledger, RolloutStatus(
        stable=arm("fraud-1", "old"),
        candidate=arm("fraud-2", "new"),
        stage=stage,
        traffic=TrafficStatus(desired=50, acknowledged=50, observed="49.8%"),
        analysis=told,
    )


def folded(found: Behind) -> Mapping[str, MetricLedger]:
    """The ledgers that `crossfade judge` has after the stream."""
    setup = parse(json.dumps(found.analysis))
    run = Lines(setup)
    for line in found.lines:
        run.take(read(json.dumps(line), setup.kinds))
    return run.ledger.metrics


def without_making(ledger: Ledger) -> dict[str, MetricLedger]:
    """Without who is late: that is needed to make rounds, and the stream has them made."""
    return {name: replace(one, behind=()) for name, one in ledger.metrics.items()}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("worse", [1.0, 2.5])
def test_an_exported_stream_folds_into_the_operators_ledgers_bit_for_bit(seed: int, worse: float) -> None:
    pods, rollout = recording(seed, worse), spec()
    ledger, status = watched(rollout, pods, 1150)
    found = behind(rollout, status, readings(pods, _BEGAN - 300, _BEGAN + 1300), ("old", "new"), {})
    assert folded(found) == without_making(ledger)
    assert min(one.looks for name, one in ledger.metrics.items() if name != "memory") > 30
    assert differing(status, found.replay()) == []


def test_the_warm_up_is_left_out_of_the_stream_and_not_a_second_time(tmp_path: Path) -> None:
    pods, rollout = recording(3, 1.0), spec(warmup="60s")
    ledger, status = watched(rollout, pods, 900)
    found = behind(rollout, status, readings(pods, _BEGAN - 300, _BEGAN + 1300), ("old", "new"), {})
    assert folded(found) == without_making(ledger)


def test_the_stream_has_the_weights_of_the_stages() -> None:
    pods, rollout = recording(1, 1.0), spec()
    _, status = watched(rollout, pods, 1150)
    found = behind(rollout, status, readings(pods, _BEGAN - 300, _BEGAN + 1300), ("old", "new"), {})
    assert found.weights_known
    changes = [one["t"] - _BEGAN for one in found.lines if one["weight"] == 50]
    assert {one["weight"] for one in found.lines} == {10, 50}
    assert 570 < changes[0] < 640


def test_of_a_rollout_that_ended_the_evidence_is_the_same_and_the_weights_are_unknown() -> None:
    pods, rollout = recording(5, 2.5), spec()
    ledger, status = watched(rollout, pods, 1150)
    end = outcome("RolledBack", "fraud-2", "new")
    gone = {"candidate": None, "stage": None, "traffic": None, "outcome": end, "history": [end]}
    status = status.model_copy(update={**gone, "analysis": forgotten(status.analysis)})
    found = behind(rollout, status, readings(pods, _BEGAN - 300, _BEGAN + 1300), arms_of(status), {})
    assert not found.weights_known
    pooled = {name: replace(one, strata=()) for name, one in without_making(ledger).items()}
    assert {name: replace(one, strata=()) for name, one in folded(found).items()} == pooled
    assert differing(status, found.replay()) == []


def test_samples_that_prometheus_lost_are_told() -> None:
    pods, rollout = recording(1, 1.0), spec()
    _, status = watched(rollout, pods, 1150)
    found = behind(rollout, status, readings(pods, _BEGAN + 400, _BEGAN + 1300), ("old", "new"), {})
    assert differing(status, found.replay()) == ["errors", "p99"]


def outcome(result: str, version: str, revision: str) -> Outcome:
    return Outcome.model_validate(
        {
            "result": result,
            "cause": "MetricRegressed",
            "message": "errors: worse.",
            "modelVersion": version,
            "revision": revision,
            "at": "2026-01-31T12:00:00Z",
            "asked": "0" * 16,
        }
    )


def test_after_a_promotion_the_arms_are_those_that_were_compared() -> None:
    history = [
        outcome("Promoted", "fraud-2", "new"),
        outcome("RolledBack", "bad", "bad"),
        outcome("Promoted", "a", "old"),
    ]
    status = RolloutStatus(stable=arm("fraud-2", "new"), outcome=history[0], history=history)
    assert arms_of(status) == ("old", "new")


def test_arms_that_are_not_known_are_told() -> None:
    with pytest.raises(ExportError, match="no candidate was judged yet"):
        arms_of(RolloutStatus(stable=arm("fraud-1", "old")))
    end = outcome("Promoted", "fraud-2", "new")
    with pytest.raises(ExportError, match="no longer in the history"):
        arms_of(RolloutStatus(stable=arm("fraud-2", "new"), outcome=end, history=[end]))


def test_nothing_counted_and_nothing_kept_are_told() -> None:
    with pytest.raises(ExportError, match="no evidence was counted yet"):
        behind(spec(), RolloutStatus(), {}, ("old", "new"), {})
    pods, rollout = recording(1, 1.0), spec()
    _, status = watched(rollout, pods, 100)
    ended = status.model_copy(update={"stage": None, "analysis": forgotten(status.analysis)})
    with pytest.raises(ExportError, match="Prometheus has no samples of that time any more"):
        behind(rollout, ended, {}, ("old", "new"), {})


def test_histograms_are_read_at_the_bounds_that_were_counted() -> None:
    pods, rollout = recording(1, 1.0), spec()
    _, status = watched(rollout, pods, 400)
    assert bounds_of(rollout, status) == {"errors": (0.0,), "p99": _BOUNDS, "memory": ()}
    capped = {**P99, "objective": {"absolute": {"max": "500ms", "quantile": "0.99"}}}
    assert bounds_of(spec(metrics=[ERRORS, capped]), RolloutStatus())["p99"] == (0.5,)


def test_written_files_give_judges_verdict(tmp_path: Path) -> None:
    """Case D20."""
    pods, rollout = recording(7, 2.5), spec()
    _, status = watched(rollout, pods, 1150)
    found = behind(rollout, status, readings(pods, _BEGAN - 300, _BEGAN + 1300), ("old", "new"), {})
    beside = write(found, tmp_path / "windows.jsonl")
    assert beside == tmp_path / "windows.analysis.yaml"
    stream = (tmp_path / "windows.jsonl").read_text()
    result = CliRunner().invoke(app, ["judge", "--analysis", str(beside)], input=stream)
    assert result.exit_code == 0, result.stderr
    last = json.loads(result.stdout.splitlines()[-1])
    assert status.analysis is not None
    assert last["overall"] == status.analysis.verdict == "Rollback"
    assert [one["sentence"] for one in last["metrics"]] == [one.explanation for one in status.analysis.metrics]


def story(status: RolloutStatus) -> str:
    out = io.StringIO()
    tell("fraud", status, Console(file=out, width=200))
    return out.getvalue()


def test_the_story_has_verdict_figures_sentences_and_history() -> None:
    pods, rollout = recording(7, 2.5), spec()
    _, status = watched(rollout, pods, 1150)
    text = story(status.model_copy(update={"history": [outcome("Promoted", "fraud-1", "old")]}))
    assert status.analysis is not None
    errors = status.analysis.metrics[0]
    assert "fraud-2 over fraud-1: 50% of the requests, 49.8% seen, stage 2/2 half since 2023-11-14T22:23:20" in text
    assert "Rollback at " in text
    assert f"{errors.candidate.bad:,} of {errors.candidate.total:,}" in text
    assert f"{errors.low} to {errors.high}" in text
    assert f"{errors.evidence}" in text
    assert errors.explanation[:120] in text
    assert "2026-01-31T12:00:00Z  Promoted (MetricRegressed) fraud-1: errors: worse." in text


def test_the_story_of_a_fresh_rollout_says_that_there_is_none() -> None:
    assert story(RolloutStatus()) == "fraud  nothing serves all requests\nNothing was judged yet.\n"


def test_names_with_brackets_are_not_markup() -> None:
    end = outcome("Superseded", "fraud-2", "new").model_copy(update={"message": "[bold]not bold[/bold]"})
    assert "[bold]not bold[/bold]" in story(RolloutStatus(history=[end], outcome=end))


def test_an_export_without_prometheus_is_refused() -> None:
    result = CliRunner().invoke(
        app, ["explain", "fraud", "--export", "out.jsonl"], env={"CROSSFADE_PROMETHEUS_ADDRESS": ""}
    )
    assert result.exit_code == 2
    assert "--prometheus" in result.stderr


def test_no_cluster_is_told_in_a_sentence(tmp_path: Path) -> None:
    env = {"KUBECONFIG": str(tmp_path / "missing"), "KUBERNETES_SERVICE_HOST": ""}
    result = CliRunner().invoke(app, ["explain", "fraud"], env=env)
    assert result.exit_code == 1
    assert result.stderr.startswith("crossfade explain: there is no way to reach a cluster")
