"""Would catch a rollout that drops a request, or serves bytes that nobody verified, on a node as users have it."""

import asyncio
from collections.abc import Iterator
from datetime import datetime

import pytest
from crossfade.decide.workloads import RESTRICTED

from tests.node.store import Store
from tests.support import objects
from tests.support.endpoint import NAME, Endpoint, at_least, failed_by_route, serves
from tests.support.node_images import OPERATOR, SERVER
from tests.support.recorder import Object
from tests.support.verified import flip_a_bit, is_resolved, never_serves

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

_RATE = 50.0
_DRAIN_SECONDS = 5
"""What the operator gives each pod, by preStop."""


def serving(replicas: int) -> Object:
    """The programmable server out of its own image."""
    found = objects.serving(replicas)
    found["template"]["spec"]["containers"][0] |= {"image": SERVER, "securityContext": dict(RESTRICTED)}
    return found


def loaders(endpoint: Endpoint) -> Iterator[tuple[Object, Object]]:
    """The init containers of the pods that were seen, each with its status, once they have ended."""
    for pod in endpoint.recorder.latest("Pod"):
        yield from zip(pod["spec"]["initContainers"], pod["status"]["initContainerStatuses"], strict=True)


async def drained(endpoint: Endpoint, count: int, seconds: float) -> list[float]:
    """Wait until so many pods have been taken away. Returns of each the seconds from the request to take it away until
    its server ended, in good order."""
    recorder = endpoint.recorder
    async with asyncio.timeout(seconds):
        while len(names := [name for kind, name in recorder.gone if kind == "Pod"]) < count:
            await recorder.news()
    return [_lasted(list(recorder.of("Pod", name))) for name in names]


def _lasted(versions: list[Object]) -> float:
    """Of one pod's; in the last of them, the kubelet has already put its deletion to the present."""
    first = next(pod["metadata"] for pod in versions if "deletionTimestamp" in pod["metadata"])
    (server,) = versions[-1]["status"]["containerStatuses"]
    ended = server["state"]["terminated"]
    assert ended["exitCode"] == 0
    return _time(ended["finishedAt"]) - _time(first["deletionTimestamp"]) + float(first["deletionGracePeriodSeconds"])


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def test_verified_bytes_serve_and_no_request_fails_on_the_way_to_the_next(
    endpoint: Endpoint, store: Store
) -> None:
    await store.model(endpoint, 1)
    await store.model(endpoint, 2)
    await endpoint.serve(1, within=90, serving=serving(2))
    assert (await endpoint.infer()).json()["model_version"] == "1.0.0"
    async with endpoint.load(_RATE) as load:
        await at_least(load, 50)
        await endpoint.ask(2)
        await endpoint.until(lambda found: serves(found, 2))
        await at_least(load, 50)
        await load.stop()
    assert failed_by_route(load.samples) == {}
    assert (await endpoint.infer()).json()["model_version"] == "2.0.0"
    for loader, status in loaders(endpoint):
        assert (loader["name"], loader["image"]) == ("load", OPERATOR)
        assert status["state"]["terminated"]["exitCode"] == 0


async def test_bytes_that_changed_after_they_were_resolved_never_serve(endpoint: Endpoint, store: Store) -> None:
    await store.model(endpoint, 1)
    stable = (await endpoint.serve(1, within=90, serving=serving(1)))["status"]["stable"]["revision"]
    file = await store.model(endpoint, 2)
    await endpoint.recorder.until("ModelVersion", f"{NAME}-2", is_resolved)
    flip_a_bit(file)
    await never_serves(endpoint, 2, stable)


async def test_pods_that_are_taken_away_drain_and_drop_nothing(endpoint: Endpoint, store: Store) -> None:
    await store.model(endpoint, 1)
    await endpoint.serve(1, within=90, serving=serving(3))
    async with endpoint.load(_RATE) as load:
        await at_least(load, 50)
        await endpoint.patch("Rollout", NAME, {"spec": {"serving": {"replicas": 1}}})
        lasted = await drained(endpoint, 2, 60)
        await at_least(load, 50)
        await load.stop()
    assert failed_by_route(load.samples) == {}
    assert min(lasted) >= _DRAIN_SECONDS - 1, "both times are told in whole seconds"
