"""Would catch a doctor that writes to the API server, waits for ever, or takes another's clock for the cluster's."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from crossfade.adapters.kube_reader import KubeReader
from crossfade.adapters.prometheus_view import PrometheusView
from crossfade.doctor.ports import GoneError
from crossfade.ports import ClusterError, MetricsError, Object

from tests.support.servers import Quiet, serving

_ANSWER = {"status": "success", "data": {"resultType": "scalar", "result": [1.5, "1700000000.25"]}}


class ApiServer(Quiet):
    """Tells its date and what was sent; hangs where the path says so."""

    came: list[tuple[str, str]]
    go: threading.Event

    def do_GET(self) -> None:  # noqa: N802 - the name that the server calls
        """Its version, or nothing."""
        self.came.append((self.command, self.path))
        if "hang" in self.path:
            self.go.wait(10.0)
        self.say(200, b'{"gitVersion": "v1.37.1"}')

    def do_POST(self) -> None:  # noqa: N802 - the name that the server calls
        """Whether patch is asked for."""
        self.came.append((self.command, self.path))
        asked = json.loads(self.content())["spec"]["resourceAttributes"]
        self.say(201, json.dumps({"status": {"allowed": asked["verb"] == "patch"}}).encode())

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Of another clock."""
        return "Tue, 14 Nov 2023 22:13:20 GMT"


def handler() -> type[ApiServer]:
    return type("Handler", (ApiServer,), {"came": [], "go": threading.Event()})


async def connected(monkeypatch: pytest.MonkeyPatch, folder: Path, url: str) -> KubeReader:
    told = {
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "vera", "user": {"token": "secret"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "vera"}}],
        "current-context": "here",
    }
    (folder / "kubeconfig").write_text(json.dumps(told))
    monkeypatch.setenv("KUBECONFIG", str(folder / "kubeconfig"))
    return await KubeReader.connect()


async def test_it_reads_and_asks_for_reviews_and_does_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serving(asked := handler()) as url:
        reader = await connected(monkeypatch, tmp_path, url)
        try:
            assert (await reader.read("/version", {}))["gitVersion"] == "v1.37.1"
            assert await reader.may("system:serviceaccount:a:b", {"verb": "patch"})
            assert not await reader.may("system:serviceaccount:a:b", {"verb": "delete"})
            assert await reader.now() == 1_700_000_000.5
        finally:
            await reader.close()
    reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    assert set(asked.came) == {("GET", "/version"), ("POST", reviews)}
    assert {name for name in vars(KubeReader) if not name.startswith("_")} == {"close", "connect", "may", "now", "read"}


async def test_what_hangs_ends_in_time_with_its_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving(asked := handler()) as url:
        reader = await connected(monkeypatch, tmp_path, url)
        reader._cluster._timeout = 0.1
        try:
            with pytest.raises(ClusterError, match="did not answer GET /hang within"):
                await reader.read("/hang", {})
        finally:
            asked.go.set()
            await reader.close()


class Reader:
    """Answers one thing to each path but those of `stored`; keeps what was asked."""

    def __init__(self, answer: Object | ClusterError, stored: Mapping[str, Object] | None = None) -> None:
        self.answer = answer
        self.stored = stored or {}
        self.asked = list[tuple[str, str]]()

    async def read(self, path: str, query: Mapping[str, str]) -> Object:
        """See doctor.ports.Reader."""
        if path in self.stored:
            return self.stored[path]
        self.asked.append((path, query["query"]))
        if isinstance(self.answer, ClusterError):
            raise self.answer
        return self.answer

    async def may(self, user: str, attributes: Mapping[str, str]) -> bool:
        """See doctor.ports.Reader."""
        return False

    async def now(self) -> float:
        """See doctor.ports.Reader."""
        return 0.0


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("http://prometheus.monitoring:9090", "monitoring/services/http:prometheus:9090/proxy"),
        ("http://prometheus.monitoring.svc:9090/prom/", "monitoring/services/http:prometheus:9090/proxy/prom"),
        ("https://prometheus.monitoring.svc.cluster.local", "monitoring/services/https:prometheus:443/proxy"),
    ],
)
async def test_a_service_is_asked_through_the_api_server(address: str, path: str) -> None:
    reader = Reader(_ANSWER)
    view = PrometheusView(address, reader)
    assert (await view.now(), view.way) == (1_700_000_000.25, "through the API server")
    assert reader.asked == [(f"/api/v1/namespaces/{path}/api/v1/query", "time()")]


async def test_a_service_that_is_not_there_is_gone_for_the_operator_too() -> None:
    nobody = Reader(ClusterError('the API server refused GET … with 404: services "p" not found', 404))
    with pytest.raises(GoneError, match='services "p" not found'):
        await PrometheusView("http://p.monitoring.svc:9090", nobody).now()


@pytest.mark.parametrize(("selector", "gone"), [({"app": "prometheus"}, True), (None, False)])
async def test_a_service_without_pods_is_gone_unless_the_api_server_leads_to_pods_alone(
    selector: Object | None, gone: bool
) -> None:
    service = {"spec": {"selector": selector}}
    nobody = Reader(ClusterError("no endpoints available", 503), {"/api/v1/namespaces/invalid/services/p": service})
    with pytest.raises(MetricsError, match="no endpoints" if gone else "leads to pods alone") as failure:
        await PrometheusView("http://p.invalid:1", nobody).now()
    assert isinstance(failure.value, GoneError) is gone


async def test_who_may_not_ask_through_the_api_server_learns_nothing_of_prometheus() -> None:
    forbidden = Reader(ClusterError('cannot get resource "services/proxy"', 403))
    with pytest.raises(MetricsError, match="services/proxy") as failure:
        await PrometheusView("http://p.monitoring:9090", forbidden).now()
    assert not isinstance(failure.value, GoneError)


class Prometheus(Quiet):
    """Answers as its path says."""

    def do_POST(self) -> None:  # noqa: N802 - the name that the server calls
        """The time, a refusal, or a page of somebody else."""
        self.content()
        if "bad" in self.path:
            self.say(400, b'{"status": "error", "errorType": "bad_data"}')
        elif "other" in self.path:
            self.say(200, b"<html>")
        elif "partial" in self.path:
            self.say(200, json.dumps({**_ANSWER, "warnings": ["half"]}).encode())
        else:
            self.say(200, json.dumps(_ANSWER).encode())


@pytest.mark.parametrize(
    ("path", "kind", "sentence"),
    [
        ("/bad", MetricsError, "it refused the selector"),
        ("/other", GoneError, "check that the address is Prometheus's own"),
        ("/partial", GoneError, "answers with warnings"),
    ],
)
async def test_what_is_no_whole_answer_is_said(path: str, kind: type[Exception], sentence: str) -> None:
    with serving(Prometheus) as url:
        view = PrometheusView(url + path, Reader(_ANSWER))
        with pytest.raises(kind, match=sentence):
            await view.window("up", 60)
        assert view.way == "directly"


async def test_who_does_not_answer_directly_may_do_so_elsewhere() -> None:
    with serving(Prometheus) as url:
        assert await PrometheusView(url, Reader(_ANSWER)).now() == 1_700_000_000.25
    with pytest.raises(MetricsError, match="cannot be reached from here: ConnectError") as failure:
        await PrometheusView(url, Reader(_ANSWER)).now()
    assert not isinstance(failure.value, GoneError)


def test_an_address_with_a_password_is_shown_without() -> None:
    assert PrometheusView("http://vera:secret@127.0.0.1:1", Reader(_ANSWER)).shown == "http://127.0.0.1:1"


@pytest.mark.parametrize("address", ["http://prometheus.monitoring:99999", "http://[prometheus", "http://a.b:port"])
async def test_what_is_no_address_is_said_and_ends_nothing(address: str) -> None:
    with pytest.raises(MetricsError, match="cannot be reached from here"):
        await PrometheusView(address, Reader(_ANSWER)).now()


async def test_who_refuses_the_time_is_asked_in_the_wrong_way_and_has_no_selector_to_blame() -> None:
    plain = Reader(ClusterError("refused with 400: Client sent an HTTP request to an HTTPS server", 400))
    with pytest.raises(GoneError, match="http or https"):
        await PrometheusView("http://prometheus.monitoring.svc:9090", plain).now()
    with serving(Prometheus) as url, pytest.raises(GoneError, match="http or https"):
        await PrometheusView(f"{url}/bad", Reader(_ANSWER)).now()
