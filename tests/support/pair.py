"""Two model servers behind one route that nobody but the test writes: what a gateway does, without an operator."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from testbed.load import Sample
from tests.support import objects
from tests.support.calls import served_over_grpc, until_called
from tests.support.endpoint import NAME, Endpoint
from tests.support.recorder import Object

OLD, NEW = "old", "new"


@dataclass
class Change:
    """One write of weights: when it was begun, stored, and acknowledged by the gateway, as Unix times."""

    weights: dict[str, int]
    written: float
    stored: float = 0.0
    acknowledged: float = 0.0


@dataclass
class Pair:
    """The servers `old` and `new` of an endpoint's namespace, both of which behave so (testbed.servers.behaviour).

    `changes` are the writes since the start.
    """

    kind: ClassVar[str] = "HTTPRoute"
    port: ClassVar[Object] = {"port": 80, "targetPort": "http"}
    """Of the Services that the route names."""
    endpoint: Endpoint
    behaviour: dict[str, Any] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    async def start(self, **weights: int) -> None:
        """Bring both up, and the route with these weights; the gateway serves it when this returns."""
        for name in (OLD, NEW):
            for manifest in self._server(name):
                await self.endpoint.create(manifest)
        for name in (OLD, NEW):
            ready = _ready(1)
            await self.endpoint.recorder.until("Deployment", name, ready)
        await self.endpoint.create(self._route(weights))
        await self.until_served()

    async def until_served(self) -> None:
        """Wait until the gateway serves the route."""
        await self.endpoint.until_answered()

    async def weigh(self, **weights: int) -> None:
        """Write other weights, and wait until the gateway has acknowledged them."""
        change = Change(weights, time.time())
        change.stored = await self.write(self.rule(**weights))
        change.acknowledged = time.time()
        self.changes.append(change)

    async def write(self, *rules: Object) -> float:
        """Write other rules, and wait until the gateway has acknowledged them. Returns when they were stored."""
        written = await self.endpoint.patch(self.kind, NAME, {"spec": {"rules": list(rules)}})
        stored, generation = time.time(), written["metadata"]["generation"]

        def taken(route: Object) -> bool:
            return _acknowledges(route, generation)

        await self.endpoint.recorder.until(self.kind, NAME, taken)
        return stored

    def _route(self, weights: dict[str, int]) -> Object:
        spec = {
            "parentRefs": [{"name": self.endpoint.parent, "namespace": "gateways"}],
            "hostnames": [self.endpoint.host],
            "rules": [self.rule(**weights)],
        }
        metadata = {"name": NAME}
        return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": self.kind, "metadata": metadata, "spec": spec}

    def rule(self, **weights: int) -> Object:
        """As Crossfade writes it."""
        return {"backendRefs": [{"name": name, "port": 80, "weight": weight} for name, weight in weights.items()]}

    def container(self) -> Object:
        """Of each server."""
        (container,) = objects.serving()["template"]["spec"]["containers"]
        return dict(container)

    def _server(self, name: str) -> list[Object]:
        """Labelled and annotated as Crossfade's pods are, so that Prometheus takes it for a revision."""
        labels = {"app": name, "crossfade.dev/revision": name}
        annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}
        model = {"model.json": json.dumps({"name": objects.MODEL, "version": name, **self.behaviour})}
        container = {**self.container(), "volumeMounts": [{"name": "model", "mountPath": "/mnt/models"}]}
        pod = {"containers": [container], "volumes": [{"name": "model", "configMap": {"name": name}}]}
        template = {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod}
        deployment = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        service = {"selector": labels, "ports": [self.port]}
        metadata = {"name": name}
        return [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": model},
            {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment},
        ]


@dataclass
class GrpcPair(Pair):
    """The same behind a GRPCRoute; a pod that shall end still serves for `drain` seconds, as Crossfade's do."""

    kind = "GRPCRoute"
    port: ClassVar[Object] = {"name": "grpc", "port": 80, "targetPort": "grpc", "appProtocol": "kubernetes.io/h2c"}
    drain: int = 5

    async def until_served(self) -> None:
        """See Pair."""
        await until_called(self.endpoint)

    def container(self) -> Object:
        """See Pair."""
        lifecycle = {"lifecycle": {"preStop": {"sleep": {"seconds": self.drain}}}} if self.drain else {}
        return served_over_grpc(super().container()) | lifecycle

    async def replace_pods(self, arm: str) -> None:
        """Roll an arm's Deployment; its former pods are gone when this returns."""
        former = [pod["metadata"]["name"] for pod in await self.endpoint.pods(arm)]
        mark = {"metadata": {"annotations": {"replaced": str(time.time())}}}
        await self.endpoint.patch("Deployment", arm, {"spec": {"template": mark}})
        for name in former:
            await self.endpoint.recorder.until_gone("Pod", name)


def after_each(changes: Sequence[Change], samples: Sequence[Sample]) -> list[float]:
    """`last_of_the_old` of each change, from the requests until the next one."""
    following = [one.written for one in changes[1:]] + [float("inf")]
    return [
        last_of_the_old(change, [one for one in samples if one.wall < until])
        for change, until in zip(changes, following, strict=True)
    ]


def last_of_the_old(change: Change, samples: Sequence[Sample]) -> float:
    """Seconds from a write that leaves one arm only to the sending of the last request that another one answered."""
    (arm,) = change.weights
    others = (one.wall + one.lateness for one in samples if one.arm not in (arm, None))
    return max((sent - change.written for sent in others if sent > change.written), default=0.0)


def _acknowledges(route: Object, generation: int) -> bool:
    parents = route.get("status", {}).get("parents") or []
    conditions = [one for parent in parents for one in parent["conditions"] if one["type"] == "Accepted"]
    return any(one["status"] == "True" and one["observedGeneration"] >= generation for one in conditions)


def _ready(replicas: int) -> Any:
    return lambda found: found.get("status", {}).get("readyReplicas", 0) >= replicas
