"""How long a bad version stays once Prometheus shows that it is bad."""

import time

import httpx
from crossfade.api.v1alpha1.rollout import Metric
from crossfade.decide.analysis import judge
from crossfade.model.evidence import Counters, Evidence, Series
from crossfade.model.moments import moment

from bench.figures import Figure
from tests.support import objects
from tests.support.endpoint import NAME, Endpoint, rolled_back, settled, weights
from tests.support.operator_process import OperatorProcess
from tests.support.recorder import Object

RATE = 100.0
_WINDOW = "300s"


async def rollbacks(endpoint: Endpoint, operator: OperatorProcess, prometheus: str, runs: int) -> Figure:
    """Let the running operator roll a version back `runs` times; it is stopped for the baseline."""
    await endpoint.model(1)
    await endpoint.model(2, errorRate=0.3)
    first = await endpoint.serve(1, serving=objects.serving(1), strategy=objects.stages(50, seconds=600))
    stable = first["status"]["stable"]["revision"]
    took: list[float] = []
    async with endpoint.load(RATE):
        await endpoint.ask(2)
        for run in range(runs):
            took.append(await _one(endpoint, prometheus, stable))
            await settled(endpoint, stable)
            if run + 1 < runs:
                await endpoint.patch("Rollout", NAME, {"metadata": {"annotations": {"crossfade.dev/retry": str(run)}}})
    operator.stop()  # it would undo what the baseline writes
    base = [await _patch(endpoint, number) for number in range(runs)]
    name = "a PATCH of the same route until the gateway acknowledges it"
    return Figure("breach in Prometheus to route acknowledged", "s", took, name, base)


async def _one(endpoint: Endpoint, prometheus: str, stable: str) -> float:
    """Seconds from the scrape that first proves the breach to the gateway's word that the candidate is gone."""
    split = await endpoint.until(lambda found: "stage" in found.get("status", {}))
    await endpoint.recorder.until("HTTPRoute", NAME, lambda route: len(weights(route)) == 2, 60)
    await endpoint.recorder.until("HTTPRoute", NAME, lambda r: weights(r) == {stable: 100} and _acknowledged(r), 60)
    gone = time.time()
    await endpoint.until(rolled_back)
    candidate, since = split["status"]["candidate"]["revision"], moment(split["status"]["stage"]["enteredAt"])
    return gone - await _breach(endpoint, prometheus, candidate, since)


def _acknowledged(route: Object) -> bool:
    """Whether the gateway has taken the route's present generation."""
    parents = route.get("status", {}).get("parents", ())
    seen = [condition.get("observedGeneration", 0) for parent in parents for condition in parent["conditions"]]
    return bool(seen) and min(seen) >= route["metadata"]["generation"]


async def _breach(endpoint: Endpoint, prometheus: str, candidate: str, since: float) -> float:
    """When the earliest scrape was made whose samples, with those before it, make the verdict Rollback (unix s)."""
    metric = Metric.model_validate(objects.errors()["metrics"][0])
    assert metric.ratio is not None
    bad = await _samples(endpoint, prometheus, metric.ratio.bad, candidate)
    total = await _samples(endpoint, prometheus, metric.ratio.total, candidate)
    for at in sorted({at for one in total for at, _ in one.samples if at > since}):
        known = Counters(_until(bad, at), _until(total, at))
        if judge([metric], Evidence(at, {metric.name: known}), candidate, since, at).verdict == "Rollback":
            return at
    raise AssertionError(f"no scrape shows a breach of {candidate}, which was rolled back all the same")


def _until(series: list[Series], at: float) -> tuple[Series, ...]:
    kept = (Series(one.revision, one.pod, tuple(s for s in one.samples if s[0] <= at)) for one in series)
    return tuple(one for one in kept if one.samples)


async def _samples(endpoint: Endpoint, prometheus: str, selector: str, revision: str) -> list[Series]:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{prometheus}/api/v1/query", params={"query": f"{selector}[{_WINDOW}]"})
    found = [one for one in answer.json()["data"]["result"] if one["metric"].get("namespace") == endpoint.namespace]
    return [
        Series(revision, one["metric"]["pod"], tuple((float(at), float(value)) for at, value in one["values"]))
        for one in found
        if one["metric"].get("revision") == revision
    ]


async def _patch(endpoint: Endpoint, number: int) -> float:
    """Seconds of a write of a route by a plain client, until the gateway has acknowledged it."""
    (route,) = await endpoint.items("HTTPRoute")
    hosts = [*route["spec"]["hostnames"][:1], f"n{number}.{endpoint.host}"]
    begun = time.time()
    stored = await endpoint.patch("HTTPRoute", NAME, {"spec": {"hostnames": hosts}})
    written = stored["metadata"]["generation"]
    await endpoint.recorder.until(
        "HTTPRoute", NAME, lambda r: r["metadata"]["generation"] >= written and _acknowledged(r), 30
    )
    return time.time() - begun
