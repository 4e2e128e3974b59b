"""Catches an operator that needs the Gateway API where nobody asks for it, or says nothing where somebody does."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testbed import gateway_api
from testbed.bed import Bed
from testbed.pytest_plugin import control_plane
from tests.support import objects
from tests.support.installation import install
from tests.support.operator_process import Installation, OperatorProcess
from tests.support.recorder import Object

pytestmark = pytest.mark.cluster

_DEFINITIONS = Path(gateway_api.__file__).parent / "manifests" / "gateway-api"
_NAMESPACE = "bare"
_SECONDS = 120.0


@pytest.fixture
def bare(pytestconfig: pytest.Config) -> Iterator[Bed]:
    """A bed whose API server has never heard of the Gateway API."""
    bed = Bed.up(f"bare-{os.getpid()}", kubernetes=control_plane(pytestconfig), tied=True)
    try:
        bed.kubectl("delete", "-f", str(_DEFINITIONS), "--timeout=180s")
        yield bed
    finally:
        bed.down()


def with_gateway(bed: Bed) -> None:
    """The Gateway API comes, and the Gateway that Rollouts name, for which nobody cares."""
    bed.kubectl("apply", "--server-side", "-f", str(_DEFINITIONS))
    bed.kubectl("wait", "-f", str(_DEFINITIONS), "--for=condition=Established", "--timeout=180s")
    made = [
        gateway_api.class_manifest("nobodys", "example.com/nobody"),
        gateway_api.gateway_manifest(gateway_api.GATEWAY, "nobodys"),
    ]
    bed.kubectl("apply", "-f", "-", input=json.dumps({"kind": "List", "apiVersion": "v1", "items": made}))


def read(bed: Bed, name: str) -> Object:
    return dict(json.loads(bed.kubectl("get", "rollout", name, "-n", _NAMESPACE, "--output=json")))


def message_of(bed: Bed, name: str) -> str:
    """What Ready says."""
    found = read(bed, name).get("status", {}).get("conditions", ())
    return next((str(one["message"]) for one in found if one["type"] == "Ready"), "")


def until_it_says(bed: Bed, name: str, words: str, by: OperatorProcess | None = None) -> str:
    """What it says with these words in it. An operator that ends meanwhile without a fault is started again."""
    deadline = time.monotonic() + _SECONDS
    while words not in (said := message_of(bed, name)):
        assert time.monotonic() < deadline, said
        if by is not None and by.process is not None and by.process.poll() is not None:
            until_it_ends(by)
            by.spawn()
    return said


@contextmanager
def running(installation: Installation, log: Path) -> Iterator[OperatorProcess]:
    """An operator of its own, which ends with the block."""
    operator = OperatorProcess(installation, log)
    operator.spawn()
    try:
        yield operator
    finally:
        operator.stop()


def until_it_ends(operator: OperatorProcess) -> None:
    """Without a fault: it is to be started again, and to watch what it could not."""
    assert operator.process is not None
    assert operator.process.wait(2 * _SECONDS) == 0, operator.tail()


def prepared(bed: Bed, folder: Path) -> Installation:
    """The operator's rights and kinds, and two Rollouts: `plain`, and `routed`, which asks for a route."""
    installation = install(bed, folder)
    address = objects.write_model(folder / "1", "1.0.0")
    plain = objects.rollout("plain", "fraud-1", "plain.test", traffic={"replicas": {}}, serving=objects.serving(1))
    routed = objects.rollout("routed", "fraud-1", "routed.test", serving=objects.serving(1))
    made = [objects.model_version("fraud-1", "1.0.0", {"uri": {"uri": address}}), plain, routed]
    bed.kubectl("create", "namespace", _NAMESPACE)
    bed.kubectl(
        "apply", "-n", _NAMESPACE, "-f", "-", input=json.dumps({"kind": "List", "apiVersion": "v1", "items": made})
    )
    return installation


@pytest.mark.slow
def test_rollouts_behind_a_service_need_no_gateway_api_and_others_say_what_to_do(bare: Bed, tmp_path: Path) -> None:
    installation = prepared(bare, tmp_path)
    with running(installation, tmp_path / "without.log") as operator:
        bare.kubectl("wait", "rollout/plain", "-n", _NAMESPACE, "--for=condition=Ready", "--timeout=180s")
        said = until_it_says(bare, "routed", "does not have HTTPRoutes")
        assert "install the CRDs of the Gateway API" in said
        assert "`spec.traffic.replicas`" in said
        assert operator.process is not None
        assert operator.process.poll() is None, operator.tail()
        with_gateway(bare)
        until_it_ends(operator)
    with running(installation, tmp_path / "with.log"):
        until_it_says(bare, "routed", "has not looked at the route yet")


@pytest.mark.slow
def test_a_gateway_api_that_goes_under_an_operator_is_named_and_watched_again(bare: Bed, tmp_path: Path) -> None:
    with_gateway(bare)
    installation = prepared(bare, tmp_path)
    with running(installation, tmp_path / "watching.log") as operator:
        until_it_says(bare, "routed", "has not looked at the route yet")
        operator.until_audited()  # so that it watches routes by now
        bare.kubectl("delete", "-f", str(_DEFINITIONS), "--timeout=180s")
        until_it_says(bare, "routed", "does not have HTTPRoutes", by=operator)
        with_gateway(bare)
        until_it_ends(operator)
    with running(installation, tmp_path / "again.log"):
        until_it_says(bare, "routed", "has not looked at the route yet")
