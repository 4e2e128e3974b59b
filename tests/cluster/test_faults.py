"""Catches a rollout that moves on blindly, gets stuck or fails requests when something around it breaks."""

import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from crossfade.model.moments import moment

from testbed.bed import Bed
from testbed.load import LoadGenerator
from tests.cluster.conftest import NewEndpoint
from tests.contract.conftest import MlflowBench
from tests.support import objects
from tests.support.audit import ADMINISTRATOR, writes
from tests.support.endpoint import (
    NAME,
    NOTICED_SECONDS,
    Endpoint,
    answered_by,
    at_least,
    at_stage,
    failed_by_route,
    ready,
    rolled_back,
    serves,
    started,
    weights,
)
from tests.support.gateways import on_both_gateways, on_both_gateways_at_length
from tests.support.operator_process import ACCOUNT, Installation, OperatorProcess
from tests.support.pair import Pair
from tests.support.recorder import Object
from tests.support.reweighing import plain_delay
from tests.support.statuses import conditions
from tests.support.taken_back import AT_ONCE_SECONDS, since

pytestmark = pytest.mark.cluster

RATE = 50.0
KUBELET = "kubelet"
DRIFT_SECONDS = 2.0
"""Within which what somebody changes in a rollout's objects is put right."""
QUICK: dict[str, Any] = {"strategy": objects.stages(30, 60)}

StartOperator = Callable[..., OperatorProcess]
Breakage = Callable[[Bed], None]


@pytest.fixture
def operator(endpoint: Endpoint, start_operator: StartOperator) -> OperatorProcess:
    """It watches the endpoint."""
    return start_operator(endpoint.namespace)


@pytest.fixture
async def serving(endpoint: Endpoint, operator: OperatorProcess) -> Endpoint:
    """An endpoint that serves its version 1, watched by an operator."""
    await endpoint.model(1)
    await endpoint.serve(1, **QUICK)
    return endpoint


@asynccontextmanager
async def split(endpoint: Endpoint, *, seconds: int) -> AsyncIterator[LoadGenerator]:
    """Version 2 gets 30 % of the requests for so many seconds; in the end none was failed by the route."""
    await endpoint.patch("Rollout", NAME, {"spec": {"strategy": objects.stages(30, seconds=seconds)}})
    async with endpoint.load(RATE) as load:
        await endpoint.ask(2)
        await endpoint.until(at_stage("at-30"))
        yield load
    assert failed_by_route(load.samples) == {}


def waits_for(reason: str, naming: str = "") -> Callable[[Object], bool]:
    """Whether the object is on its way and says that it waits for this."""

    def check(found: Object) -> bool:
        said = conditions(found).get("Reconciling", {})
        return ready(found) == ("Unknown", reason) and said["reason"] == reason and naming in said["message"]

    return check


def stable_of(found: Object) -> str:
    return str(found["status"]["stable"]["revision"])


async def current(endpoint: Endpoint) -> Object:
    return await endpoint.until(lambda _: True)


# what the operator depends on


def killed(bed: Bed) -> None:
    bed.stop_daemon("prometheus")


def hanging(bed: Bed) -> None:
    os.kill(prometheus_process(bed), signal.SIGSTOP)


def prometheus_process(bed: Bed) -> int:
    """The process whose data lies in the bed's folder."""
    mark = f"--storage.tsdb.path={bed.dir}".encode()
    return next(int(one.parent.name) for one in Path("/proc").glob("[0-9]*/cmdline") if mark in one.read_bytes())


@on_both_gateways_at_length
@pytest.mark.parametrize("breakage", [killed, pytest.param(hanging, marks=pytest.mark.slow)])
async def test_without_metrics_no_weight_moves_and_with_them_the_rollout_goes_on(
    serving: Endpoint, bed: Bed, breakage: Breakage
) -> None:
    await serving.model(2)
    async with split(serving, seconds=20) as load:
        breakage(bed)
        try:
            await serving.until(waits_for("MetricsUnavailable"))
            await at_least(load, round(5 * RATE))
            held = weights((await serving.items("HTTPRoute"))[0])
        finally:
            bed.stop_daemon("prometheus")
            bed.start_daemon("prometheus")
        assert sorted(held.values()) == [30, 70]
        await serving.until(lambda found: serves(found, 2))


@on_both_gateways_at_length
async def test_an_api_server_that_is_gone_for_seconds_fails_no_request_and_ends_no_rollout(
    serving: Endpoint, bed: Bed
) -> None:
    await serving.model(2)
    async with serving.load(RATE) as load:
        await serving.ask(2)
        await serving.until(at_stage("at-30", proven=False))
        bed.stop_daemon("kube-apiserver")
        await at_least(load, round(3 * RATE))
        bed.start_daemon("kube-apiserver")
        await serving.until(lambda found: serves(found, 2))
    assert failed_by_route(load.samples) == {}


@on_both_gateways_at_length
async def test_pods_that_no_slice_lists_get_no_request_and_the_rollout_goes_on_when_one_does(
    serving: Endpoint, bed: Bed
) -> None:
    """The controller manager, which writes EndpointSlices, is away while the candidate gets ready."""
    await serving.model(2, loadSeconds=10)
    async with serving.load(RATE) as load:
        await serving.ask(2)
        stable = stable_of(await serving.until(waits_for("Loading")))
        bed.stop_daemon("kube-controller-manager")
        try:
            await serving.until(waits_for("WaitingForGateway", naming="in no EndpointSlice yet"))
            await at_least(load, round(3 * RATE))
            (held,) = await serving.items("HTTPRoute")
        finally:
            bed.start_daemon("kube-controller-manager")
        assert weights(held) == {stable: 100}
        await serving.until(lambda found: serves(found, 2))
    assert failed_by_route(load.samples) == {}


@pytest.mark.slow
async def test_a_registry_that_is_down_is_waited_for(
    endpoint: Endpoint, start_operator: StartOperator, bed: Bed, mlflow_url: str
) -> None:
    name, version = MlflowBench(mlflow_url).model({"model.json": b'{"name":"fraud","version":"1.0.0"}'})
    start_operator(endpoint.namespace, mlflow=mlflow_url)
    bed.stop_daemon("mlflow")
    try:
        source = {"mlflow": {"name": name, "version": version}}
        await endpoint.create(objects.model_version("fraud-1", "1.0.0", source))
        await endpoint.create(objects.rollout(NAME, "fraud-1", endpoint.host))
        down = waits_for("WaitingForRegistry", naming=mlflow_url)
        await endpoint.recorder.until("ModelVersion", "fraud-1", down)
        await endpoint.until(waits_for("WaitingForModelVersion"))
    finally:
        bed.start_daemon("mlflow")
    await endpoint.until(lambda found: serves(found, 1))


@pytest.mark.slow
async def test_a_model_version_and_a_gateway_that_are_missing_are_waited_for(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    """Case F5. GitOps property 10."""
    start_operator(endpoint.namespace)
    traffic = {"gatewayAPI": {"parentRefs": [{"name": "late"}], "hostnames": [endpoint.host]}}
    await endpoint.create(objects.rollout(NAME, "fraud-1", endpoint.host, traffic=traffic))
    await endpoint.until(waits_for("WaitingForModelVersion", naming="fraud-1"))
    await endpoint.model(1)
    await endpoint.until(waits_for("WaitingForGateway", naming=f"{endpoint.namespace}/late"))
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "late"},
        "spec": {"gatewayClassName": "traefik", "listeners": [listener]},
    }
    await endpoint.create(gateway)
    await endpoint.until(lambda found: serves(found, 1))


# candidates


@pytest.mark.parametrize(
    ("behaviour", "timeout", "cause"),
    [
        ({"crashAtStart": True}, "10m", "CrashLoop"),
        pytest.param({"loadSeconds": 3600}, "20s", "LoadTimeout", marks=pytest.mark.slow),
    ],
    ids=["crashes", "never ready"],
)
async def test_a_candidate_that_does_not_start_never_gets_a_request(
    serving: Endpoint, behaviour: dict[str, object], timeout: str, cause: str
) -> None:
    """GitOps property 8."""
    await serving.model(2, **behaviour)
    startup = objects.serving(startup={"timeout": timeout})
    await serving.patch("Rollout", NAME, {"spec": {"serving": startup, "modelVersion": "fraud-2"}})
    ended = await serving.until(rolled_back)
    assert ended["status"]["outcome"]["cause"] == cause
    only = {stable_of(ended): 100}
    assert all(weights(route) == only for route in serving.recorder.of("HTTPRoute", NAME))


@pytest.mark.slow
@on_both_gateways
async def test_a_candidate_that_is_no_longer_ready_under_traffic_is_left_at_once(
    serving: Endpoint,
    new_endpoint: NewEndpoint,
    installation: Installation,
    record_property: Callable[[str, object], None],
) -> None:
    """A gateway without a ready pod for a share of the requests fails them, until the route says otherwise."""
    await serving.model(2, failReadinessAfterRequests=20)
    stable = stable_of(await current(serving))
    async with serving.load(RATE) as load:
        await serving.ask(2)
        ended = await serving.until(rolled_back)
        await serving.until_served_by(stable)
        await at_least(load, round(5 * RATE))
    outcome = ended["status"]["outcome"]
    assert outcome["cause"] == "NotReady"
    lost = last_word_on(outcome["revision"], installation, serving, before=moment(outcome["at"]))
    pair = Pair(await new_endpoint())
    plain = await plain_delay(pair, pair.endpoint.load(RATE))
    away = since(lost, serving, installation, outcome["revision"], load.samples)
    away.is_at_once(plain)
    gap = serving.nobody_answers(lost, lost + plain + AT_ONCE_SECONDS)
    assert failed_by_route([one for one in load.samples if not gap.has(one)]) == {}
    record_property("requests that met no ready pod", sum(failed_by_route(load.samples).values()))


def last_word_on(revision: str, installation: Installation, endpoint: Endpoint, *, before: float) -> float:
    """When the kubelet told something new of a revision's pods, for the last time before that (Unix s)."""
    told = writes(installation.bed.audit, KUBELET, endpoint.namespace)
    return max(
        one.at for one in told if one.resource == "pods/status" and one.name.startswith(revision) and one.at < before
    )


# people


@pytest.mark.slow
@on_both_gateways
async def test_the_record_of_an_evicted_pod_speaks_against_nobody(serving: Endpoint) -> None:
    """What the kubelet leaves of one: no node runs it, its Deployment has another, and nobody collects it for long."""
    await serving.model(2)
    async with serving.load(RATE) as load:
        await serving.ask(2)
        candidate = (await serving.until(at_stage("at-30")))["status"]["candidate"]["revision"]
        (pod, *_) = await serving.pods(candidate)
        labels = {key: value for key, value in pod["metadata"]["labels"].items() if key != "pod-template-hash"}
        spec = {"schedulerName": "none", "containers": [{"name": "model", "image": "v2server"}]}
        left = {"name": f"{candidate}-evicted", "labels": labels}
        await serving.create({"apiVersion": "v1", "kind": "Pod", "metadata": left, "spec": spec})
        ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
        container = {"name": "model", "image": "v2server", "imageID": "", "ready": False, "restartCount": 5}
        evicted = {
            "phase": "Failed",
            "reason": "Evicted",
            "message": "The node was low on resource: memory.",
            "containerStatuses": [{**container, "state": ended}],
        }
        await serving.patch("Pod", f"{left['name']}/status", {"status": evicted})
        done = await serving.until(lambda found: serves(found, 2) or rolled_back(found))
        await at_least(load, 100)
    assert serves(done, 2), done["status"]["outcome"]
    assert failed_by_route(load.samples) == {}


@pytest.mark.slow
@on_both_gateways
async def test_deleting_a_rollout_mid_way_leaves_the_stable_version_serving(serving: Endpoint) -> None:
    """Cases F3 and S24. GitOps property 13."""
    await serving.model(2)
    stable = stable_of(await current(serving))
    async with split(serving, seconds=600):
        await serving.delete("Rollout", NAME)
        await serving.recorder.until_gone("Rollout", NAME)
        route = await serving.until_served_by(stable)
    assert [one["metadata"]["name"] for one in await serving.items("Deployment")] == [stable]
    assert "ownerReferences" not in route["metadata"]
    assert (await serving.infer()).headers["x-model-revision"] == stable


@pytest.mark.slow
async def test_a_rolled_back_version_is_tried_again_for_a_new_token_and_for_nothing_else(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    """GitOps property 7."""
    operator = start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2, loadSeconds=3600)
    await endpoint.serve(1, **QUICK, serving=objects.serving(1, startup={"timeout": "4s"}))
    await endpoint.ask(2)
    await endpoint.until(rolled_back)
    operator.kill()
    operator.start()
    await endpoint.patch("Rollout", NAME, {"metadata": {"annotations": {"example.com/any": "thing"}}})
    await endpoint.patch("Rollout", NAME, {"metadata": {"annotations": {"crossfade.dev/retry": "1"}}})
    again = await endpoint.until(lambda found: found["status"].get("outcome", {}).get("retryToken") == "1")
    assert [one.get("retryToken") for one in again["status"]["history"]] == ["1", None, None]


@on_both_gateways_at_length
async def test_a_route_edited_by_hand_is_repaired_within_two_seconds(
    serving: Endpoint, operator: OperatorProcess, bed: Bed, record_property: Callable[[str, object], None]
) -> None:
    """Everything is given to one arm, then to the other; then a field is added that we do not write. By the API
    server's clock, from the edit to the operator's write, and beyond what a write of the test's own takes until it is
    seen. Case E5. GitOps property 4."""
    await serving.model(2)
    took = []
    async with split(serving, seconds=600):
        (agreed,) = await serving.items("HTTPRoute")
        rules = agreed["spec"]["rules"]
        plain = await plain_write(serving)
        for edit in (*({"backendRefs": [one]} for one in rules[0]["backendRefs"]), {"name": "theirs"}):
            edited = await serving.patch("HTTPRoute", NAME, {"spec": {"rules": [{**rules[0], **edit}]}})
            await serving.recorder.until("HTTPRoute", NAME, repaired(edited, rules))
            took.append(seconds_to_repair(bed, serving))
    record_property("seconds to the repaired route", [round(one, 2) for one in took])
    record_property("seconds that a write of the test's own takes", round(plain, 2))
    assert len(took) == 3
    assert max(took) < plain + DRIFT_SECONDS
    assert operator.metric("crossfade_route_repairs_total") == 3
    await serving.recorder.until_all("Event", 1, lambda event: event.get("reason") == "RouteRepaired")


def seconds_to_repair(bed: Bed, endpoint: Endpoint) -> float:
    """From the last write to the route by the test to the operator's next one."""
    ours, operators = (
        [one for one in writes(bed.audit, user, endpoint.namespace) if one.resource == "httproutes"]
        for user in (ADMINISTRATOR, ACCOUNT)
    )
    return next(one.done for one in operators if one.at > ours[-1].at and one.code < 300) - ours[-1].at


async def plain_write(endpoint: Endpoint) -> float:
    """The most seconds from a write to the route, which changes nothing of what it says, until the test sees it: what
    the API server and this machine take by themselves."""
    took = []
    for token in ("1", "2", "3"):
        begun = time.monotonic()
        written = await endpoint.patch("HTTPRoute", NAME, {"metadata": {"annotations": {"example.com/any": token}}})
        await endpoint.recorder.until("HTTPRoute", NAME, partial(is_at_least, written))
        took.append(time.monotonic() - begun)
    return max(took)


def is_at_least(written: Object, found: Object) -> bool:
    """Whether that was written then, or later."""
    return int(found["metadata"]["resourceVersion"]) >= int(written["metadata"]["resourceVersion"])


def repaired(edited: Object, rules: object) -> Callable[[Object], bool]:
    """Whether a route has these rules in a version after the edited one."""
    edit = int(edited["metadata"]["resourceVersion"])
    return lambda route: int(route["metadata"]["resourceVersion"]) > edit and route["spec"]["rules"] == rules


@pytest.mark.slow
@on_both_gateways
async def test_the_service_of_stable_that_is_deleted_in_a_split_is_made_again_at_once(
    serving: Endpoint, bed: Bed, record_property: Callable[[str, object], None]
) -> None:
    """What is asked of it until then nobody can answer; afterwards all is as it was, and goes on."""
    await serving.model(2)
    stable = stable_of(await current(serving))
    strategy = objects.stages(30, seconds=10)
    await serving.patch("Rollout", NAME, {"spec": {"strategy": strategy}})
    async with serving.load(RATE) as load:
        await serving.ask(2)
        split = await serving.until(at_stage("at-30"))
        candidate = split["status"]["candidate"]["revision"]
        loaded = await started(serving, stable, candidate)
        (lost,) = [one for one in await serving.items("Service") if one["metadata"]["name"] == stable]
        await serving.delete("Service", stable)
        await serving.recorder.until("Service", stable, lambda one: is_another(one, lost))
        await load.wait_until(lambda samples: {one.arm for one in samples[-50:]} == {stable, candidate})
        assert (await started(serving, stable, candidate)).items() >= loaded.items()
        await serving.until(lambda found: serves(found, 2))
        await at_least(load, 100)
    (deleted,), made = (
        [one for one in writes(bed.audit, user, serving.namespace) if (one.resource, one.name, one.verb) == wanted]
        for user, wanted in (
            (ADMINISTRATOR, ("services", stable, "delete")),
            (ACCOUNT, ("services", stable, "patch")),
        )
    )
    again = next(one for one in made if one.at > deleted.at and one.code < 300)
    took = again.done - deleted.at
    led = min(one.wall for one in answered_by(load.samples, stable) if one.wall > again.done)
    gap = serving.nobody_answers(deleted.at, led + NOTICED_SECONDS)
    record_property("seconds without the Service", round(took, 2))
    print(f"made again after {took:.2f} s; {sum(failed_by_route(load.samples).values())} requests had nobody to answer")
    assert took < DRIFT_SECONDS
    assert failed_by_route([one for one in load.samples if not gap.has(one)]) == {}


def is_another(found: Object, than: Object) -> bool:
    return bool(found["metadata"]["uid"] != than["metadata"]["uid"])
