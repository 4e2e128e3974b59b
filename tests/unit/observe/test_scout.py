"""Catches a class without a list read as one with an empty list, and a Gateway that is read for each Rollout."""

import asyncio
from typing import Any

import pytest
from crossfade.api.v1alpha1 import RolloutSpec
from crossfade.model.gateway import Listener
from crossfade.observe import scout as scout_module
from crossfade.observe.scout import Scout
from crossfade.ports import ClusterError

from tests.simulation.world import spec
from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster

API = "gateway.networking.k8s.io/v1"
SPEC = RolloutSpec.model_validate(spec())


def gateway_class(**status: Any) -> dict[str, Any]:
    metadata = {"name": "acme", "namespace": ""}
    said = {"controllerName": "acme.test/controller"}
    return {"apiVersion": API, "kind": "GatewayClass", "metadata": metadata, "spec": said, "status": status}


def gateway(**status: Any) -> dict[str, Any]:
    listeners = [
        {"name": "http", "port": 80, "protocol": "HTTP"},
        {
            "name": "web",
            "port": 443,
            "protocol": "HTTPS",
            "hostname": "*.test",
            "allowedRoutes": {"namespaces": {"from": "All"}, "kinds": [{"kind": "HTTPRoute"}]},
        },
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
    broken = 0

    async def get(self, *where: Any) -> dict[str, Any]:
        """See ports.Cluster."""
        self.reads += 1
        await asyncio.sleep(0)
        if self.broken:
            raise ClusterError("no answer", self.broken)
        return await super().get(*where)


async def scouted(*objects: dict[str, Any], requests: int = 1, broken: int = 0) -> tuple[Scout, Counting]:
    cluster, done = Counting(), asyncio.Semaphore(0)
    cluster.broken = broken
    for one in objects:
        cluster.create(one)
    scout = Scout(cluster, FakeClock())
    for _ in range(requests):
        scout.request(SPEC, "ml", done.release)
    for _ in range(requests):
        await done.acquire()
    return scout, cluster


async def test_addresses_listeners_features_and_the_controller_are_read() -> None:
    listed = gateway_class(supportedFeatures=[{"name": "HTTPRoute"}, "Gateway"])
    scout, _ = await scouted(listed, gateway(addresses=[{"type": "IPAddress", "value": "10.0.0.1"}]))
    (found,) = scout.of(SPEC, "ml")
    assert (found.class_name, found.features) == ("acme", {"HTTPRoute", "Gateway"})
    assert found.controller == "acme.test/controller"
    assert (found.addresses, found.trouble, found.read_at) == (("10.0.0.1",), "", FakeClock().now())
    assert found.listeners == (
        Listener("http", 80, "HTTP", admits="Same"),
        Listener("web", 443, "HTTPS", "*.test", "All", frozenset({"HTTPRoute"})),
    )


async def test_no_list_is_not_an_empty_list() -> None:
    for status in ({}, {"supportedFeatures": []}):
        scout, _ = await scouted(gateway_class(**status), gateway())
        assert scout.of(SPEC, "ml")[0].features is None


async def test_what_cannot_be_read_is_said() -> None:
    scout, _ = await scouted()
    assert "not found" in scout.of(SPEC, "ml")[0].trouble
    assert scout.of(None, "ml") == ()


async def test_a_gateway_that_is_not_there_is_told_from_one_that_cannot_be_read() -> None:
    scout, _ = await scouted()
    assert scout.of(SPEC, "ml")[0].absent == "it does not exist"
    scout, _ = await scouted(gateway())
    assert scout.of(SPEC, "ml")[0].absent == "its GatewayClass acme does not exist"
    scout, _ = await scouted(gateway(), gateway_class(), broken=403)
    assert (scout.of(SPEC, "ml")[0].absent, scout.of(SPEC, "ml")[0].trouble) == ("", "no answer")


@pytest.mark.parametrize("status", [0, 429, 500, 503])
async def test_a_read_that_fails_changes_nothing_of_what_is_known(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a host that a Gateway does not serve would be taken for one that nothing speaks against."""
    monkeypatch.setattr(scout_module, "_PAUSE_SECONDS", 0.0)
    scout, cluster = await scouted(gateway_class(), gateway(addresses=[{"type": "IPAddress", "value": "10.0.0.1"}]))
    (known,) = scout.of(SPEC, "ml")
    cluster.broken = status
    done = asyncio.Event()
    scout.request(SPEC, "ml", done.set)
    await done.wait()
    assert scout.of(SPEC, "ml") == (known,)


async def test_a_first_read_that_fails_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scout_module, "_PAUSE_SECONDS", 0.0)
    scout, _ = await scouted(gateway(), gateway_class(), broken=503)
    assert scout.of(SPEC, "ml") == ()


async def test_rollouts_behind_one_gateway_share_what_is_read() -> None:
    _, cluster = await scouted(gateway_class(), gateway(), requests=1000)
    assert cluster.reads == 2
