"""Catches a step forward that one of two gateways has not taken, or that stable could not take back; and a rollout that
an edit of its size in the middle ends, starts anew or costs a request.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from testbed import envoy_objects, gateway_api
from testbed.bed import Bed
from tests.support import objects
from tests.support.endpoint import (
    NAME,
    NOTICED_SECONDS,
    Endpoint,
    answered_by,
    at_least,
    at_stage,
    failed_by_route,
    ready,
    serves,
    started,
    weights,
)
from tests.support.gateways import ENVOY, TRAEFIK, on_both_gateways
from tests.support.operator_process import OperatorProcess
from tests.support.statuses import conditions

pytestmark = pytest.mark.cluster

RATE = 50.0

StartOperator = Callable[..., OperatorProcess]


def behind_both(endpoint: Endpoint) -> objects.Object:
    """Traffic by both gateways of the bed."""
    names = (gateway_api.GATEWAY, envoy_objects.GATEWAY)
    refs = [{"name": name, "namespace": gateway_api.NAMESPACE} for name in names]
    return {"gatewayAPI": {"parentRefs": refs, "hostnames": [endpoint.host]}}


@pytest.mark.slow
@pytest.mark.parametrize("gateway", [ENVOY])
async def test_behind_two_gateways_each_step_waits_for_both(
    endpoint: Endpoint, start_operator: StartOperator, bed: Bed
) -> None:
    """The controller of one is away for a while: it says nothing of the route, and its proxy keeps the old weights.

    Case S27.
    """
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    strategy = objects.stages(10, 50, seconds=2)
    await endpoint.serve(1, traffic=behind_both(endpoint), strategy=strategy)
    other = replace(endpoint, gateway=bed.gateway_url(TRAEFIK), loads=[])
    await other.until_answered()
    async with endpoint.load(RATE) as envoy, other.load(RATE) as traefik:
        await at_least(envoy, 50)
        control = ("deployment/envoy-gateway", "--namespace", "envoy-gateway-system")
        bed.kubectl("scale", *control, "--replicas=0", "--timeout=180s")
        bed.kubectl("wait", "pod", *control[1:], "-l=control-plane=envoy-gateway", "--for=delete", "--timeout=180s")
        await endpoint.ask(2)
        waits = await endpoint.until(lambda found: envoy_objects.GATEWAY in conditions(found)["Ready"]["message"])
        candidate = waits["status"]["candidate"]["revision"]
        await at_least(traefik, round(5 * RATE))
        (route,) = await endpoint.items("HTTPRoute")
        assert weights(route)[candidate] == 10, "more was given before both had taken the first weight"
        bed.kubectl("scale", *control, "--replicas=1", "--timeout=180s")
        done = await endpoint.until(lambda found: serves(found, 2))
        await at_least(envoy, 50)
    for load in (envoy, traefik):
        assert failed_by_route(load.samples) == {}
        assert len(answered_by(load.samples, candidate)) > 0
    assert done["status"]["stable"]["revision"] == candidate


@pytest.mark.slow
@on_both_gateways
async def test_while_stable_could_not_take_everything_back_nothing_goes_forward(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    """A pod of stable dies in the middle. The rollout holds until there is a new one, and then goes on. Case S06."""
    start_operator(endpoint.namespace)
    await endpoint.model(1, loadSeconds=15)  # longer than the stage
    await endpoint.model(2)
    stages = objects.stages(30, seconds=5)
    stable = (await endpoint.serve(1, serving=objects.serving(2), strategy=stages))["status"]["stable"]["revision"]
    async with endpoint.load(RATE) as load:
        await at_least(load, 50)
        await endpoint.ask(2)
        await endpoint.until(at_stage("at-30"))
        died = load.samples[-1].wall
        missed = await endpoint.kill((await endpoint.pods(stable))[0])
        held = await endpoint.until(lambda found: ready(found) == ("Unknown", "WaitingForCapacity"))
        route = (await endpoint.items("HTTPRoute"))[0]
        back = await endpoint.until(lambda found: ready(found)[1] != "WaitingForCapacity")
        done = await endpoint.until(lambda found: serves(found, 2))
    assert f"1 of 2 pods of {NAME}-1 are ready" in conditions(held)["Ready"]["message"]
    assert weights(route)[stable] == 70
    assert back["status"]["stable"]["ready"] == 2
    assert done["status"]["stable"]["modelVersion"] == f"{NAME}-2"
    gap = endpoint.nobody_answers(died, missed + NOTICED_SECONDS)
    assert failed_by_route([one for one in load.samples if not gap.has(one)]) == {}
    assert sum(failed_by_route(load.samples).values()) <= (missed - died + NOTICED_SECONDS) * RATE / 2


@pytest.mark.slow
@on_both_gateways
async def test_another_number_of_pods_in_the_middle_is_had_by_both_and_ends_nothing(
    endpoint: Endpoint, start_operator: StartOperator
) -> None:
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    stages = objects.stages(50, seconds=10)
    stable = (await endpoint.serve(1, serving=objects.serving(2), strategy=stages))["status"]["stable"]["revision"]
    async with endpoint.load(RATE) as load:
        await at_least(load, 50)
        await endpoint.ask(2)
        split = await endpoint.until(at_stage("at-50"))
        candidate = split["status"]["candidate"]["revision"]
        before = await started(endpoint, stable, candidate)
        await endpoint.patch("Rollout", NAME, {"spec": {"serving": {"replicas": 4}}})
        more = await endpoint.until(lambda found: found["status"]["stable"]["ready"] == 4)
        after = await started(endpoint, stable, candidate)
        done = await endpoint.until(lambda found: serves(found, 2))
        await endpoint.until(lambda found: found["status"]["stable"]["ready"] == 4)
    assert more["status"]["candidate"]["revision"] == candidate, "what serves is no other for its size"
    assert before.items() <= after.items(), "no pod that served was started again"
    assert done["status"]["stable"]["revision"] == candidate
    sizes = [one["spec"]["replicas"] for one in endpoint.recorder.of("Deployment", candidate)]
    assert sizes == sorted(sizes)
    assert set(sizes) <= {1, 2, 4}
    assert failed_by_route(load.samples) == {}
