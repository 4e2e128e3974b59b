"""Catches a Hub whose model never serves or serves other bytes, or whose token goes further than the Hub."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.address import HOST
from testbed.bed import Bed
from tests.support import objects
from tests.support.endpoint import Endpoint
from tests.support.faults import proxy
from tests.support.hub import Hub, serving
from tests.support.operator_process import OperatorProcess
from tests.support.verified import assert_hidden, is_resolved, never_serves

pytestmark = pytest.mark.cluster

EXAMPLES = Path(__file__).parents[2] / "examples" / "registries"
EXAMPLE_TOKEN, TOKEN = "hf_change-me", "hf_canaryOfATenant"
REPO = "risk/fraud"
CARD = b"---\nlicense: mit\ndatasets: [risk/payments]\n---\n# Fraud\n"


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """A Hub that shows its models to one user."""
    made = Hub(tmp_path / "hub", tokens={TOKEN: "reader", EXAMPLE_TOKEN: "reader"})
    made.readers = {REPO: {"reader"}, "risk/fraud-detector": {"reader"}}
    return made


@pytest.fixture
def served(hub: Hub) -> Iterator[Hub]:
    """The same on the bed's network."""
    with serving(hub, HOST):
        yield hub


def pushed(hub: Hub, number: int) -> str:
    """Commit a version of the model, whose file is a large one."""
    model = json.dumps({"name": objects.MODEL, "version": f"{number}.0.0"}).encode()
    return hub.push(REPO, {"model.json": model, "README.md": CARD}, ("model.json",))


@pytest.mark.slow
async def test_the_example_for_the_hub_is_resolved_as_it_is(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], hub: Hub
) -> None:
    files = {"README.md": CARD, "config.json": b"{}", "model.safetensors": b"0" * 512, "model.bin": b"1"}
    commit = hub.push("risk/fraud-detector", files, ("model.safetensors",))
    hub.git("risk/fraud-detector", "tag", "v1.3.0", commit)
    with serving(hub, HOST, 8091):
        start_operator(endpoint.namespace)
        bed.kubectl("apply", "--namespace", endpoint.namespace, "-f", str(EXAMPLES / "hugging-face.yaml"))
        found = await endpoint.recorder.until("ModelVersion", "fraud-detector-1-3-0", is_resolved)
    resolved = found["status"]["resolved"]
    assert (resolved["registryVersion"], resolved["files"]) == (commit, 3)
    assert resolved["access"]["system"] == "huggingFace"
    assert resolved["card"] == {"origin": "Artifact", "license": "mit", "baseModels": [], "tags": []}
    assert resolved["lineage"]["datasets"] == [{"name": "risk/payments"}]


async def test_a_model_of_the_hub_serves_and_one_with_a_byte_changed_never_does(
    endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], served: Hub
) -> None:
    operator = start_operator(endpoint.namespace)
    with proxy(served.url, address=HOST) as front, proxy(served.url, address=HOST) as cdn:
        served.elsewhere = cdn.url
        await endpoint.create(objects.secret("hub", {"token": TOKEN}))
        await endpoint.create(objects.model_registry("hub", huggingFace={"address": front.url}))
        commits = {number: pushed(served, number) for number in (1, 2)}
        for number, commit in commits.items():
            source = {"huggingFace": {"repo": REPO, "revision": commit}, "registryRef": {"name": "hub"}}
            await endpoint.create(objects.model_version(f"fraud-{number}", f"{number}.0.0", source))
            await endpoint.recorder.until("ModelVersion", f"fraud-{number}", is_resolved)
        stable = (await endpoint.serve(1))["status"]["stable"]["revision"]
        kept = served.git(REPO, "cat-file", "blob", f"{commits[2]}:model.json")
        changed = json.dumps({"name": objects.MODEL, "version": "2.0.1"}).encode()
        assert b"sha256" in kept
        served.damage(REPO, commits[2], "model.json", changed)
        await never_serves(endpoint, 2, stable)
        assert front.sent("authorization") == {f"Bearer {TOKEN}"}
        assert cdn.sent("authorization") == {None}
    assert_hidden(endpoint, operator, TOKEN)
