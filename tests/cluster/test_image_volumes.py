"""Catches a Rollout that serves nothing, or hangs, where an API server drops image volumes without a word."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed import address
from testbed.bed import Bed
from testbed.binaries import Kubernetes
from testbed.pytest_plugin import control_plane
from tests.contract.oci_bench import Layer, OciBench, registry
from tests.support import objects
from tests.support.endpoint import NAME, Endpoint, ready, serves
from tests.support.folders import tar
from tests.support.operator_process import OperatorProcess
from tests.support.statuses import conditions
from tests.support.verified import is_resolved

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

_IMAGE = "application/vnd.oci.image"


@pytest.fixture
def oci(bed: Bed, tmp_path: Path) -> Iterator[OciBench]:
    """A registry on the bed's network that asks nobody who they are."""
    (tmp_path / "registry").mkdir()
    with registry(tmp_path / "registry", place=address.OCI) as made:
        yield made


async def test_image_volumes_that_the_api_server_drops_are_told_before_a_pod_and_stable_serves_on(
    endpoint: Endpoint,
    start_operator: Callable[..., OperatorProcess],
    oci: OciBench,
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    if control_plane(pytestconfig) is not Kubernetes.OLDEST:
        pytest.skip("later API servers keep image volumes; tests/node mounts them")
    start_operator(endpoint.namespace)
    spec = {"oci": {"address": f"http://{address.OCI}"}}
    found = {"apiVersion": "crossfade.dev/v1alpha1", "kind": "ModelRegistry", "metadata": {"name": "models"}}
    await endpoint.create({**found, "spec": spec})
    for number in (1, 2):
        objects.write_model(tmp_path / str(number), f"{number}.0.0")
        content = tar({"models/model.json": (tmp_path / str(number) / "model.json").read_bytes()})
        layer = Layer(gzip.compress(content), f"{_IMAGE}.layer.v1.tar+gzip", {})
        oci.push(f"fraud:{number}", [layer], {}, f"{_IMAGE}.config.v1+json")
        source = {"oci": {"reference": f"fraud:{number}"}, "registryRef": {"name": "models"}}
        await endpoint.create(objects.model_version(f"fraud-{number}", f"{number}.0.0", source))
        await endpoint.recorder.until("ModelVersion", f"fraud-{number}", is_resolved)
    await endpoint.serve(1)

    await endpoint.patch("Rollout", NAME, {"spec": {"modelVersion": "fraud-2", "serving": {"files": "ImageVolume"}}})
    told = await endpoint.until(lambda found: ready(found) == ("False", "ImageVolumesMissing"))
    assert conditions(told)["Stalled"]["reason"] == "ImageVolumesMissing"
    assert "set `spec.serving.files: Loaded`" in conditions(told)["Ready"]["message"]
    assert len(await endpoint.items("Deployment")) == 1
    assert (await endpoint.infer()).json()["model_version"] == "1.0.0"

    await endpoint.patch("Rollout", NAME, {"spec": {"serving": {"files": "Loaded"}}})
    async with endpoint.load(100.0) as load:
        await endpoint.until(lambda found: serves(found, 2))
        await load.stop()
