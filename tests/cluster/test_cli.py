"""Catches commands that work on recorded data and not on a live cluster: plan by Prometheus, explain, its export."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from testbed.bed import Bed
from tests.support import objects
from tests.support.endpoint import NAME, Endpoint, at_least, rolled_back
from tests.support.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster

RATE = 100.0
SPEC = {"analysis": objects.errors(), "strategy": objects.stages(20, 50)}


def crossfade(bed: Bed, *words: str, text: str | None = None) -> str:
    """What the command prints, run by a person with the cluster's kubeconfig."""
    return bed.run([sys.executable, "-m", "crossfade", *words], text=text)


@pytest.mark.slow
async def test_a_rollback_is_explained_and_its_windows_judged_again_bit_for_bit(
    endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], bed: Bed, tmp_path: Path
) -> None:
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2, errorRate=0.2)
    await endpoint.serve(1, **SPEC)
    rollout = tmp_path / "rollout.yaml"
    async with endpoint.load(RATE) as load:
        await at_least(load, 1000)
        planned = objects.rollout(NAME, f"{NAME}-2", endpoint.host, **SPEC)
        planned["metadata"]["namespace"] = endpoint.namespace
        rollout.write_text(yaml.safe_dump(planned))
        plan = crossfade(bed, "plan", "-f", str(rollout), "--prometheus", bed.prometheus, "--json")
        await endpoint.ask(2)
        ended = await endpoint.until(rolled_back)
    (told,) = json.loads(plan)
    assert [row["stage"] for row in told["stages"]] == ["at-20", "at-50"]
    assert RATE / 2 < told["metrics"][0]["rps"] < 1.2 * RATE, "less than is sent, for its past has idle seconds too"
    windows = tmp_path / "windows.jsonl"
    where = ("--namespace", endpoint.namespace, "--export", str(windows), "--prometheus", bed.prometheus)
    said = crossfade(bed, "explain", NAME, *where)
    assert ended["status"]["outcome"]["message"].split(": ")[0] in " ".join(said.split())
    assert "Judged again here: the evidence is that of the status." in said
    analysis = next(word for word in said.split() if word.endswith((".yaml", ".yml")))
    verdicts = crossfade(bed, "judge", "--analysis", analysis, text=windows.read_text()).splitlines()
    assert json.loads(verdicts[-1])["overall"] == "Rollback"
