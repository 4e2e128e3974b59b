"""Catches a second gateway that comes unasked, comes twice, serves the other's routes, or outlives its bed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from testbed.bed import Bed
from testbed.envoy_objects import CONTROLLER, NAMESPACE
from testbed.errors import TestbedError
from tests.support.gateways import ENVOY, PARENTS, TRAEFIK, on_both_gateways
from tests.testbed.pods import SERVER, Namespace, pod, python, until
from tests.testbed.test_lifecycle import assert_gone, network_namespaces

NAME = f"ev{os.getpid()}"
CONTROLLERS = {TRAEFIK: "traefik.io/gateway-controller", ENVOY: CONTROLLER}


@pytest.fixture
def plain() -> Iterator[Bed]:
    """A bed of the test's own, with one gateway."""
    try:
        yield Bed.up(NAME, tied=True)
    finally:
        Bed.remove(NAME)


def pods_of_envoy(bed: Bed) -> list[str]:
    return bed.kubectl("get", "pods", "--namespace", NAMESPACE, "--output", "name").split()


@pytest.mark.slow
def test_the_second_gateway_comes_when_asked_for_once_and_goes_with_the_bed(plain: Bed) -> None:
    assert pods_of_envoy(plain) == []
    with pytest.raises(TestbedError, match="no gateway envoy"):
        plain.gateway_url(ENVOY)
    plain.start_envoy()
    before = pods_of_envoy(plain)
    assert len(before) == 3, "the job of the certificates, Envoy Gateway, Envoy"
    again = Bed.up(NAME, envoy=True)
    assert pods_of_envoy(plain) == before
    assert again.gateway_url(ENVOY) == plain.gateway_url(ENVOY) != plain.gateway_url(TRAEFIK)
    assert "404" in plain.run(["curl", "-s", "-i", plain.gateway_url(ENVOY)])
    namespace = str(Path(f"/proc/{plain.pid}/ns/net").readlink())
    plain.down()
    assert_gone(NAME)
    assert namespace not in network_namespaces()


def server(port: int) -> dict[str, Any]:
    return pod("server", python(SERVER, str(port), ports=[{"containerPort": port}]))


def service(port: int) -> dict[str, Any]:
    spec = {"selector": {"app": "server"}, "ports": [{"port": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "server"}, "spec": spec}


def route(gateway: str, host: str, port: int) -> dict[str, Any]:
    spec = {
        "parentRefs": [{"name": PARENTS[gateway], "namespace": "gateways"}],
        "hostnames": [host],
        "rules": [{"backendRefs": [{"name": "server", "port": port}]}],
    }
    metadata = {"name": "server"}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": spec}


@pytest.mark.slow
@on_both_gateways
async def test_a_route_is_served_by_its_own_gateway_alone(space: Namespace, bed: Bed, gateway: str) -> None:
    bed.start_envoy()
    host, (other,) = f"{space.name}.test", PARENTS.keys() - {gateway}
    await space.apply(server(8080), service(8080), route(gateway, host, 8080))

    def answer(name: str) -> int:
        url = f"{bed.gateway_url(name)}/ready"
        return httpx.get(url, headers={"host": host}, timeout=60, trust_env=False).status_code

    await until(lambda: answer(gateway) == 200, f"{gateway} does not serve the route")
    assert answer(other) == 404
    found = await space.see(lambda one: one.get("status"), "HTTPRoute")
    assert {parent["controllerName"] for parent in found["status"]["parents"]} == {CONTROLLERS[gateway]}
