"""Catches a route of Git's that is written against its writer, or sends users where they must not be."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable

import pytest

from testbed.bed import Bed
from testbed.errors import TestbedError
from testbed.load import LoadGenerator, Sample
from tests.cluster.conftest import NewEndpoint
from tests.cluster.test_way_back import back
from tests.support import objects
from tests.support.endpoint import (
    BODY,
    NAME,
    REQUEST_SECONDS,
    Endpoint,
    at_least,
    at_stage,
    failed_by_route,
    ready,
    rolled_back,
    serves,
    settled,
    started,
)
from tests.support.gateways import on_both_gateways, on_both_gateways_at_length
from tests.support.operator_process import Installation, OperatorProcess
from tests.support.pair import Pair
from tests.support.recorder import PATIENCE_SECONDS, Object
from tests.support.reweighing import plain_delay
from tests.support.statuses import conditions
from tests.support.taken_back import taken_back

pytestmark = pytest.mark.cluster

RATE = 100.0
ROUTE, RULE = "shop", "model"
BLUE, GREEN = f"{NAME}-blue", f"{NAME}-green"
ADOPTED = {"gatewayAPI": {"mode": "Adopted", "adopted": {"name": ROUTE, "rule": RULE}}}
OTHER = "other"
FREEZE = "no changes until Monday"
HELD = {"name": "held", "weight": 40, "minDuration": "10m"}

StartOperator = Callable[..., OperatorProcess]


class Git:
    """The repository's manifest of the route, and who applies it."""

    def __init__(self, bed: Bed, endpoint: Endpoint) -> None:
        self._bed = bed
        self._endpoint = endpoint

    def manifest(self, weights: tuple[int, int] | None) -> Object:
        """The route; without weights as Git has it that leaves them out."""
        backends: list[Object] = [{"name": BLUE, "port": 80}, {"name": GREEN, "port": 80}]
        if weights is not None:
            backends = [{**one, "weight": weight} for one, weight in zip(backends, weights, strict=True)]
        spec = {
            "parentRefs": [{"name": self._endpoint.parent, "namespace": "gateways"}],
            "hostnames": [self._endpoint.host],
            "rules": [{"name": RULE, "backendRefs": backends}],
        }
        metadata = {"name": ROUTE, "labels": {"crossfade.dev/rollout": NAME}}
        return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": spec}

    def apply(self, weights: tuple[int, int] | None, *more: str) -> None:
        """`kubectl apply` of it."""
        manifest = json.dumps(self.manifest(weights))
        self._bed.kubectl("apply", "--namespace", self._endpoint.namespace, "-f", "-", *more, input=manifest)

    def apply_as(self, manager: str, weights: tuple[int, int] | None) -> None:
        """As Argo CD and Flux do: server-side, with force."""
        self.apply(weights, "--server-side", "--force-conflicts", f"--field-manager={manager}")


@pytest.fixture
def git(bed: Bed, endpoint: Endpoint) -> Git:
    return Git(bed, endpoint)


@pytest.fixture
async def serving(git: Git, endpoint: Endpoint, start_operator: StartOperator) -> Endpoint:
    """Git's route gives all to blue; version 1 serves; versions 2 and 3 are registered, and 4, which fails."""
    start_operator(endpoint.namespace)
    for number in (1, 2, 3):
        await endpoint.model(number)
    await endpoint.model(4, errorRate=0.5)
    git.apply((1, 0))
    await endpoint.serve(1, traffic=ADOPTED)
    return endpoint


def slot_weights(route: Object, rule: int = 0) -> tuple[int, ...]:
    return tuple(one["weight"] for one in route["spec"]["rules"][rule]["backendRefs"])


def told(endpoint: Endpoint) -> list[tuple[int, ...]]:
    """What the route's weights were, one after the other."""
    return [one for one, _ in itertools.groupby(map(slot_weights, endpoint.recorder.of("HTTPRoute", ROUTE)))]


def message(found: Object) -> str:
    return str(conditions(found)["Ready"]["message"])


def answered(endpoint: Endpoint, samples: list[Sample]) -> set[str]:
    """Which ModelVersions answered."""
    made = (one["metadata"] for one in endpoint.recorder.history if one["kind"] == "Deployment")
    names = {one["name"]: one["annotations"]["crossfade.dev/model-version"] for one in made}
    return {names.get(one.arm or "", str(one.arm)) for one in samples}


async def order(endpoint: Endpoint, verb: str, token: str) -> None:
    await endpoint.patch("Rollout", NAME, {"metadata": {"annotations": {f"crossfade.dev/{verb}": token}}})


async def selected(endpoint: Endpoint) -> dict[str, str]:
    found = await endpoint.items("Service", "crossfade.dev/rollout")
    chosen = {one["metadata"]["name"]: one["spec"]["selector"]["crossfade.dev/revision"] for one in found}
    return {slot: chosen[slot] for slot in (BLUE, GREEN)}


async def hold(endpoint: Endpoint, number: int) -> None:
    """Ask for a version that gets forty percent and stays there."""
    strategy = {"stages": [HELD]}
    await endpoint.patch("Rollout", NAME, {"spec": {"modelVersion": f"{NAME}-{number}", "strategy": strategy}})
    await endpoint.until(at_stage("held"))


@pytest.mark.slow
@on_both_gateways
async def test_two_promotions_move_two_weights_and_nothing_else(serving: Endpoint, git: Git) -> None:
    """Case E4."""
    async with serving.load(RATE) as load:
        await at_least(load, 100)
        for number in (2, 3):
            await serving.ask(number)
            half = await serving.until(at_stage("at-50"))
            loaded = await started(serving, half["status"]["candidate"]["revision"])
            done = await serving.until(lambda found, number=number: serves(found, number))
            stable = done["status"]["stable"]["revision"]
            await settled(serving, stable)
            assert await selected(serving) == {BLUE: stable, GREEN: stable}
            assert loaded, "nothing was ready at half"
            assert loaded.items() <= (await started(serving, stable)).items(), "a pod was made or loaded again"
        await at_least(load, 100)
    assert failed_by_route(load.samples) == {}
    assert told(serving) == [(1, 0), (90, 10), (50, 50), (0, 100), (10, 90), (50, 50), (100, 0)]
    assert answered(serving, load.samples[-50:]) == {"fraud-3"}
    (route,) = await serving.items("HTTPRoute")
    wanted = git.manifest((100, 0))
    assert route["metadata"]["labels"] == wanted["metadata"]["labels"]
    assert {"finalizers", "ownerReferences"}.isdisjoint(route["metadata"])
    assert route["spec"]["hostnames"] == wanted["spec"]["hostnames"]
    print(f"{len(load.samples)} requests, none failed by the route")


@pytest.mark.slow
@on_both_gateways
async def test_a_version_that_fails_is_taken_back(
    serving: Endpoint, new_endpoint: NewEndpoint, installation: Installation
) -> None:
    stable = (await serving.until(lambda _: True))["status"]["stable"]["revision"]
    async with serving.load(RATE) as load:
        await at_least(load, 100)
        await serving.ask(4)
        ended = await serving.until(rolled_back)
        await settled(serving, stable)
        await at_least(load, 100)
    assert failed_by_route(load.samples) == {}
    assert answered(serving, load.samples) == {"fraud-1", "fraud-4"}
    assert answered(serving, load.samples[-50:]) == {"fraud-1"}
    assert told(serving) == [(1, 0), (90, 10), (100, 0)]
    assert await selected(serving) == {BLUE: stable, GREEN: stable}
    away = taken_back(serving, installation, ended, load.samples)
    pair = Pair(await new_endpoint())
    away.is_at_once(await plain_delay(pair, pair.endpoint.load(RATE)))


@pytest.mark.slow
@on_both_gateways
async def test_the_next_version_gets_a_service_only_when_the_last_one_has_let_go(serving: Endpoint) -> None:
    """A, B at forty percent, then C."""
    async with serving.load(RATE) as load:
        await at_least(load, 100)
        await hold(serving, 2)
        strategy = objects.stages(20)
        await serving.patch("Rollout", NAME, {"spec": {"modelVersion": f"{NAME}-3", "strategy": strategy}})
        done = await serving.until(lambda found: serves(found, 3))
        await settled(serving, done["status"]["stable"]["revision"])
        await at_least(load, 100)
    assert failed_by_route(load.samples) == {}
    assert told(serving) == [(1, 0), (60, 40), (100, 0), (80, 20), (0, 100)]
    assert answered(serving, load.samples[-50:]) == {"fraud-3"}


@on_both_gateways_at_length
async def test_another_writer_is_named_and_not_written_against_and_a_rollback_works_all_the_same(
    serving: Endpoint, git: Git
) -> None:
    stable = (await serving.until(lambda _: True))["status"]["stable"]["revision"]
    async with serving.load(RATE) as load:
        await at_least(load, 100)
        await hold(serving, 2)
        git.apply((1, 0))
        held = await serving.until(lambda found: ready(found) == ("False", "RouteContested"))
        await load.wait_until(lambda samples: answered(serving, list(samples)[-50:]) == {"fraud-1"})
        begun = len(load.samples)
        await at_least(load, 300)
        assert told(serving)[-1] == (1, 0), "it was written against"
        assert answered(serving, load.samples[begun:]) == {"fraud-1"}, "a weight of 0 is not nothing"
        await order(serving, "retry", "t1")
        again = await serving.until(at_stage("held"))
        git.apply_as("argocd-controller", None)
        await serving.until(lambda found: "argocd-controller" in message(found))
        await order(serving, "abort", "t1")
        await serving.until(lambda found: ready(found) == ("False", "Aborted"))
        git.apply_as("argocd-controller", (0, 1))
        await serving.recorder.until("Service", GREEN, lambda one: selects(one, stable))
        await settled(serving, stable)
        await at_least(load, 100)
    assert failed_by_route(load.samples) == {}
    assert "kubectl-client-side-apply wrote the weights fraud-blue 1, fraud-green 0" in message(held)
    assert [one["effect"] for one in again["status"]["handled"]] == ["Obeyed"]
    assert answered(serving, load.samples[-50:]) == {"fraud-1"}
    assert told(serving)[-2:] == [(100, 0), (0, 1)]


@contextlib.asynccontextmanager
async def change_freeze(bed: Bed, endpoint: Endpoint) -> AsyncIterator[None]:
    """While it lasts an admission policy refuses every change of an HTTPRoute of the namespace."""
    name, policy = f"freeze-{endpoint.namespace}", "ValidatingAdmissionPolicy"
    version = "admissionregistration.k8s.io/v1"
    routes = {"apiGroups": ["gateway.networking.k8s.io"], "apiVersions": ["*"], "resources": ["httproutes"]}
    there = {"matchLabels": {"kubernetes.io/metadata.name": endpoint.namespace}}
    matches = {"resourceRules": [{**routes, "operations": ["UPDATE"]}], "namespaceSelector": there}
    refuses = {"matchConstraints": matches, "validations": [{"expression": "false", "message": FREEZE}]}
    binds = {"policyName": name, "validationActions": ["Deny"]}
    for kind, spec in ((policy, refuses), (f"{policy}Binding", binds)):
        body = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
        bed.kubectl("create", "-f", "-", input=json.dumps(body))
    try:
        await _refused(bed, endpoint)
        yield
    finally:
        bed.kubectl("delete", policy, name)
        bed.kubectl("delete", f"{policy}Binding", name)


async def _refused(bed: Bed, endpoint: Endpoint) -> None:
    """Wait until the API server goes by the policy, which it tells nobody."""
    change = ("annotate", "httproute", ROUTE, "freeze=tried", "--namespace", endpoint.namespace, "--dry-run=server")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await asyncio.to_thread(bed.kubectl, *change)
            except TestbedError as error:
                if FREEZE in str(error):
                    return
                raise
            await asyncio.sleep(0.1)


@pytest.mark.slow
@on_both_gateways
async def test_in_a_change_freeze_a_version_that_is_taken_back_gets_no_request_all_the_same(
    serving: Endpoint, bed: Bed
) -> None:
    stable = (await serving.until(lambda _: True))["status"]["stable"]["revision"]
    async with serving.load(RATE) as load:
        await at_least(load, 100)
        await hold(serving, 2)
        async with change_freeze(bed, serving):
            await order(serving, "abort", "t1")
            await serving.until(lambda found: ready(found) == ("False", "Aborted"))
            await settled(serving, stable)
            await at_least(load, 100)
            await serving.recorder.until_all("Event", 1, lambda event: event.get("reason") == "RouteRefused")
    assert failed_by_route(load.samples) == {}
    assert answered(serving, load.samples[-50:]) == {"fraud-1"}
    assert told(serving)[-1] == (60, 40)
    assert await selected(serving) == {BLUE: stable, GREEN: stable}
    (event,) = (one for one in await serving.items("Event") if one["reason"] == "RouteRefused")
    assert FREEZE in event["note"]


def selects(service: Object, revision: str) -> bool:
    return bool(service["spec"]["selector"] == {"crossfade.dev/revision": revision})


@pytest.mark.slow
async def test_what_git_says_of_weights_harms_nobody_while_nothing_is_rolled_out(serving: Endpoint, git: Git) -> None:
    """Left out of Git they are 1 and 1: both Services are the stable version's. Case E6. GitOps property 4."""
    async with serving.load(RATE) as load:
        await serving.ask(2)
        done = await serving.until(lambda found: serves(found, 2))
        await settled(serving, done["status"]["stable"]["revision"])
        begun = len(load.samples)
        for weights in (None, (1, 0), (0, 1), None):
            git.apply_as("kustomize-controller", weights)
            await at_least(load, 100)
        assert answered(serving, load.samples[begun:]) == {"fraud-2"}
        await serving.ask(3)
        await serving.until(lambda found: serves(found, 3))
        await load.wait_until(lambda samples: answered(serving, samples[-50:]) == {"fraud-3"})
    assert failed_by_route(load.samples) == {}
    assert told(serving)[-4:] == [(100, 0), (90, 10), (50, 50), (0, 100)]


@pytest.mark.slow
@on_both_gateways
async def test_a_rule_that_is_not_as_it_must_be_is_named_and_heals(serving: Endpoint, git: Git) -> None:
    async with serving.load(RATE) as load:
        await serving.patch("HTTPRoute", ROUTE, {"spec": {"rules": [{**_rule(git), "name": "other"}]}})
        wrong = await serving.until(lambda found: ready(found) == ("False", "RouteInvalid"))
        await serving.ask(2)
        await at_least(load, 200)
        git.apply((1, 0))
        await serving.until(lambda found: serves(found, 2))
    assert failed_by_route(load.samples) == {}
    assert message(wrong) == ("HTTPRoute shop must have one rule with `name: model`; the names of its rules are other")


@pytest.mark.slow
@on_both_gateways
async def test_a_port_that_no_service_has_is_named_and_moves_no_request(serving: Endpoint, git: Git) -> None:
    """Of the backend that the next version would get: whoever is asked for, stable answers as before."""
    async with serving.load(RATE) as load:
        await at_least(load, 100)
        rule = _rule(git)
        blue, green = rule["backendRefs"]
        await serving.patch(
            "HTTPRoute", ROUTE, {"spec": {"rules": [{**rule, "backendRefs": [blue, {**green, "port": 81}]}]}}
        )
        wrong = await serving.until(lambda found: ready(found) == ("False", "RouteInvalid"))
        await serving.ask(2)
        begun = len(load.samples)
        await at_least(load, 300)
        assert told(serving) == [(1, 0)]
        assert answered(serving, load.samples[begun:]) == {"fraud-1"}
        git.apply((1, 0))
        await serving.until(lambda found: serves(found, 2))
    assert failed_by_route(load.samples) == {}
    assert f"each with port 80, and no others; it has {BLUE}:80, {GREEN}:81" in message(wrong)


def _rule(git: Git) -> Object:
    return dict(git.manifest((1, 0))["spec"]["rules"][0])


@pytest.mark.slow
@on_both_gateways
async def test_back_to_a_version_that_was_kept_moves_all_weight_at_once(serving: Endpoint) -> None:
    first = (await serving.until(lambda _: True))["status"]["stable"]["revision"]
    await serving.patch("Rollout", NAME, {"spec": {"strategy": back(keepPrevious="10m")}})
    async with serving.load(RATE) as load:
        await at_least(load, 100)
        await serving.ask(2)
        done = await serving.until(lambda found: serves(found, 2))
        second = done["status"]["stable"]["revision"]
        await serving.recorder.until("Service", BLUE, lambda one: selects(one, second))
        kept = await started(serving, first)
        await serving.ask(1)
        again = await serving.until(lambda found: serves(found, 1))
        await serving.recorder.until("Service", GREEN, lambda one: selects(one, first))
        await load.wait_until(lambda samples: answered(serving, samples[-50:]) == {"fraud-1"})
    assert failed_by_route(load.samples) == {}
    assert again["status"]["outcome"]["result"] == "FastRolledBack"
    assert told(serving) == [(1, 0), (50, 50), (0, 100), (100, 0)]
    assert await started(serving, first) == kept


@pytest.mark.slow
async def test_two_rollouts_on_one_route_free_each_others_contest_no_more(serving: Endpoint, git: Git) -> None:
    """Whoever writes the route takes the rules over from all others, and must not be taken for leave to fight."""
    both = shared(git.manifest((1, 0)))
    await serving.patch("HTTPRoute", ROUTE, both)
    adopted = {"gatewayAPI": {"mode": "Adopted", "adopted": {"name": ROUTE, "rule": "another"}}}
    strategy = {"stages": [HELD]}
    await serving.create(
        objects.rollout(
            OTHER, f"{NAME}-1", serving.host, traffic=adopted, serving=objects.serving(1), strategy=strategy
        )
    )
    await serving.recorder.until("Rollout", OTHER, lambda found: serves(found, 1))
    url, headers = serving.gateway + objects.INFER, {"host": serving.host, "x-rule": "another"}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await serving.http.post(url, content=BODY, headers=headers)).is_success:  # noqa: ASYNC110 - a gateway tells nobody when it serves
            await asyncio.sleep(0.02)
    to_other = LoadGenerator(url, RATE, [BODY], headers, timeout=REQUEST_SECONDS)
    async with serving.load(RATE) as load, serving.counted("kept connections", to_other) as others:
        await asyncio.gather(at_least(load, 100), at_least(others, 100))
        await hold(serving, 2)
        await serving.patch("Rollout", OTHER, {"spec": {"modelVersion": f"{NAME}-2"}})
        await serving.recorder.until("Rollout", OTHER, at_stage("held"))
        await serving.until(at_stage("held"))
        await serving.patch("HTTPRoute", ROUTE, both)
        for name in (NAME, OTHER):
            await serving.recorder.until("Rollout", name, lambda one: ready(one) == ("False", "RouteContested"))
        await serving.patch("Rollout", OTHER, {"metadata": {"annotations": {"crossfade.dev/retry": "t1"}}})
        await serving.recorder.until("Rollout", OTHER, at_stage("held"))
        named = await serving.until(lambda found: "Rollout other" in message(found))
        begun = len(load.samples)
        await at_least(load, 200)
        (route,) = await serving.items("HTTPRoute")
        await order(serving, "retry", "t1")
        await serving.until(at_stage("held"))
    assert [slot_weights(route, at) for at in (0, 1)] == [(1, 0), (60, 40)]
    assert ready(named) == ("False", "RouteContested")
    assert answered(serving, load.samples[begun : begun + 150]) == {"fraud-1"}
    assert (failed_by_route(load.samples), failed_by_route(others.samples)) == ({}, {})
    assert told(serving) == [(1, 0), (60, 40), (1, 0), (60, 40)]


def shared(manifest: Object) -> Object:
    """The route with a second rule, for whoever sends a header."""
    (rule,) = manifest["spec"]["rules"]
    backends = [{"name": f"{OTHER}-{one}", "port": 80, "weight": w} for one, w in (("blue", 1), ("green", 0))]
    matches = [{"headers": [{"name": "x-rule", "value": "another"}]}]
    return {"spec": {"rules": [rule, {"name": "another", "matches": matches, "backendRefs": backends}]}}


@pytest.mark.slow
@on_both_gateways
@pytest.mark.parametrize("policy", ["Orphan", "Delete"])
async def test_deleting_the_rollout_in_a_split_leaves_the_route_and_all_to_stable(
    git: Git, endpoint: Endpoint, start_operator: StartOperator, policy: str
) -> None:
    start_operator(endpoint.namespace)
    for number in (1, 2):
        await endpoint.model(number)
    git.apply((1, 0))
    await endpoint.serve(1, traffic=ADOPTED, deletionPolicy=policy)
    async with endpoint.load(RATE) as load:
        await at_least(load, 100)
        await hold(endpoint, 2)
        await endpoint.delete("Rollout", NAME)
        await endpoint.recorder.until("HTTPRoute", ROUTE, lambda one: slot_weights(one) == (100, 0))
        await at_least(load, 100)
    assert failed_by_route(load.samples) == {}
    await endpoint.recorder.until_gone("Rollout", NAME)
    (route,) = await endpoint.items("HTTPRoute")
    assert slot_weights(route) == (100, 0)
    if policy == "Orphan":
        assert (await endpoint.infer()).is_success
        assert len(set((await selected(endpoint)).values())) == 1
    else:
        await endpoint.recorder.until_gone("Service", BLUE)
