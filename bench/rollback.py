"""How long a bad version stays once Prometheus shows that it is bad."""

import time

import httpx
from crossfade.api.v1alpha1 import RolloutSpec
from crossfade.decide.counting import spacing
from crossfade.decide.judge.engine import judge
from crossfade.decide.judge.rules import rules_of
from crossfade.decide.judge.windows import catch_up
from crossfade.model.evidence import Counters, Series
from crossfade.model.ledger import Ledger, MetricLedger
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
    return gone - await _breach(endpoint, prometheus, split)


def _acknowledged(route: Object) -> bool:
    """Whether the gateway has taken the route's present generation."""
    parents = route.get("status", {}).get("parents", ())
    seen = [condition.get("observedGeneration", 0) for parent in parents for condition in parent["conditions"]]
    return bool(seen) and min(seen) >= route["metadata"]["generation"]


async def _breach(endpoint: Endpoint, prometheus: str, split: Object) -> float:
    """When the earliest scrape was made whose samples, with those before it, make the verdict Rollback (unix s)."""
    spec, status = RolloutSpec.model_validate(split["spec"]), split["status"]
    stable, candidate = (status[arm]["revision"] for arm in ("stable", "candidate"))
    (metric,) = spec.analysis.metrics
    assert metric.ratio is not None
    bad = await _samples(endpoint, prometheus, metric.ratio.bad, (stable, candidate))
    total = await _samples(endpoint, prometheus, metric.ratio.total, (stable, candidate))
    since, weight = moment(status["analysis"]["since"]), spec.strategy.stages[0].weight
    rules = rules_of(spec.analysis, spec.strategy.stages, spacing(Counters(total=tuple(total))))
    ledger = Ledger({metric.name: MetricLedger(end=since)})
    for at in sorted({at for one in total for at, _ in one.samples if at > since}):
        known = {metric.name: Counters(_until(bad, at), _until(total, at))}
        ledger, _ = catch_up(rules, ledger, known, stable, candidate, weight=weight, since=None, now=at)
        if judge(rules, ledger).overall == "Rollback":
            return at
    raise AssertionError(f"no scrape shows a breach of {candidate}, which was rolled back all the same")


def _until(series: list[Series], at: float) -> tuple[Series, ...]:
    kept = (Series(one.revision, one.pod, tuple(s for s in one.samples if s[0] <= at)) for one in series)
    return tuple(one for one in kept if one.samples)


async def _samples(endpoint: Endpoint, prometheus: str, selector: str, revisions: tuple[str, ...]) -> list[Series]:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{prometheus}/api/v1/query", params={"query": f"{selector}[{_WINDOW}]"})
    found = [one for one in answer.json()["data"]["result"] if one["metric"].get("namespace") == endpoint.namespace]
    return [
        Series(revision, one["metric"]["pod"], tuple((float(at), float(value)) for at, value in one["values"]))
        for one in found
        if (revision := one["metric"].get("revision")) in revisions
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
