"""Would catch manifests for kind that an API server refuses, or that Envoy Gateway does not understand.

No test has a Docker engine, so what is here and in tests/unit/testbed/test_kind.py is all that is known of `make kind`.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import kind
from testbed.bed import Bed
from testbed.handle import ClusterHandle
from tests.chart.rendering import Object, documents, one, operator, template

pytestmark = pytest.mark.cluster

_DRY = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-")


def objects(name: str) -> list[Object]:
    """What a file of kind/ has."""
    return documents((kind.FOLDER / name).read_text())


def as_list(found: list[Object]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": found})


@pytest.fixture(scope="module")
def namespaces(bed: ClusterHandle) -> Iterator[None]:
    """As the second step makes them: a dry run makes none, and wants them."""
    made = [name for name in ("monitoring", "mlops") if name not in bed.kubectl("get", "namespaces", "--output=name")]
    bed.kubectl("apply", "--filename", str(kind.FOLDER / "namespaces.yaml"))
    yield
    if made:
        bed.kubectl("delete", "namespace", *made, "--wait=false")


@pytest.mark.usefixtures("namespaces")
def test_the_api_server_takes_every_manifest_and_what_helm_would_install(
    bed: ClusterHandle, helm_program: Path
) -> None:
    """But for the EnvoyProxy, which only the next test has a kind for, and CRDs, which are those of every release."""
    found = [each for name in ("gateway", "prometheus", "mlflow") for each in objects(f"manifests/{name}.yaml")]
    known = [each for each in found if each["kind"] != "EnvoyProxy"]
    values = ("--values", str(kind.FOLDER / "values.yaml"), "--set", "crds.enabled=false", "--namespace", "default")
    installed = documents(template(helm_program, *values))
    told = bed.kubectl(*_DRY, input=as_list([*known, *installed]))
    assert len(told.splitlines()) == len(known) + len(installed)
    container = operator(installed)
    assert container["image"] == container["env"]["CROSSFADE_LOADER_IMAGE"] == kind.IMAGE


@pytest.mark.slow
def test_envoy_gateway_serves_the_gateway_at_the_port_of_the_node(bed: Bed) -> None:
    """Envoy itself, of the image that is Envoy Gateway's own choice, does not run on a bed; its Service is there."""
    bed.start_envoy()
    found = objects("manifests/gateway.yaml")
    gateway = one(found, "Gateway")
    gateway["metadata"]["name"] = "kind"  # the bed has one of its name already
    owned = "--selector=gateway.envoyproxy.io/owning-gateway-name=kind"
    try:
        bed.kubectl("apply", "-f", "-", input=as_list(found))
        bed.kubectl("wait", "gateway/kind", "-n", "gateways", "--for=condition=Accepted", "--timeout=180s")
        place = ("services", "--all-namespaces", owned)
        bed.kubectl("wait", *place, "--for=create", "--timeout=180s")
        (service,) = json.loads(bed.kubectl("get", *place, "--output=json"))["items"]
    finally:
        bed.kubectl("delete", "-f", "-", input=as_list(found))
    assert service["spec"]["type"] == "NodePort"
    assert [(port["port"], port["nodePort"]) for port in service["spec"]["ports"]] == [(80, 30080)]
