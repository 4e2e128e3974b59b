"""Catches a built-in template whose names, labels or unit are not those of the server: each is counted on the real one.

The servers run in pods that the bed's Prometheus scrapes; what a template selects must be exactly what was sent.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import pytest
from crossfade.adapters.prometheus import PrometheusMetrics
from crossfade.decide.builtin import BUILT_IN
from crossfade.decide.templates import is_of
from crossfade.ports import RawSeries

from testbed.handle import ClusterHandle
from tests.contract import model_servers as servers
from tests.contract.model_servers import BAD, GOOD, SLOW, Answered, Server

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("real_servers")]

STABLE, CANDIDATE = "fraud-stable", "fraud-candidate"
_WINDOW_SECONDS = 300
_PAUSE = 0.2
_SEEN_SECONDS = 120.0
_ARM = "x-crossfade-revision"
_BOUND = 1.0
"""Seconds between what is fast and what is slow; all servers have a bucket that ends there."""


@dataclass(frozen=True)
class Sent:
    """What is sent to one arm."""

    good: int
    bad: int
    slow: int

    @property
    def inputs(self) -> list[int]:
        return [GOOD] * self.good + [BAD] * self.bad + [SLOW] * self.slow

    @property
    def total(self) -> int:
        return len(self.inputs)


SENT = {STABLE: Sent(good=25, bad=1, slow=2), CANDIDATE: Sent(good=7, bad=4, slow=5)}


@pytest.fixture
def real_servers() -> None:
    """Its name has the servers' environments made before the bed is entered."""


@pytest.fixture
async def metrics(bed: ClusterHandle) -> AsyncIterator[PrometheusMetrics]:
    """The bed's Prometheus."""
    adapter = PrometheusMetrics(bed.prometheus, timeout=60.0)
    yield adapter
    await adapter.close()


@dataclass(frozen=True)
class Reader:
    """Reads a template as the operator does, for the revisions of one namespace."""

    metrics: PrometheusMetrics
    template: str
    namespace: str

    async def errors(self, sent: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        """(bad, total) by revision, once as many as were sent have been scraped, and after another scrape."""
        spec = BUILT_IN[self.template].ratio
        assert spec is not None
        total = await self._settled(spec.total, sent)
        bad = await self._counted(spec.bad)
        return {revision: (bad.get((revision, ""), 0), total[revision, ""]) for revision in sent}

    async def latency(self, sent: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        """(within a second, all) by revision, likewise."""
        spec = BUILT_IN[self.template].latency
        assert spec is not None
        bound = _BOUND * (1000 if spec.unit == "Milliseconds" else 1)
        found = await self._settled(spec.buckets, sent, "+Inf")
        edge = next(le for _, le in found if le and float(le) == bound)
        return {revision: (found[revision, edge], found[revision, "+Inf"]) for revision in sent}

    async def _settled(self, selector: str, sent: Mapping[str, int], le: str = "") -> dict[tuple[str, str], int]:
        async with asyncio.timeout(_SEEN_SECONDS):
            while not await self._reached(selector, sent, le):  # noqa: ASYNC110 - no scrape is ever announced
                await asyncio.sleep(_PAUSE)
            seen = await self._newest(selector)
            while await self._newest(selector) <= seen:  # noqa: ASYNC110 - the same
                await asyncio.sleep(_PAUSE)
        return await self._counted(selector)

    async def _reached(self, selector: str, sent: Mapping[str, int], le: str) -> bool:
        found = await self._counted(selector)
        return all(found.get((revision, le), 0) >= number for revision, number in sent.items())

    async def _counted(self, selector: str) -> dict[tuple[str, str], int]:
        """Newest values by revision and `le`, added up over the series."""
        counted: Counter[tuple[str, str]] = Counter()
        for series, revision in await self._mine(selector):
            counted[revision, series.labels.get("le", "")] += round(series.samples[-1][1])
        return dict(counted)

    async def _newest(self, selector: str) -> float:
        return min((series.samples[-1][0] for series, _ in await self._mine(selector)), default=inf)

    async def _mine(self, selector: str) -> list[tuple[RawSeries, str]]:
        arm = BUILT_IN[self.template].arm
        found = await self.metrics.window(selector, _WINDOW_SECONDS)
        if arm is None:
            ours = [one for one in found if one.labels.get("namespace") == self.namespace]
            return [(one, one.labels["revision"]) for one in ours]
        arms = [(one, name) for one in found for name in SENT if is_of(arm, one.labels, self.namespace, name)]
        return [(one, name) for one, name in arms if one.samples]


async def _send(addresses: Mapping[str, str], server: Server) -> None:
    """Send what is sent to each arm, and see that it is answered as was meant."""
    for revision, sent in SENT.items():
        answers = await servers.ask(f"http://{addresses[revision]}:8080", server, sent.inputs)
        assert Counter(one.status for one in answers) == {200: sent.good + sent.slow, 500: sent.bad}


SERVERS = {
    "MLServer": (servers.MLSERVER, "mlserver/errors", "mlserver/latency"),
    "KServe": (servers.KSERVE, None, "kserve/latency"),
    "FastAPI and prometheus-fastapi-instrumentator": (servers.asgi("instrumentator"), "http/errors", "http/latency"),
    "Starlette and starlette-exporter": (servers.asgi("exporter"), "http/errors", "http/latency"),
    "what vLLM counts its requests with": (servers.asgi("instrumentator"), "vllm/errors", None),
}


EVERY_DAY = ("what vLLM counts its requests with",)


@pytest.mark.parametrize(
    ("server", "errors", "latency"),
    [
        pytest.param(*one, id=name, marks=[] if name in EVERY_DAY else [pytest.mark.slow])
        for name, one in SERVERS.items()
    ],
)
async def test_a_model_servers_template_counts_what_was_sent_to_each_arm(
    server: Server,
    errors: str | None,
    latency: str | None,
    bed: ClusterHandle,
    metrics: PrometheusMetrics,
    namespace: str,
) -> None:
    addresses = servers.start(bed, namespace, dict.fromkeys(SENT, server))
    await _send(addresses, server)
    sent = {revision: one.total for revision, one in SENT.items()}
    if errors is not None:
        found = await Reader(metrics, errors, namespace).errors(sent)
        assert found == {revision: (one.bad, one.total) for revision, one in SENT.items()}
    if latency is not None:
        found = await Reader(metrics, latency, namespace).latency(sent)
        assert found == {revision: (one.good + one.bad, one.total) for revision, one in SENT.items()}


SLOWER: dict[str, Server] = {STABLE: servers.programmable(1), CANDIDATE: servers.programmable(1500)}
"""Behind a gateway: all that the candidate answers is slow."""


async def test_traefiks_templates_count_what_each_arm_answered(
    bed: ClusterHandle, metrics: PrometheusMetrics, namespace: str
) -> None:
    servers.start(bed, namespace, SLOWER)
    servers.apply(bed, namespace, [_service(revision) for revision in SENT])
    servers.apply(bed, namespace, [_route(f"{namespace}.test", {STABLE: 80, CANDIDATE: 20})])
    host = {"host": f"{namespace}.test"}
    server = SLOWER[STABLE]
    answers = list[Answered]()
    async with asyncio.timeout(_SEEN_SECONDS):
        while not _by_arm(answers)[CANDIDATE, 200]:
            await asyncio.sleep(_PAUSE)  # a gateway tells nobody when it serves
            answers += await servers.ask(bed.gateway, server, [GOOD] * 5, **host)
    answers += await servers.ask(bed.gateway, server, [GOOD] * 30 + [BAD] * 10, **host)
    seen = _by_arm(answers)
    assert all(seen[revision, 500] for revision in SENT)

    sent = {revision: seen[revision, 200] + seen[revision, 500] for revision in SENT}
    errors = await Reader(metrics, "traefik/errors", namespace).errors(sent)
    assert errors == {revision: (seen[revision, 500], sent[revision]) for revision in SENT}
    latency = await Reader(metrics, "traefik/latency", namespace).latency(sent)
    _stable_alone_is_fast(latency, sent, [one for one in answers if one.headers.get(_ARM) == STABLE])


def _by_arm(answers: Sequence[Answered]) -> Counter[tuple[str, int]]:
    """How many answers each revision gave by status; what no revision answered, the gateway did, and is left out."""
    return Counter((one.headers[_ARM], one.status) for one in answers if _ARM in one.headers)


def _stable_alone_is_fast(
    found: Mapping[str, tuple[int, int]], sent: Mapping[str, int], of_stable: Sequence[Answered]
) -> None:
    """Of what the candidate answered, nothing is within the bound. Of what stable did, all is that was seen to be: on a
    machine that is busy with everything else some may not be."""
    quick = sum(one.seconds < _BOUND for one in of_stable)
    assert quick > 0
    assert quick <= found[STABLE][0] <= sent[STABLE]
    assert (found[STABLE][1], found[CANDIDATE]) == (sent[STABLE], (0, sent[CANDIDATE]))


def _service(revision: str) -> servers.Object:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    spec = {"selector": {"crossfade.dev/revision": revision}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": revision}, "spec": spec}


def _route(host: str, weights: Mapping[str, int]) -> servers.Object:
    """A route as the operator writes it, but that answers say which arm gave them."""
    backends = [
        {
            "name": revision,
            "port": 80,
            "weight": weight,
            "filters": [
                {
                    "type": "ResponseHeaderModifier",
                    "responseHeaderModifier": {"set": [{"name": _ARM, "value": revision}]},
                }
            ],
        }
        for revision, weight in weights.items()
    ]
    spec = {
        "parentRefs": [{"name": "public", "namespace": "gateways"}],
        "hostnames": [host],
        "rules": [{"backendRefs": backends}],
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "fraud"},
        "spec": spec,
    }


async def test_envoys_templates_count_what_each_arm_answered_and_what_it_could_not(
    bed: ClusterHandle, metrics: PrometheusMetrics, namespace: str
) -> None:
    """Clusters are named as Envoy Gateway names those of merged backends."""
    addresses = servers.start(bed, namespace, SLOWER)
    clusters = {revision: f"backend/service/{namespace}/{revision}/80" for revision in SENT}
    gateway = servers.envoy({clusters[revision]: addresses[revision] for revision in SENT})
    base = f"http://{servers.start(bed, namespace, {'envoy': gateway})['envoy']}:8080"
    answers = dict[str, list[Answered]]()
    for revision, sent in SENT.items():
        inputs = [GOOD] * sent.good + [BAD] * sent.bad
        answers[revision] = await servers.ask(base, SLOWER[revision], inputs, arm=clusters[revision])
        assert Counter(one.status for one in answers[revision]) == {200: sent.good, 500: sent.bad}
    answered = {revision: sent.good + sent.bad for revision, sent in SENT.items()}
    latency = await Reader(metrics, "envoy/latency", namespace).latency(answered)
    _stable_alone_is_fast(latency, answered, answers[STABLE])

    bed.kubectl("delete", "pod", CANDIDATE, "--namespace", namespace, "--grace-period=0", "--force")
    lost = await servers.ask(base, SLOWER[CANDIDATE], [GOOD] * 3, arm=clusters[CANDIDATE])
    assert [one.status for one in lost] == [503] * 3
    errors = await Reader(metrics, "envoy/errors", namespace).errors({**answered, CANDIDATE: answered[CANDIDATE] + 3})
    assert errors == {
        STABLE: (SENT[STABLE].bad, answered[STABLE]),
        CANDIDATE: (SENT[CANDIDATE].bad + 3, answered[CANDIDATE] + 3),
    }
