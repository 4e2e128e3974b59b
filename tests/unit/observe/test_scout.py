"""Catches a class without a list read as one with an empty list, and a Gateway that is read for each Rollout."""

import asyncio
from typing import Any

from crossfade.api.v1alpha1 import RolloutSpec
from crossfade.model.gateway import Listener
from crossfade.observe.scout import Scout

from tests.simulation.world import spec
from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster

API = "gateway.networking.k8s.io/v1"
SPEC = RolloutSpec.model_validate(spec())


def gateway_class(**status: Any) -> dict[str, Any]:
    metadata = {"name": "acme", "namespace": ""}
    return {"apiVersion": API, "kind": "GatewayClass", "metadata": metadata, "status": status}


def gateway(**status: Any) -> dict[str, Any]:
    listeners = [
        {"name": "http", "port": 80, "protocol": "HTTP"},
        {"name": "web", "port": 443, "protocol": "HTTPS", "hostname": "*.test"},
    ]
    return {
        "apiVersion": API,
        "kind": "Gateway",
        "metadata": {"name": "public", "namespace": "gateways"},
        "spec": {"gatewayClassName": "acme", "listeners": listeners},
        "status": status,
    }


class Counting(FakeCluster):
    """Counts reads."""

    reads = 0

    async def get(self, *where: Any) -> dict[str, Any]:
        """See ports.Cluster."""
        self.reads += 1
        await asyncio.sleep(0)
        return await super().get(*where)


async def scouted(*objects: dict[str, Any], requests: int = 1) -> tuple[Scout, Counting]:
    cluster, done = Counting(), asyncio.Semaphore(0)
    for one in objects:
        cluster.create(one)
    scout = Scout(cluster, FakeClock())
    for _ in range(requests):
        scout.request(SPEC, "ml", done.release)
    for _ in range(requests):
        await done.acquire()
    return scout, cluster


async def test_addresses_listeners_and_features_are_read() -> None:
    listed = gateway_class(supportedFeatures=[{"name": "HTTPRoute"}, "Gateway"])
    scout, _ = await scouted(listed, gateway(addresses=[{"type": "IPAddress", "value": "10.0.0.1"}]))
    (found,) = scout.of(SPEC, "ml")
    assert (found.class_name, found.features) == ("acme", {"HTTPRoute", "Gateway"})
    assert (found.addresses, found.trouble, found.read_at) == (("10.0.0.1",), "", FakeClock().now())
    assert found.listeners == (Listener("http", 80, "HTTP"), Listener("web", 443, "HTTPS", "*.test"))


async def test_no_list_is_not_an_empty_list() -> None:
    for status in ({}, {"supportedFeatures": []}):
        scout, _ = await scouted(gateway_class(**status), gateway())
        assert scout.of(SPEC, "ml")[0].features is None


async def test_what_cannot_be_read_is_said() -> None:
    scout, _ = await scouted()
    assert "not found" in scout.of(SPEC, "ml")[0].trouble
    assert scout.of(None, "ml") == ()


async def test_rollouts_behind_one_gateway_share_what_is_read() -> None:
    _, cluster = await scouted(gateway_class(), gateway(), requests=1000)
    assert cluster.reads == 2
