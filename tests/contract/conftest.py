"""The real servers behind the ports: the bed's API server, Prometheus and MLflow; an S3 server; a plain web server."""

import functools
import json
import os
import signal
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from crossfade.adapters import ranged
from crossfade.adapters.artifacts.mlflow_artifacts import MlflowArtifacts
from crossfade.adapters.artifacts.router import ArtifactStore, plain_stores
from crossfade.adapters.kube import KubeCluster
from crossfade.adapters.mlflow_server import MlflowServer
from crossfade.adapters.registries.mlflow import MlflowRegistry
from crossfade.adapters.web import Guard
from crossfade.api.v1alpha1.modelversion import MlflowSource, Source
from crossfade.model.access import Access
from crossfade.ports import Reference

from testbed.binaries.environments import python_env
from testbed.handle import ClusterHandle
from tests.contract.git_bench import OUTSIDER, READER, GitBench
from tests.contract.store_bench import BENCHES, Bench, Clients, S3Bench, clients, s3_bench
from tests.support.faults import proxy
from tests.support.git_repositories import Repositories
from tests.support.git_repositories import serving as serving_git
from tests.support.servers import free_port, serving

_START_SECONDS = 120.0
MLFLOW_ADMIN = ("admin", "canary-of-the-administrator")
S3_OWNER = ("test", "test")
"""With any credentials the S3 server lets objects be written over; it does not check them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the bed's network come first: threads that an object store's library starts outside stay outside."""
    items.sort(key=lambda item: "bed" not in getattr(item, "fixturenames", ()))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make the servers' environments now: from inside the bed's network no package can be fetched."""
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    environments = {
        "azureml_environment": ("azureml",),
        "git": ("dvc",),
        "hub": ("hub",),
        "s3": ("moto",),
        "real_servers": ("mlserver", "kserve", "asgi", "envoy"),
        "mlserver_environment": ("mlserver",),
        "mlflow_with_users": ("mlflow",),
        "kept_in_s3": ("mlflow", "moto", "stores"),
        "vertex_environment": ("vertex",),
        "wandb_environment": ("wandb",),
    }
    for name in (name for fixture, names in environments.items() if fixture in wanted for name in names):
        if not session.config.option.collectonly:
            python_env(name)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that break are followed by others without a pause."""
    monkeypatch.setattr(ranged, "_FIRST_PAUSE", 0.001)


def store(mlflow_url: str | None = None, root: Path | None = None) -> ArtifactStore:
    """All stores as the operator's own configuration has them."""
    mine = {"mlflow-artifacts": lambda: MlflowArtifacts(MlflowServer(Access("mlflow", str(mlflow_url))))}
    return ArtifactStore({**plain_stores(root), **(mine if mlflow_url else {})})


async def resolved(access: Access, guard: Guard | None = None, **source: str) -> Reference:
    """What the MLflow server says of a version, an alias or a stage."""
    server = MlflowServer(access, guard)
    try:
        return await MlflowRegistry(server).resolve(Source(mlflow=MlflowSource.model_validate(source)))
    finally:
        await server.close()


@pytest.fixture
def mlserver_environment() -> Path:
    """The folder of MLServer's virtual environment."""
    return python_env("mlserver")


@pytest.fixture
async def cluster(bed: ClusterHandle, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KubeCluster]:
    """The adapter, connected with full rights."""
    monkeypatch.setenv("KUBECONFIG", str(bed.kubeconfig))
    connected = await KubeCluster.connect()
    yield connected
    await connected.close()


@pytest.fixture
def namespace(bed: ClusterHandle) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"contract-{uuid.uuid4().hex[:8]}"
    bed.kubectl("create", "namespace", name)
    yield name
    bed.kubectl("delete", "namespace", name, "--wait=false")


@dataclass(frozen=True)
class MlflowBench:
    """What tests do to the MLflow server as its users would, by its REST API."""

    url: str
    auth: tuple[str, str] | None = None
    database: Path | None = None
    """Its SQLite, where it is on this machine and a test's own."""

    def model(self, files: dict[str, bytes], name: str | None = None) -> tuple[str, str]:
        """Log a model of these files and register it as a new version; returns the model's name and the version."""
        name = name or f"model-{uuid.uuid4().hex[:8]}"
        logged = self.post("logged-models", experiment_id="0", name="model")["model"]["info"]
        for path, content in files.items():
            self.put(f"{logged['artifact_uri']}/{path}", content)
        with suppress(httpx.HTTPStatusError):  # it may be there already
            self.post("registered-models/create", name=name)
        source = f"models:/{logged['model_id']}"
        answer = self.post("model-versions/create", name=name, source=source, model_id=logged["model_id"])
        return name, str(answer["model_version"]["version"])

    def put(self, uri: str, content: bytes) -> None:
        """Write one artifact, over what is there."""
        httpx.put(self._artifact(uri), content=content, auth=self.auth, timeout=60).raise_for_status()

    def remove(self, uri: str) -> None:
        """Delete one artifact, or a folder of them."""
        httpx.delete(self._artifact(uri), auth=self.auth, timeout=60).raise_for_status()

    def alias(self, name: str, alias: str, version: str) -> None:
        """Let the alias mean the version."""
        self.post("registered-models/alias", name=name, alias=alias, version=version)

    def user(self, name: str, password: str) -> None:
        """Let somebody in, who may do nothing yet."""
        self.post("users/create", username=name, password=password)

    def grant(self, user: str, kind: str, which: str, permission: str) -> None:
        """Let a user have this permission on one thing."""
        self.post(
            "users/permissions/grant",
            api="3.0",
            username=user,
            resource_type=kind,
            resource_id=which,
            permission=permission,
        )

    def _artifact(self, uri: str) -> str:
        path = uri.removeprefix("mlflow-artifacts:/")
        return f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{quote(path)}"

    def post(self, path: str, *, api: str = "2.0", **body: Any) -> dict[str, Any]:
        """One call of the REST API."""
        answer = httpx.post(f"{self.url}/api/{api}/mlflow/{path}", json=body, auth=self.auth, timeout=60)
        answer.raise_for_status()
        return dict(answer.json())


@pytest.fixture(scope="session")
def mlflow(mlflow_url: str) -> MlflowBench:
    """The session's MLflow server."""
    return MlflowBench(mlflow_url)


@contextmanager
def mlflow_server(folder: Path, *options: str, **variables: str) -> Iterator[str]:
    """The URL of an MLflow server on loopback, with SQLite in this folder."""
    environment = python_env("mlflow")
    port = free_port()
    command = [
        *(str(environment / "bin" / "python"), "-m", "mlflow", "server", *options),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
    ]
    variables |= {
        "HOME": str(folder),
        "PATH": f"{environment / 'bin'}:/usr/bin:/bin",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=variables, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        transport = httpx.HTTPTransport(retries=10)  # connecting only, with growing pauses: the server is starting
        with httpx.Client(transport=transport, timeout=_START_SECONDS) as client:
            client.get(f"http://127.0.0.1:{port}/health").raise_for_status()
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # it answers by a worker that would stay
        process.wait()


@pytest.fixture(scope="session")
def mlflow_with_users(bed: ClusterHandle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowBench]:
    """An MLflow server that knows its users, and lets them do nothing that was not granted to them; as its
    administrator."""
    folder = tmp_path_factory.mktemp("mlflow")
    (folder / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\nadmin_username = admin\n"
        f"admin_password = {MLFLOW_ADMIN[1]}\ndatabase_uri = sqlite:///{folder}/auth.db\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "auth_cache_ttl_seconds = 3600\n"  # else each request costs it the hash of a password, a tenth of a second
    )
    options = ("--app-name", "basic-auth", "--serve-artifacts", "--artifacts-destination", str(folder / "artifacts"))
    variables = {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of-this-test",
    }
    with mlflow_server(folder, *options, **variables) as url:
        yield MlflowBench(url, MLFLOW_ADMIN, folder / "mlflow.db")


@pytest.fixture(scope="session")
def s3_server(bed: ClusterHandle) -> Iterator[str]:
    """The base URL of an S3 server that keeps its objects in memory, on loopback inside the bed's network."""
    port = free_port()
    server = python_env("moto") / "bin" / "moto_server"
    process = subprocess.Popen([server, "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
    try:
        transport = httpx.HTTPTransport(retries=9)  # connecting only, with growing pauses: the server is starting
        with httpx.Client(transport=transport, timeout=_START_SECONDS) as client:
            client.get(f"http://127.0.0.1:{port}/").raise_for_status()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket `models`, with the environment that a pod would have; returns the server's URL."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    httpx.post(f"{s3_server}/moto-api/reset", timeout=60).raise_for_status()
    httpx.put(f"{s3_server}/models", timeout=60).raise_for_status()
    return s3_server


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitBench]:
    """Repositories with two users, and what DVC keeps."""
    home = tmp_path_factory.mktemp("git")
    made = Repositories(home / "bare", home / "kept", dict((READER, OUTSIDER)), {OUTSIDER[0]})
    with serving_git(made), proxy(made.url) as kept:
        yield GitBench(made, kept, home / "clones")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Python's own web server on loopback, and the folder that it serves."""
    folder = tmp_path / "web"
    folder.mkdir()
    with serving(functools.partial(_Quiet, directory=str(folder))) as url:
        yield url, folder


def token_of(kubeconfig: Path) -> str:
    """The bearer token in a kubeconfig."""
    return str(json.loads(kubeconfig.read_text())["users"][0]["user"]["token"])


def inherited_environment(**more: str) -> dict[str, str]:
    """The process's environment without what configures our command line, and with `more`."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CROSSFADE_")} | more


@pytest.fixture(scope="module")
def cloud_clients() -> Iterator[Clients]:
    """The clouds' own clients."""
    with clients() as made:
        yield made


@pytest.fixture(scope="module", params=["s3", "gs", "az"])
def store_bench(request: pytest.FixtureRequest, cloud_clients: Clients) -> Iterator[Bench]:
    """Each object store in turn."""
    with BENCHES[request.param](cloud_clients) as made:
        yield made


@pytest.fixture(scope="module")
def users_of_s3(cloud_clients: Clients) -> Iterator[S3Bench]:
    """S3 and SageMaker, with users whose signatures are checked."""
    with s3_bench(cloud_clients) as made:
        yield made
