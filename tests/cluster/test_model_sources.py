"""Catches a registry that is not followed, and a Rollout that is moved against whoever owns its `spec.modelVersion`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crossfade.api.meta import API_VERSION

from testbed.bed import Bed
from testbed.errors import TestbedError
from tests.contract.conftest import MlflowBench
from tests.support import objects
from tests.support.endpoint import Endpoint
from tests.support.operator_process import OperatorProcess
from tests.support.statuses import conditions

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "model-sources" / "mlflow.yaml"
MANAGER = "crossfade-modelsource/fraud-detector"
Object = dict[str, Any]
Check = Callable[[Object], bool]


@pytest.fixture
def mlflow(mlflow_url: str) -> MlflowBench:
    """The bed's MLflow server."""
    return MlflowBench(mlflow_url)


def means(version: str) -> Check:
    """Whether a ModelSource has heard that what it follows is this version, and that is resolved."""

    def holds(found: Object) -> bool:
        observed = found.get("status", {}).get("observed", {})
        return observed.get("version") == version and "digest" in observed

    return holds


def ready(reason: str) -> Check:
    """Whether Ready has this reason."""
    return lambda found: conditions(found).get("Ready", {}).get("reason") == reason


def promoted(found: Object) -> bool:
    """Whether a Rollout rests."""
    return conditions(found).get("Ready", {}).get("status") == "True"


def claimed(name: str, version: str) -> str:
    """What a ModelSource applies to a Rollout."""
    metadata, spec = {"name": name}, {"modelVersion": version}
    return json.dumps({"apiVersion": API_VERSION, "kind": "Rollout", "metadata": metadata, "spec": spec})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "owner"),
    [
        (("create", "--field-manager=helm"), "helm"),
        (("apply", "--server-side", "--field-manager=argocd-controller"), "argocd-controller"),
        (("apply",), "kubectl-client-side-apply"),
    ],
)
def test_whoever_made_a_rollout_owns_what_it_names(
    bed: Bed, endpoint: Endpoint, words: tuple[str, ...], owner: str
) -> None:
    one, here = objects.rollout("made", "none-yet", endpoint.host), ("--namespace", endpoint.namespace, "-f", "-")
    bed.kubectl(*words, *here, input=json.dumps(one))
    claim = ("apply", "--server-side", f"--field-manager={MANAGER}", "--dry-run=server", *here)
    with pytest.raises(TestbedError, match=rf'conflict with "{owner}"'):
        bed.kubectl(*claim, input=claimed("made", "other"))


async def test_an_alias_that_moves_moves_the_rollout_that_was_handed_over_and_no_other(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], mlflow: MlflowBench, tmp_path: Path
) -> None:
    namespace, until = endpoint.namespace, endpoint.recorder.until
    numbers = []
    for number in (1, 2):
        objects.write_model(tmp_path / str(number), f"{number}.0.0")
        content = (tmp_path / str(number) / "model.json").read_bytes()
        name, version = mlflow.model({"model.json": content}, "fraud-detector")
        numbers.append(version)
    mlflow.alias(name, "candidate", numbers[0])
    start_operator(namespace)
    bed.kubectl("apply", "--namespace", namespace, "-f", str(EXAMPLE))
    heard = await until("ModelSource", "fraud-detector", means(numbers[0]))
    first = heard["status"]["observed"]["modelVersion"]
    assert ready("WaitingForRollout")(heard) or ready("WaitingForModelVersion")(heard)
    made = await until("ModelVersion", first, lambda found: "resolved" in found.get("status", {}))
    assert made["spec"]["source"]["mlflow"] == {"name": name, "version": numbers[0]}
    assert made["metadata"]["labels"] == {"team": "risk", "crossfade.dev/model-source": "fraud-detector"}

    # what was applied by the client becomes the next manager's as a whole; and who forces the same value in shares it
    for rollout, named, how in (("fraud", "none-yet", ["--server-side"]), ("kept", first, [])):
        one = objects.rollout(rollout, named, f"{rollout}.{endpoint.host}", serving=objects.serving(1))
        bed.kubectl("apply", "--namespace", namespace, *how, "-f", "-", input=json.dumps(one))
    other = json.loads(bed.kubectl("get", "modelsource", "fraud-detector", "-n", namespace, "-o", "json"))["spec"]
    await endpoint.create(
        {
            "apiVersion": API_VERSION,
            "kind": "ModelSource",
            "metadata": {"name": "other"},
            "spec": {**other, "moves": {"rollout": "kept"}},
        }
    )
    words = ("--server-side", "--force-conflicts", f"--field-manager={MANAGER}")
    bed.kubectl("apply", "--namespace", namespace, *words, "-f", "-", input=claimed("fraud", first))
    for rollout in ("fraud", "kept"):
        await until("Rollout", rollout, promoted)
    before = (await until("Rollout", "kept", promoted))["spec"]

    mlflow.alias(name, "candidate", numbers[1])
    second = (await until("ModelSource", "fraud-detector", means(numbers[1])))["status"]["observed"]["modelVersion"]
    moved = await until("Rollout", "fraud", lambda found: found["spec"]["modelVersion"] == second)
    assert moved["spec"] == {**before, "modelVersion": second, "traffic": moved["spec"]["traffic"]}
    refused = await until("ModelSource", "other", ready("FieldOwned"))
    said = conditions(refused)["Stalled"]["message"]
    assert (
        "`spec.modelVersion` of the Rollout kept is owned by kubectl-client-side-apply, so nothing was written" in said
    )
    assert refused["status"]["observed"]["modelVersion"] == second, "both share what was made"
    assert (await endpoint.items("Rollout", ""))[1]["spec"] == before
    # what the sentence says to run does what it says
    command = said.partition("or run: kubectl ")[2]
    bed.kubectl(*[word.strip("'") for word in command.split(" ")])
    await until("ModelSource", "other", ready("Moved"))
    others = (*words[:-1], f"{words[-1].rpartition('/')[0]}/other")
    bed.kubectl("apply", "--namespace", namespace, *others, "-f", "-", input=claimed("kept", first))
    kept = json.loads(bed.kubectl("get", "rollout", "kept", "-n", namespace, "-o=json", "--show-managed-fields"))
    ours = [one["fieldsV1"]["f:spec"] for one in kept["metadata"]["managedFields"] if one["manager"].endswith("/other")]
    assert "f:serving" in ours[0], "why the Rollout is read before: an apply of one field would take this away"
    assert len(await endpoint.items("ModelVersion")) == 2
