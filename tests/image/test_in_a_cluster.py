"""Would catch that what the image leaves out is needed after all: by pods under `restricted`, in a whole rollout."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from testbed.bed import Bed
from testbed.handle import ClusterHandle
from tests.support.dockerfile import ROOT
from tests.support.endpoint import Endpoint, at_least, failed_by_route, serves
from tests.support.installation import administrator, install, new_namespace
from tests.support.networks import BED
from tests.support.operator_process import Installation

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

_NAMESPACE, _NAME = "crossfade-image", "built"
_RATE = 50.0


@pytest.fixture(scope="module")
def installed(app: Path, bed: ClusterHandle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The chart with the environment that the Dockerfile's steps made: it is a pod's only program.

    `app` comes before `bed`: from inside the bed's network no package can be fetched.
    """
    assert isinstance(bed, Bed), "only the testbed runs an image without an engine"
    catalogue, folder = bed.dir / "images.json", tmp_path_factory.mktemp("models")
    paths = [str(app), str((app / "bin" / "python").resolve().parents[1]), str(folder)]  # a pod has a /tmp of its own
    image = {
        "entrypoint": [str(app / "bin" / "crossfade")],
        "cmd": ["run"],
        "env": {"PATH": f"{app}/bin:/usr/bin:/bin"},
    }
    catalogue.write_text(json.dumps(json.loads(catalogue.read_text()) | {_NAME: image | {"paths": paths}}))
    installation = install(bed, folder)
    bed.kubectl("create", "namespace", _NAMESPACE)
    bed.kubectl("label", "namespace", _NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    settings = [f"--set=prometheus.address={bed.prometheus}", "--set=metrics.interval=1"]
    settings += [
        f"--set=image.repository=kit.local/{_NAME}",
        f"--set-json=registries.allowedNetworks={json.dumps(BED.split(','))}",
    ]
    place = ["--namespace", _NAMESPACE, "--take-ownership", "--force-conflicts", "--wait", "--timeout", "180s"]
    bed.helm("install", "crossfade", str(ROOT / "charts" / "crossfade"), *place, *settings)
    bed.kubectl("set", "env", "deployment/crossfade", "-n", _NAMESPACE, f"CROSSFADE_FILE_ROOT={folder}")
    bed.kubectl("rollout", "status", "deployment/crossfade", "-n", _NAMESPACE, "--timeout=180s")
    yield installation
    bed.helm("uninstall", "crossfade", "--namespace", _NAMESPACE, "--wait", "--timeout", "180s")
    bed.kubectl("delete", "namespace", _NAMESPACE, "--wait=false")


@pytest.fixture
async def endpoint(installed: Installation) -> AsyncIterator[Endpoint]:
    """An endpoint of the test's own."""
    async with administrator(installed.bed) as admin, new_namespace(admin, installed) as found:
        yield found


async def test_its_pods_roll_a_version_out_and_no_request_fails(installed: Installation, endpoint: Endpoint) -> None:
    """The operator's and the loaders': both are this image, and nothing of this machine's own environment."""
    await endpoint.model(1)
    await endpoint.model(2)
    await endpoint.serve(1)
    async with endpoint.load(_RATE) as load:
        await at_least(load, 50)
        await endpoint.ask(2)
        await endpoint.until(lambda found: serves(found, 2))
        await load.stop()
    assert failed_by_route(load.samples) == {}
    pods = [pod for pod in await endpoint.items("Pod") if pod["spec"].get("initContainers")]
    loaders = {loader["image"] for pod in pods for loader in pod["spec"]["initContainers"]}
    assert {image.partition(":")[0] for image in loaders} == {f"kit.local/{_NAME}"}
    logs = installed.bed.kubectl("logs", "-n", _NAMESPACE, "deployment/crossfade", "--all-pods=true")
    assert "ModuleNotFoundError" not in logs
