"""Catches a rollout without a gateway that fails a request, gives other pods than it says, or comes back late."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpx
import pytest
from crossfade.model.moments import moment

from testbed.bed import Bed
from testbed.load import LoadGenerator, Sample
from testbed.load.verdict import Blame
from tests.support import objects
from tests.support.audit import writes
from tests.support.endpoint import (
    NAME,
    Endpoint,
    answered_by,
    at_least,
    at_stage,
    failed_by_model,
    failed_by_route,
    rolled_back,
    sent_between,
    serves,
    settled,
    started_before,
)
from tests.support.operator_process import ACCOUNT, OperatorProcess
from tests.support.recorder import PATIENCE_SECONDS, Object, Recorder

pytestmark = pytest.mark.cluster

NEW, KEPT = 150.0, 20.0
"""Requests a second on connections of their own, and on ones that are kept."""
NODE_SECONDS = 3.0
"""So long after EndpointSlices changed a node may still lead new connections the old way; it looks once a second."""
MODEL: dict[str, Any] = {"latencyMs": {"p50": 20, "p99": 40}}

ROLLOUT, REVISION = "crossfade.dev/rollout", "crossfade.dev/revision"
SERVICE = "kubernetes.io/service-name"

StartOperator = Callable[..., OperatorProcess]


def judged() -> Object:
    """Kept connections stay where they are, so the share may be further off than behind a gateway."""
    return {**objects.errors(), "trafficCheck": {"tolerance": 50}}


async def serve(endpoint: Endpoint, pods: int, *weights: int, seconds: int = 1, policy: str = "Orphan") -> Object:
    """Version 1 behind a Service, to whose own address requests go from now on."""
    await endpoint.model(1, **MODEL)
    spec = {
        "traffic": {"replicas": {}},
        "serving": objects.serving(pods),
        "strategy": objects.stages(*weights, seconds=seconds),
        "analysis": judged(),
        "deletionPolicy": policy,
    }
    await endpoint.create(objects.rollout(NAME, f"{NAME}-1", endpoint.host, **spec))
    found = await endpoint.until(lambda one: serves(one, 1))
    service = next(one for one in await endpoint.items("Service") if one["metadata"]["name"] == NAME)
    endpoint.gateway = f"http://{service['spec']['clusterIP']}"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await answers(endpoint):  # noqa: ASYNC110 - a node tells nobody when it follows a new Service
            await asyncio.sleep(0.02)
    return found


async def answers(endpoint: Endpoint) -> bool:
    """Whether the Service's address leads to somebody."""
    try:
        return (await endpoint.infer()).is_success
    except httpx.TransportError:
        return False


async def behind(endpoint: Endpoint) -> dict[str, int]:
    """Ready endpoints of the Service, by version."""
    slices = await endpoint.items("EndpointSlice", f"{SERVICE}={NAME}")
    return of_versions(slices, await endpoint.items("Pod"))


def behind_then(endpoint: Endpoint, slices: Recorder, found: Object) -> dict[str, int]:
    """The same when the API server stored the Rollout as it was found: its versions rise over all kinds."""
    newest = {
        one["metadata"]["name"]: one
        for one in slices.history
        if one["metadata"]["labels"].get(SERVICE) == NAME and version(one) < version(found)
    }
    return of_versions(newest.values(), [one for one in endpoint.recorder.history if one["kind"] == "Pod"])


def of_versions(slices: Iterable[Object], pods: Iterable[Object]) -> dict[str, int]:
    """Ready endpoints by the version of their pods."""
    named = [e["targetRef"]["name"] for s in slices for e in s["endpoints"] or () if e["conditions"]["ready"]]
    arms = {pod["metadata"]["name"]: pod["metadata"]["labels"] for pod in pods}
    versions = [arms[name]["crossfade.dev/model-version"] for name in named]
    return {version: versions.count(version) for version in sorted(set(versions))}


def version(found: Object) -> int:
    return int(found["metadata"]["resourceVersion"])


def last(samples: list[Sample], arm: str) -> float:
    """When the last request was sent that the arm answered (unix seconds)."""
    return max(one.wall for one in answered_by(samples, arm))


async def test_a_good_version_is_promoted_pod_by_pod_and_no_request_fails(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    start_operator(endpoint.namespace)
    await serve(endpoint, 4, 5, 50)
    await endpoint.model(2, **MODEL)
    slices = Recorder(endpoint.http, endpoint.namespace, ("EndpointSlice",))
    async with slices, endpoint.load(NEW, keep=False) as load, endpoint.load(KEPT) as kept:
        await at_least(load, 300)
        await endpoint.ask(2)
        fifth = await endpoint.until(at_stage("at-5"))
        half = await endpoint.until(at_stage("at-50"), after=fifth)
        candidate = half["status"]["candidate"]["revision"]
        done = await endpoint.until(lambda found: serves(found, 2))
        all_new = await behind(endpoint)
        await settled(endpoint, candidate)
        await gone(endpoint, candidate)
        await at_least(load, 300)
        await at_least(kept, 20)
        await asyncio.gather(load.stop(), kept.stop())
    few, even = (behind_then(endpoint, slices, one) for one in (fifth, half))
    assert (few, even, all_new) == ({"fraud-1": 3, "fraud-2": 1}, {"fraud-1": 2, "fraud-2": 2}, {"fraud-2": 4})
    assert fifth["status"]["traffic"]["given"] == {"pods": 1, "of": 4}
    assert done["status"]["outcome"]["result"] == "Promoted"
    assert failed_by_model([*load.samples, *kept.samples]) == {}
    assert_none_lost(load, kept, pods=4)
    part = sent_between(load.samples, fifth, half)
    assert 0.1 < len(answered_by(part, candidate)) / len(part) < 0.6
    assert {one.arm for one in (*load.samples[-100:], *kept.samples[-20:])} == {candidate}
    pods, before = await endpoint.pods(candidate), started_before(endpoint, candidate, version(half))
    assert before.keys() < {pod["metadata"]["uid"] for pod in pods}
    assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods] == [0] * 4
    print(f"{len(load.samples)} requests on new connections, {len(kept.samples)} on kept ones, none failed")


@pytest.mark.slow
async def test_a_bad_version_goes_at_once_and_no_request_fails_by_the_service(
    endpoint: Endpoint, start_operator: StartOperator, record_property: Callable[[str, object], None]
) -> None:
    start_operator(endpoint.namespace)
    stable = (await serve(endpoint, 4, 50))["status"]["stable"]["revision"]
    await endpoint.model(2, **MODEL, errorRate=0.2)
    async with endpoint.load(NEW, keep=False) as load, endpoint.load(KEPT) as kept:
        await at_least(load, 300)
        await endpoint.ask(2)
        ended = await endpoint.until(rolled_back)
        back = await behind_alone(endpoint)
        alone = time.time()
        await settled(endpoint, stable)
        await gone(endpoint, stable)
        await at_least(load, 300)
        await at_least(kept, 20)
        await asyncio.gather(load.stop(), kept.stop())
    assert ended["status"]["outcome"]["cause"] == "MetricRegressed"
    assert back == {"fraud-1": 4}
    assert_none_lost(load, kept, pods=2)
    assert {one.arm for one in (*load.samples[-100:], *kept.samples[-20:])} == {stable}
    decided, candidate = written_at(ended), ended["status"]["outcome"]["revision"]
    on_new = last(load.samples, candidate) - decided
    on_kept = last(kept.samples, candidate) - decided if answered_by(kept.samples, candidate) else 0.0
    record_property("seconds from the rollback to the candidate's last request on a new connection", round(on_new, 2))
    record_property("the same on a kept one", round(on_kept, 2))
    print(f"the candidate's last requests after the rollback: {on_new:.2f} s on new connections, {on_kept:.2f} on kept")
    assert last(load.samples, candidate) < alone + NODE_SECONDS


def assert_none_lost(load: LoadGenerator, kept: LoadGenerator, pods: int) -> None:
    """On new connections. A kept one may be used just when its pod, one of those that end, closes it: no gateway is
    there to take another, so its client has to, as with any Service (docs/decisions/0013)."""
    assert failed_by_route(load.samples) == {}
    met = [one for one in kept.samples if one.blame is Blame.ROUTE]
    assert {one.error for one in met} <= {"reset"}
    assert len(met) <= pods


async def gone(endpoint: Endpoint, but: str) -> None:
    """Wait until no other revision has a pod: until then, kept connections lead to them."""
    for pod in await endpoint.items("Pod", f"crossfade.dev/revision!={but}"):
        await endpoint.recorder.until_gone("Pod", pod["metadata"]["name"])


async def behind_alone(endpoint: Endpoint) -> dict[str, int]:
    """What is behind the Service once it is one version."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found := await behind(endpoint)) != 1:
            pass
    return found


def written_at(ended: Object) -> float:
    """When the rollout ended (unix seconds)."""
    return moment(ended["status"]["outcome"]["at"])


@pytest.mark.slow
async def test_pods_that_are_lost_in_a_split_are_replaced_and_a_restart_writes_nothing(
    endpoint: Endpoint, start_operator: StartOperator, bed: Bed
) -> None:
    operator = start_operator(endpoint.namespace)
    found = await serve(endpoint, 3, 34, seconds=3600)
    await endpoint.model(2, **MODEL)
    async with endpoint.load(NEW, keep=False) as load:
        await endpoint.ask(2)
        await endpoint.until(at_stage("at-34"))
        assert await behind(endpoint) == {"fraud-1": 2, "fraud-2": 1}
        pods = await endpoint.pods(found["status"]["stable"]["revision"])
        serving = next(pod for pod in pods if "crossfade.dev/serves" in pod["metadata"]["labels"])
        await endpoint.delete("Pod", serving["metadata"]["name"])
        await until_behind(endpoint, {"fraud-1": 2, "fraud-2": 1}, without=serving["metadata"]["name"])
        await at_least(load, 300)
        await asyncio.to_thread(operator.stop)
        before = len(writes(bed.audit, ACCOUNT, endpoint.namespace))
        await asyncio.to_thread(operator.start)
        await asyncio.to_thread(operator.until_audited)
        made = [one for one in writes(bed.audit, ACCOUNT, endpoint.namespace)[before:] if "status" not in one.resource]
        await load.stop()
    assert made == []
    assert failed_by_route(load.samples) == {}


@pytest.mark.slow
async def test_back_to_the_version_before_is_one_write_when_all_its_pods_are_there(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    start_operator(endpoint.namespace)
    first = (await serve(endpoint, 3, 34))["status"]["stable"]["revision"]
    await endpoint.patch("Rollout", NAME, {"spec": {"strategy": {"rollbackWindow": {"revisions": 1}}}})
    await endpoint.model(2, **MODEL)
    async with endpoint.load(NEW, keep=False) as load, endpoint.load(KEPT) as kept:
        await at_least(load, 300)
        await endpoint.ask(2)
        second = (await endpoint.until(lambda found: serves(found, 2)))["status"]["stable"]["revision"]
        await settled(endpoint, second)
        await gone(endpoint, second)
        await endpoint.ask(1)
        done = await endpoint.until(lambda found: serves(found, 1))
        back = await behind_alone(endpoint)
        await settled(endpoint, first)
        await gone(endpoint, first)
        await asyncio.gather(at_least(load, 300), at_least(kept, 20))
    assert done["status"]["outcome"]["result"] == "FastRolledBack"
    assert back == {"fraud-1": 3}
    assert selectors(endpoint)[-2:] == [{REVISION: second}, {REVISION: first}]
    assert_none_lost(load, kept, pods=6)
    assert {one.arm for one in (*load.samples[-100:], *kept.samples[-20:])} == {first}


def selectors(endpoint: Endpoint) -> list[Object]:
    """What the Service selected, one after the other."""
    seen = (one["spec"]["selector"] for one in endpoint.recorder.of("Service", NAME))
    return [one for one, _ in itertools.groupby(seen)]


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["Orphan", "Delete"])
async def test_a_service_whose_label_was_taken_away_gets_it_back_and_a_rollout_goes_on(
    endpoint: Endpoint, start_operator: StartOperator, policy: str
) -> None:
    start_operator(endpoint.namespace)
    await serve(endpoint, 2, 50, policy=policy)
    await endpoint.model(2, **MODEL)
    async with endpoint.load(NEW, keep=False) as load:
        await strip(endpoint)
        await endpoint.ask(2)
        await endpoint.until(at_stage("at-50", proven=False))
        await strip(endpoint)
        await endpoint.until(lambda found: serves(found, 2))
        await at_least(load, 100)
    assert failed_by_route(load.samples) == {}


async def strip(endpoint: Endpoint) -> None:
    """kubectl label service fraud crossfade.dev/rollout-, and wait until it has the label again."""
    stripped = await endpoint.patch("Service", NAME, {"metadata": {"labels": {ROLLOUT: None}}})
    since = int(stripped["metadata"]["resourceVersion"])
    assert ROLLOUT not in stripped["metadata"]["labels"]

    def again(one: Object) -> bool:
        return int(one["metadata"]["resourceVersion"]) > since and one["metadata"]["labels"].get(ROLLOUT) == NAME

    await endpoint.recorder.until("Service", NAME, again)


async def until_behind(endpoint: Endpoint, wanted: dict[str, int], without: str) -> None:
    """Wait until these are behind the Service, and that pod is not."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while without in await names_behind(endpoint) or await behind(endpoint) != wanted:
            pass


async def names_behind(endpoint: Endpoint) -> set[str]:
    """Names of the pods that are ready endpoints of the Service."""
    slices = await endpoint.items("EndpointSlice", f"kubernetes.io/service-name={NAME}")
    return {e["targetRef"]["name"] for s in slices for e in s["endpoints"] or () if e["conditions"]["ready"]}


@pytest.mark.slow
async def test_a_service_that_others_change_is_put_right_counted_and_proven_anew(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    start_operator(endpoint.namespace)
    found = await serve(endpoint, 3, 34, seconds=3600)
    await endpoint.model(2, **MODEL)
    alone = {"crossfade.dev/serves": None, "crossfade.dev/revision": found["status"]["stable"]["revision"]}
    async with endpoint.load(NEW, keep=False) as load:
        await endpoint.ask(2)
        proven = (await endpoint.until(at_stage("at-34")))["status"]["stage"]["provenAt"]
        for _ in range(2):
            edited = await endpoint.patch("Service", NAME, {"spec": {"selector": alone}})
            await endpoint.recorder.until("Service", NAME, leads_to_both_again(edited))
            again = await endpoint.until(lambda one, before=proven: at_stage("at-34")(one) and proven_at(one) > before)
            proven = proven_at(again)
    (event,) = (one for one in await endpoint.items("Event") if one["reason"] == "RouteRepaired")
    assert event["series"]["count"] == 2
    assert event["note"].startswith("the Service fraud was changed by others: the Service must lead to ")
    assert failed_by_route(load.samples) == {}


@pytest.mark.slow
async def test_an_abort_gets_through_though_others_moved_the_port_that_clients_call(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    """The API server refuses an apply that would have two ports of one name."""
    start_operator(endpoint.namespace)
    await serve(endpoint, 2, 50, seconds=3600)
    await endpoint.model(2, **MODEL)
    await endpoint.ask(2)
    await endpoint.until(at_stage("at-50", proven=False))
    moved, theirs = {"name": "http", "port": 8080, "targetPort": "http"}, {"name": "metrics", "port": 9090}
    await endpoint.patch("Service", NAME, {"spec": {"ports": [moved, theirs]}})
    await endpoint.patch("Rollout", NAME, {"metadata": {"annotations": {"crossfade.dev/abort": "1"}}})
    ended = await endpoint.until(lambda found: found["status"].get("outcome", {}).get("result") == "Aborted")
    service = next(one for one in await endpoint.items("Service") if one["metadata"]["name"] == NAME)
    assert service["spec"]["selector"] == {REVISION: ended["status"]["stable"]["revision"]}
    assert [(one["name"], one["port"]) for one in service["spec"]["ports"]] == [("http", 80), ("metrics", 9090)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await answers(endpoint):  # noqa: ASYNC110 - a node tells nobody when it follows a Service
            await asyncio.sleep(0.02)


def proven_at(found: Object) -> str:
    return str(found["status"]["stage"]["provenAt"])


def leads_to_both_again(edited: Object) -> Callable[[Object], bool]:
    """Whether a Service selects by our label in a version after the edited one."""
    edit = int(edited["metadata"]["resourceVersion"])

    def check(service: Object) -> bool:
        newer = int(service["metadata"]["resourceVersion"]) > edit
        return newer and service["spec"]["selector"] == {"crossfade.dev/serves": NAME}

    return check
