"""Catches an OCI registry whose model never serves, and a layer that serves although one bit of it differs."""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.address import OCI as ADDRESS
from testbed.bed import Bed
from tests.cluster.test_registries import EXAMPLES
from tests.contract.oci_bench import EXAMPLE, MODELPACK, READER, Layer, OciBench, with_passwords
from tests.support import objects
from tests.support.endpoint import Endpoint, serves
from tests.support.folders import tar
from tests.support.operator_process import OperatorProcess
from tests.support.verified import assert_hidden, flip_a_bit, is_resolved, never_serves

pytestmark = pytest.mark.cluster


@pytest.fixture
def oci(bed: Bed, tmp_path: Path) -> Iterator[OciBench]:
    """A registry on the bed's network that asks for a password."""
    (tmp_path / "registry").mkdir()
    with with_passwords(tmp_path / "registry", ADDRESS) as made:
        yield made


@pytest.mark.slow
async def test_the_example_is_resolved_as_it_is(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], oci: OciBench
) -> None:
    oci.user = EXAMPLE
    digest = oci.modelpack("risk/fraud-detector:1.4.0", packed(b"weights"))
    start_operator(endpoint.namespace)
    bed.kubectl("apply", "--namespace", endpoint.namespace, "-f", str(EXAMPLES / "oci.yaml"))
    found = await endpoint.recorder.until("ModelVersion", "fraud-detector-1-4-0", is_resolved)
    resolved = found["status"]["resolved"]
    assert resolved["immutableUri"] == f"oci://registry.models:5050/risk/fraud-detector@{digest}"
    assert resolved["registryVersion"] == digest.removeprefix("sha256:")
    assert resolved["files"] == 1


async def test_a_layer_serves_and_once_a_bit_of_it_has_changed_never(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], oci: OciBench, tmp_path: Path
) -> None:
    operator = start_operator(endpoint.namespace)
    await endpoint.create(objects.model_registry("models", oci={"address": f"http://{ADDRESS}"}))
    await endpoint.create(secret(oci))
    for number in (1, 2):
        objects.write_model(tmp_path / str(number), f"{number}.0.0")
        oci.modelpack(f"fraud:{number}", packed((tmp_path / str(number) / "model.json").read_bytes()))
        source = {"oci": {"reference": f"fraud:{number}"}, "registryRef": {"name": "models"}}
        await endpoint.create(objects.model_version(f"fraud-{number}", f"{number}.0.0", source))
        found = await endpoint.recorder.until("ModelVersion", f"fraud-{number}", is_resolved)
    await endpoint.create(objects.rollout("fraud", "fraud-1", endpoint.host, endpoint.parent))
    stable = (await endpoint.until(lambda one: serves(one, 1)))["status"]["stable"]["revision"]
    flip_a_bit(first_layer(oci, found["status"]["resolved"]["immutableUri"]))
    await never_serves(endpoint, 2, stable)
    assert_hidden(endpoint, operator, READER[1], ":".join(READER))


def packed(content: bytes) -> Layer:
    return Layer(gzip.compress(tar({"model.json": content})), f"{MODELPACK}.weight.v1.tar+gzip", {})


def first_layer(oci: OciBench, uri: str) -> Path:
    """Of the artifact, as it lies on the registry's disk."""
    manifest = json.loads(oci.blob(uri.partition("@")[2]).read_bytes())
    return oci.blob(manifest["layers"][0]["digest"])


def secret(oci: OciBench) -> dict[str, Any]:
    """Of the kind that pulls images."""
    auth = base64.b64encode(":".join(READER).encode()).decode()
    config = json.dumps({"auths": {oci.host: {"auth": auth}}}, indent=2)
    return objects.secret("models", {".dockerconfigjson": config}, "kubernetes.io/dockerconfigjson")
