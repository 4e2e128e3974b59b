"""Real servers in pods, each with a model that answers, raises or takes long as its input says."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx

from testbed.handle import ClusterHandle

Object = dict[str, Any]

GOOD, BAD, SLOW = 0, 1, 2
"""What a request's input is, and so what becomes of it: 200 at once, 500 at once, 200 after SLOW_SECONDS."""
SLOW_SECONDS = 1.5

_V2 = "/v2/models/fraud/infer"
_MLSERVER = f"""
import asyncio
from mlserver import MLModel
from mlserver.types import InferenceResponse

class Fraud(MLModel):
    async def predict(self, payload):
        value = payload.inputs[0].data.root[0]
        if value == {BAD}:
            raise RuntimeError("an input that the model does not know")
        if value == {SLOW}:
            await asyncio.sleep({SLOW_SECONDS})
        return InferenceResponse(model_name=self.name, outputs=[])
"""
_KSERVE = f"""
import asyncio
from kserve import Model, ModelServer

class Fraud(Model):
    def __init__(self):
        super().__init__("fraud")
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        value = payload["instances"][0]
        if value == {BAD}:
            raise RuntimeError("an input that the model does not know")
        if value == {SLOW}:
            await asyncio.sleep({SLOW_SECONDS})
        return {{"predictions": [0]}}

ModelServer(http_port=8080, enable_grpc=False, workers=1).start([Fraud()])
"""
_ASGI = f"""
import asyncio, sys, uvicorn
from fastapi import FastAPI

app = FastAPI()
if sys.argv[1] == "instrumentator":
    from prometheus_fastapi_instrumentator import Instrumentator
    Instrumentator().add().instrument(app).expose(app)
else:
    from starlette_exporter import PrometheusMiddleware, handle_metrics
    app.add_middleware(PrometheusMiddleware, prefix="http", app_name="fraud")
    app.add_route("/metrics", handle_metrics)

@app.get("/healthz")
async def healthz():
    return {{}}

@app.post("/v1/score/{{value}}")
async def score(value: int):
    if value == {BAD}:
        raise RuntimeError("an input that the model does not know")
    if value == {SLOW}:
        await asyncio.sleep({SLOW_SECONDS})
    return {{}}

uvicorn.run(app, host="0.0.0.0", port=8080, access_log=False)
"""


def _open_inference(value: int) -> tuple[str, Object]:
    """An Open Inference v2 request."""
    return _V2, {"inputs": [{"name": "input", "shape": [1, 1], "datatype": "FP64", "data": [value]}]}


@dataclass(frozen=True)
class Server:
    """How a server is run and asked. `files` lie in /mnt/models; `request` gives path and body for an input."""

    image: str
    args: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    metrics: str = ":8080/metrics"
    ready: str = "/v2/health/ready"
    request: Callable[[int], tuple[str, Object]] = _open_inference


MLSERVER = Server(
    "mlserver",
    files={
        "model.py": _MLSERVER,
        "model-settings.json": json.dumps({"name": "fraud", "implementation": "model.Fraud"}),
        "settings.json": json.dumps({"debug": False, "parallel_workers": 0}),
    },
    metrics=":8082/metrics",
)
KSERVE = Server(
    "kserve",
    ("/mnt/models/serve.py",),
    {"serve.py": _KSERVE},
    request=lambda value: ("/v1/models/fraud:predict", {"instances": [value]}),
)


def asgi(instrumented_by: str) -> Server:
    """A FastAPI application that `instrumentator` or `exporter` counts."""
    return Server(
        "asgi",
        ("/mnt/models/serve.py", instrumented_by),
        {"serve.py": _ASGI},
        ready="/healthz",
        request=lambda value: (f"/v1/score/{value}", {}),
    )


def programmable(milliseconds: float) -> Server:
    """Our own server, every answer of which takes so long; it raises on BAD alone."""
    behaviour = {
        "name": "fraud",
        "version": "1.0.0",
        "latencyMs": {"p50": milliseconds, "p99": milliseconds},
        "failsWhen": [{"index": 0, "equals": BAD}],
    }
    return Server("v2server", ("--model", "/mnt/models/model.json"), {"model.json": json.dumps(behaviour)})


def envoy(clusters: Mapping[str, str]) -> Server:
    """An Envoy that chooses the cluster by the request's header `arm`; `clusters` are addresses by name."""
    routes = [
        {
            "match": {"prefix": "/", "headers": [{"name": "arm", "string_match": {"exact": name}}]},
            "route": {"cluster": name},
        }
        for name in clusters
    ]
    kind = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "web",
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}}
        ],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    config = {
        "admin": {"address": _socket("0.0.0.0", 9901)},  # inside a pod
        "stats_flush_interval": "0.5s",  # its histograms lag by so much, 5 s by default
        "static_resources": {
            "listeners": [{"address": _socket("0.0.0.0", 8080), "filter_chains": [chain]}],  # the same
            "clusters": [_cluster(name, address) for name, address in clusters.items()],
        },
    }
    arguments = ("--config-path", "/mnt/models/envoy.json", "--concurrency", "1", "--log-level", "warn")
    files = {"envoy.json": json.dumps(config)}
    return Server("envoy", (*arguments, "--use-dynamic-base-id"), files, metrics=":9901/stats/prometheus", ready="")


def _socket(address: str, port: int) -> Object:
    return {"socket_address": {"address": address, "port_value": port}}


def _cluster(name: str, address: str) -> Object:
    endpoint = {"endpoint": {"address": _socket(address, 8080)}}
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    # connections that are kept may be closed by the server just when the next request is sent on them
    once = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"max_requests_per_connection": 1},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    options = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": once}
    return {"name": name, "type": "STATIC", "load_assignment": assignment, "typed_extension_protocol_options": options}


def start(bed: ClusterHandle, namespace: str, servers: Mapping[str, Server]) -> dict[str, str]:
    """Run a pod of each server, named and labelled as a revision; returns their IP addresses when all are ready."""
    objects = [item for name, server in servers.items() for item in _objects(name, server)]
    apply(bed, namespace, objects)
    pods = [f"pod/{name}" for name in servers]
    bed.kubectl("wait", "--namespace", namespace, "--for=condition=Ready", "--timeout=300s", *pods)
    found = json.loads(bed.kubectl("get", "pods", "--namespace", namespace, "--output=json"))["items"]
    return {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in found}


def apply(bed: ClusterHandle, namespace: str, objects: list[Object]) -> None:
    """Apply objects in a namespace."""
    document = {"apiVersion": "v1", "kind": "List", "items": objects}
    bed.kubectl("apply", "--namespace", namespace, "--filename=-", input=json.dumps(document))


def _objects(name: str, server: Server) -> list[Object]:
    port, _, path = server.metrics.removeprefix(":").partition("/")
    annotations = {"scrape": "true", "port": port, "path": f"/{path}"}
    container = {
        "name": "model",
        "image": server.image,
        "args": list(server.args),
        "volumeMounts": [{"name": "files", "mountPath": "/mnt/models"}],
        "readinessProbe": {"periodSeconds": 1, "timeoutSeconds": 10, **_probe(server)},
    }
    if not server.args:
        del container["args"]
    metadata = {
        "name": name,
        "labels": {"crossfade.dev/revision": name},
        "annotations": {f"prometheus.io/{key}": value for key, value in annotations.items()},
    }
    volumes = [{"name": "files", "configMap": {"name": name}}]
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": dict(server.files)},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 0},
        },
    ]


def _probe(server: Server) -> Object:
    return {"httpGet": {"path": server.ready, "port": 8080}} if server.ready else {"tcpSocket": {"port": 8080}}


class Answered(NamedTuple):
    """An answer, and the seconds that it took as its client saw it: no server or gateway can have counted more."""

    status: int
    headers: httpx.Headers
    seconds: float


async def ask(base: str, server: Server, inputs: list[int], **headers: str) -> list[Answered]:
    """One request for each input, each on a connection of its own, four at a time."""
    slots = asyncio.Semaphore(4)

    async def one(client: httpx.AsyncClient, value: int) -> Answered:
        path, body = server.request(value)
        async with slots:
            begun = time.monotonic()
            answer = await client.post(base + path, json=body, headers={"connection": "close", **headers})
            return Answered(answer.status_code, answer.headers, time.monotonic() - begun)

    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        return list(await asyncio.gather(*(one(client, value) for value in inputs)))
