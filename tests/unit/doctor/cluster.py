"""A cluster in memory in which all is well, as an API server and a Prometheus answer; tests plant faults in it."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crossfade.api.kinds import KINDS
from crossfade.cli.doctor import known_fields
from crossfade.codegen.crd import definition
from crossfade.doctor.checks import CHECKS
from crossfade.doctor.facts import Facts
from crossfade.doctor.finding import Finding, Level
from crossfade.model.moments import stamp
from crossfade.observe.examiner import LISTS, Wish, examine
from crossfade.ports import ClusterError, MetricsError, Object, RawSeries

NOW = 1_800_000_000.0
RELEASE = "0.1.0"
REVISION = "fraud-5d8f"
USER = "system:serviceaccount:crossfade-system:crossfade"
_LIST = re.compile(r"(?P<root>/apis?(/[a-z0-9.]+)?/v[0-9a-z]+)(/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+)")


def labelled(name: str, namespace: str = "", **labels: str) -> Object:
    where = {"namespace": namespace} if namespace else {}
    return {"name": name, **where, "labels": labels, "creationTimestamp": stamp(NOW - 3600), "uid": name}


def conditions(**truths: str) -> Object:
    return {"conditions": [{"type": kind, "status": truth} for kind, truth in truths.items()]}


def operator(name: str = "crossfade", namespace: str = "crossfade-system", **env: str) -> Object:
    image = f"ghcr.io/crossfade-dev/crossfade:{RELEASE}"
    told = {
        "CROSSFADE_PROMETHEUS_ADDRESS": "http://prometheus.monitoring:9090",
        "CROSSFADE_LOADER_IMAGE": image,
        "CROSSFADE_LEASE": f"{namespace}/{name}",
        **env,
    }
    container = {"name": "operator", "image": image, "env": [{"name": k, "value": v} for k, v in told.items()]}
    labels = {
        "app.kubernetes.io/name": "crossfade",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/version": RELEASE,
        "helm.sh/chart": f"crossfade-{RELEASE}",
    }
    return {
        "metadata": {**labelled(name, namespace), "labels": labels},
        "spec": {"replicas": 2, "template": {"spec": {"serviceAccountName": name, "containers": [container]}}},
        "status": {"readyReplicas": 2, **conditions(Available="True", Progressing="True")},
    }


def lease(name: str = "crossfade", namespace: str = "crossfade-system", age: float = 1.0) -> Object:
    spec = {"holderIdentity": "crossfade-abc_1234", "renewTime": stamp(NOW - age), "leaseDurationSeconds": 8}
    return {"metadata": labelled(name, namespace), "spec": spec}


def rollout(name: str = "fraud", namespace: str = "ml", **changes: Any) -> Object:
    spec = {
        "modelVersion": f"{name}-1",
        "traffic": {"gatewayAPI": {"parentRefs": [{"name": "public", "namespace": "gateways"}]}},
        "strategy": {"stages": [{"name": "tenth", "weight": 10}]},
        "analysis": {"metrics": [{"name": "errors", "template": "mlserver/errors", "objective": OBJECTIVE}]},
        **changes,
    }
    stable = {"modelVersion": f"{name}-1", "revision": REVISION, "digest": "sha256:" + "0" * 64, "ready": 2}
    status = {"observedGeneration": 1, "stable": stable, **conditions(Ready="True")}
    return {"metadata": labelled(name, namespace), "spec": spec, "status": status}


OBJECTIVE = {"absolute": {"max": "0.02"}}


def gateway(name: str = "public", namespace: str = "gateways", admits: Object | None = None) -> Object:
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    listener["allowedRoutes"] = {"namespaces": admits or {"from": "All"}}
    return {
        "metadata": labelled(name, namespace),
        "spec": {"gatewayClassName": "public", "listeners": [listener]},
        "status": {**conditions(Accepted="True", Programmed="True"), "listeners": []},
    }


def gateway_definition(plural: str) -> Object:
    mirror = {"requestMirror": {"properties": {"percent": {"type": "integer"}}}}
    rules = {"items": {"properties": {"filters": {"items": {"properties": mirror}}}}}
    schema = {"properties": {"spec": {"properties": {"rules": rules}}}}
    name = f"{plural}.gateway.networking.k8s.io"
    annotations = {
        "gateway.networking.k8s.io/bundle-version": "v1.6.1",
        "gateway.networking.k8s.io/channel": "standard",
    }
    versions = [{"name": "v1", "served": True, "schema": {"openAPIV3Schema": schema}}]
    return {"metadata": {**labelled(name), "annotations": annotations}, "spec": {"versions": versions}}


def child(name: str, of: str, namespace: str = "ml") -> Object:
    labels = {"app.kubernetes.io/managed-by": "crossfade", "crossfade.dev/rollout": of}
    return {"metadata": {**labelled(name, namespace), "labels": labels}}


def registry(name: str = "mlflow", namespace: str = "ml") -> Object:
    spec = {"mlflow": {"address": "https://mlflow.example"}, "credentials": {"secretRef": {"name": "mlflow"}}}
    return {
        "metadata": labelled(name, namespace),
        "spec": spec,
        "status": {"observedGeneration": 1, **conditions(Ready="True")},
    }


def series(every: float = 15.0, **labels: str) -> RawSeries:
    told = {"namespace": "ml", "pod": "fraud-1", "revision": REVISION, **labels}
    times = [NOW - at * every for at in range(int(300 // every), -1, -1)]
    return RawSeries(told, tuple((at, 1.0) for at in times))


@dataclass
class Prometheus:
    """The Queries port: what it has of any selector, unless `only` says otherwise; all is refused by its `failure`."""

    shown: str = ""
    way: str = "directly"
    clock: float = NOW
    has: Sequence[RawSeries] = field(default_factory=lambda: [series()])
    only: Mapping[str, Sequence[RawSeries]] = field(default_factory=dict)
    failure: MetricsError | None = None

    async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
        """See doctor.ports.Queries."""
        if self.failure:
            raise self.failure
        return self.only.get(selector, self.has)

    async def now(self) -> float:
        """See doctor.ports.Queries."""
        if self.failure:
            raise self.failure
        return self.clock


class FakeCluster:
    """The Reader port: `objects` by the names that LISTS has, and a few more. `refused` answers that name with 403."""

    def __init__(self) -> None:
        self.version = "v1.37.1"
        self.prometheus: Callable[[str], Prometheus] = lambda address: Prometheus(shown=address)
        self.groups = ["apps", "metrics.k8s.io"]
        self.refused: set[str] = set()
        self.unserved: set[str] = set()
        self.denied: set[tuple[str, str]] = set()
        self.no_reviews = False
        self.objects: dict[str, list[Object]] = {
            "operators": [operator()],
            "leases": [lease()],
            "namespaces": [{"metadata": labelled(name)} for name in ("crossfade-system", "gateways", "ml")],
            "customresourcedefinitions": [
                *json.loads(_DEFINITIONS),
                *map(gateway_definition, ("gatewayclasses", "gateways", "httproutes", "grpcroutes")),
            ],
            "gatewayclasses": [
                {
                    "metadata": labelled("public"),
                    "spec": {"controllerName": "example.com/gateway"},
                    "status": {**conditions(Accepted="True"), "supportedFeatures": [{"name": "Gateway"}]},
                }
            ],
            "gateways": [gateway()],
            "rollouts": [rollout()],
            "modelregistries": [registry()],
            "secrets": [{"metadata": labelled("mlflow", "ml"), "data": {"token": "c2VjcmV0LXRva2Vu"}}],
            "services": [child(REVISION, "fraud")],
        }

    async def read(self, path: str, query: Mapping[str, str]) -> Object:
        """See doctor.ports.Reader."""
        if path == "/version":
            return {"gitVersion": self.version}
        if path == "/apis":
            return {"groups": [{"name": name} for name in self.groups]}
        scope, _, name = path.rpartition("/")
        listing = _LIST.fullmatch(path)
        if listing is None or listing["plural"] == "namespaces":
            return self._one(scope, name) if listing is None or listing["namespace"] else self._all("namespaces", None)
        return self._all(_name_of(listing["plural"], query), listing["namespace"])

    def _all(self, kind: str, namespace: str | None) -> Object:
        if kind in self.unserved:
            raise ClusterError("the server could not find the requested resource", 404)
        if kind in self.refused:
            raise ClusterError(f'{kind} is forbidden: User "vera" cannot list resource "{kind}"', 403)
        found = self.objects.get(kind, [])
        return {"items": [one for one in found if namespace in (None, one["metadata"].get("namespace"))]}

    def _one(self, scope: str, name: str) -> Object:
        parts = scope.split("/")
        kind, namespace = parts[-1], parts[-2] if "namespaces" in parts[:-1] else None
        for one in self._all(kind, namespace)["items"]:
            if one["metadata"]["name"] == name:
                return dict(one)
        raise ClusterError(f"{kind} {name} not found", 404)

    async def may(self, user: str, attributes: Mapping[str, str]) -> bool:
        """See doctor.ports.Reader."""
        if self.no_reviews:
            raise ClusterError("subjectaccessreviews is forbidden", 403)
        return (attributes["verb"], attributes["resource"]) not in self.denied

    async def now(self) -> float:
        """See doctor.ports.Reader."""
        return NOW


def _name_of(plural: str, query: Mapping[str, str]) -> str:
    found = (name for name, one in LISTS.items() if one.plural == plural and one.query.items() <= query.items())
    return next(found, plural)


_DEFINITIONS = json.dumps([{**definition(kind), "status": conditions(Established="True")} for kind in KINDS.values()])
_FIELDS = known_fields()


def examined(cluster: FakeCluster, namespace: str | None = None, prometheus: str | None = None) -> Facts:
    wish = Wish(RELEASE, _FIELDS, namespace, prometheus)
    return asyncio.run(examine(cluster, cluster.prometheus, wish))


def told(
    cluster: FakeCluster, check: str, namespace: str | None = None, prometheus: str | None = None
) -> list[Finding]:
    """What the check of this name says of the cluster."""
    (found,) = (one for one in CHECKS if one.name == check)
    return list(found.run(examined(cluster, namespace, prometheus)))


def the(cluster: FakeCluster, check: str, level: Level = Level.FAULT) -> Finding:
    """The one finding of the check, which must be of this level and have a cure."""
    (found,) = (one for one in told(cluster, check) if one.level is not Level.OK)
    assert (found.level, bool(found.why), bool(found.cure)) == (level, True, True)
    return found
