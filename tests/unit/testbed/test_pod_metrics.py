"""Would catch a stand-in that lets an autoscaler want more pods than it was told, or counts pods that do no work."""

import re
from math import ceil
from typing import TYPE_CHECKING, cast

import httpx
import pytest
from aiohttp.test_utils import TestClient, TestServer

from testbed.pod_metrics import PodMetrics

if TYPE_CHECKING:
    from testbed.cluster import ClusterClient

SELECTOR = "crossfade.dev/revision=fraud-1,crossfade.dev/rollout=fraud"


class Pods:
    """A cluster of so many pods that run, one that starts and one that ends."""

    def __init__(self, running: int) -> None:
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="http://api")
        self._running = running

    def _answer(self, request: httpx.Request) -> httpx.Response:
        assert (request.url.path, request.url.params["labelSelector"]) == ("/api/v1/namespaces/ml/pods", SELECTOR)
        pods = [{"metadata": {"name": f"pod-{at}"}, "status": {"phase": "Running"}} for at in range(self._running)]
        pods.append({"metadata": {"name": "young"}, "status": {"phase": "Pending"}})
        pods.append({"metadata": {"name": "old", "deletionTimestamp": "now"}, "status": {"phase": "Running"}})
        return httpx.Response(200, json={"items": pods})


async def told(total: float | None, pods: int) -> list[float]:
    """The value of each pod that a value is told of."""
    metrics = PodMetrics(cast("ClusterClient", Pods(pods)))
    if total is not None:
        metrics.totals["crossfade.dev/revision=fraud-1"] = total
    path = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/ml/pods/*/rps"
    async with TestClient(TestServer(metrics.application())) as client:
        answer = await (await client.get(path, params={"labelSelector": SELECTOR})).json()
    assert {one["metric"]["name"] for one in answer["items"]} <= {"rps"}
    assert [one["describedObject"]["name"] for one in answer["items"]] == [f"pod-{at}" for at in range(pods)]
    milli = [re.fullmatch(r"(\d+)m", one["value"]) for one in answer["items"]]
    return [int(one[1]) / 1000 for one in milli if one]


@pytest.mark.parametrize("pods", [1, 3, 6, 7])
@pytest.mark.parametrize("total", [0, 1, 4, 5])
async def test_an_autoscaler_wants_as_many_pods_as_was_said(total: int, pods: int) -> None:
    """By its own formula, for a target of 1 a pod."""
    values = await told(total, pods)
    assert ceil(sum(values) / len(values) * pods) == total


async def test_pods_of_which_nothing_was_said_have_nothing_to_do() -> None:
    assert await told(None, 2) == [0.0, 0.0]
    assert await told(4, 0) == []
