"""Catches a reference into another namespace that no grant permits, and that nobody names or that costs a request."""

from collections.abc import Callable

import pytest

from testbed.bed import Bed
from tests.cluster.conftest import NewEndpoint
from tests.cluster.test_adopted import ADOPTED, ROUTE, Git, answered, message, told
from tests.support.endpoint import Endpoint, at_least, failed_by_route, ready, serves
from tests.support.gateways import on_both_gateways
from tests.support.operator_process import OperatorProcess
from tests.support.recorder import Object

pytestmark = pytest.mark.cluster

RATE = 100.0
WINDOW = "window"

StartOperator = Callable[..., OperatorProcess]


@pytest.mark.slow
@on_both_gateways
async def test_a_backend_that_no_grant_permits_is_named_and_holds_what_comes_next(
    new_endpoint: NewEndpoint, start_operator: StartOperator, bed: Bed
) -> None:
    """Of another rule of an adopted route: what Crossfade writes names no other namespace. GitOps property 15."""
    endpoint, other = await new_endpoint(), await new_endpoint()
    start_operator(endpoint.namespace)
    for number in (1, 2):
        await endpoint.model(number)
    git = Git(bed, endpoint)
    git.apply((1, 0))
    await endpoint.serve(1, traffic=ADOPTED)
    await other.create(service())
    async with endpoint.load(RATE) as load:
        await at_least(load, 100)
        (rule,) = git.manifest((1, 0))["spec"]["rules"]
        await endpoint.patch("HTTPRoute", ROUTE, {"spec": {"rules": [rule, window(other.namespace)]}})
        await endpoint.recorder.until("HTTPRoute", ROUTE, refuses_a_reference)
        await endpoint.ask(2)
        held = await endpoint.until(lambda found: ready(found)[1] == "WaitingForGateway")
        begun = len(load.samples)
        await at_least(load, 300)
        assert answered(endpoint, load.samples[begun:]) == {"fraud-1"}
        assert told(endpoint) == [(1, 0)]
        await other.create(grant(endpoint))
        await endpoint.until(lambda found: serves(found, 2))
        await load.wait_until(lambda samples: answered(endpoint, samples[-50:]) == {"fraud-2"})
    print(f"{endpoint.parent}: {message(held)}")
    assert f"Gateway gateways/{endpoint.parent} has not accepted" in message(held)
    assert f"{other.namespace}/{WINDOW}" in message(held)
    assert "ReferenceGrant" in message(held)
    assert failed_by_route(load.samples) == {}
    assert told(endpoint) == [(1, 0), (90, 10), (50, 50), (0, 100)]


def refuses_a_reference(route: Object) -> bool:
    """Whether a parent says so of the route as it is stored."""
    said = [one for parent in route.get("status", {}).get("parents", ()) for one in parent["conditions"]]
    return any(
        (one["type"], one["status"], one["reason"]) == ("ResolvedRefs", "False", "RefNotPermitted")
        and one["observedGeneration"] == route["metadata"]["generation"]
        for one in said
    )


def service() -> Object:
    spec = {"selector": {"app": WINDOW}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": WINDOW}, "spec": spec}


def window(namespace: str) -> Object:
    """A rule that is somebody else's, with a backend of their namespace."""
    return {
        "name": WINDOW,
        "matches": [{"path": {"type": "PathPrefix", "value": "/window"}}],
        "backendRefs": [{"name": WINDOW, "namespace": namespace, "port": 80}],
    }


def grant(endpoint: Endpoint) -> Object:
    """Routes of the endpoint's namespace may name Services of the one in which this is."""
    source = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": endpoint.namespace}
    spec = {"from": [source], "to": [{"group": "", "kind": "Service"}]}
    metadata = {"name": "shops"}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "ReferenceGrant",
        "metadata": metadata,
        "spec": spec,
    }
