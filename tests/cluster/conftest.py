"""The operator on a real cluster: installed once for the session; an endpoint and a process for each test."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from crossfade.api.kinds import KINDS

from testbed.address import HOST
from testbed.bed import Bed
from testbed.cluster import ClusterClient
from tests.support.endpoint import Endpoint
from tests.support.gateways import ENVOY, TRAEFIK
from tests.support.installation import administrator, install, new_namespace
from tests.support.operator_process import Installation, OperatorProcess
from tests.support.reweighing import Report
from tests.support.servers import serving as files_at
from tests.support.statuses import lint
from tests.support.tally import Tally

StartOperator = Callable[..., OperatorProcess]
NewEndpoint = Callable[[], Awaitable[Endpoint]]
_TALLY = pytest.StashKey[Tally]()


def pytest_configure(config: pytest.Config) -> None:
    """One sum for the session."""
    config.stash[_TALLY] = Tally()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """For the sum of several sessions."""
    session.config.stash[_TALLY].write()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What all tests with a Rollout sent, and what of it failed."""
    for line in config.stash[_TALLY].lines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def installation(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The kinds, the operator's rights, and a folder for models."""
    return install(bed, tmp_path_factory.mktemp("operator"))


@pytest.fixture
def start_operator(installation: Installation, tmp_path: Path) -> Iterator[StartOperator]:
    """Starts operators, which end with the test; arguments are those of OperatorProcess."""
    with ExitStack() as running:

        def start(*namespaces: str, **options: Any) -> OperatorProcess:
            log = tmp_path / f"operator-{uuid.uuid4().hex[:6]}.log"
            return running.enter_context(OperatorProcess(installation, log, namespaces, **options))

        yield start


@pytest.fixture
async def admin(bed: Bed) -> AsyncIterator[ClusterClient]:
    """A client with full rights."""
    async with administrator(bed) as client:
        yield client


@pytest.fixture
def gateway() -> str:
    """Which gateway the test's endpoints are behind; `on_both_gateways` makes one test of each of it."""
    return TRAEFIK


@pytest.fixture
def report(gateway: str, record_property: Callable[[str, object], None]) -> Report:
    """Of what the test finds out about its gateway."""
    return Report(gateway, record_property)


@pytest.fixture
async def new_endpoint(
    admin: ClusterClient, installation: Installation, bed: Bed, gateway: str, request: pytest.FixtureRequest
) -> AsyncIterator[NewEndpoint]:
    """Makes endpoints of the test's own. In the end every status that was ever seen of them is linted."""
    if gateway == ENVOY:
        bed.start_envoy()
    made: list[Endpoint] = []
    async with AsyncExitStack() as namespaces:

        async def make() -> Endpoint:
            made.append(await namespaces.enter_async_context(new_namespace(admin, installation, gateway)))
            return made[-1]

        yield make
    for one in made:
        if any(kind == "Rollout" for kind, _ in one.recorder.newest):
            way = gateway if one.gateway == bed.gateway_url(gateway) else "without a gateway"
            request.config.stash[_TALLY].add(way, request.node.name, one.loads, one.gaps)
    for recorder in (one.recorder for one in made):
        for kind, name in sorted(recorder.newest):
            if kind in KINDS:
                lint(recorder.of(kind, name))


@pytest.fixture
async def endpoint(new_endpoint: NewEndpoint) -> Endpoint:
    """An endpoint of the test's own."""
    return await new_endpoint()


@pytest.fixture
async def serving(endpoint: Endpoint, start_operator: StartOperator) -> Endpoint:
    """An endpoint whose version 1 serves; version 2 is stored."""
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    await endpoint.serve(1)
    return endpoint


@pytest.fixture
async def three_versions(endpoint: Endpoint, start_operator: StartOperator) -> Endpoint:
    """An endpoint whose versions 1 and 2 are stored, and 3, which never gets ready; nothing asks for any yet."""
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    await endpoint.model(3, loadSeconds=3600)
    return endpoint


@pytest.fixture
def store(endpoint: Endpoint) -> Iterator[str]:
    """The URL of the endpoint's folder of models: the chart's operator is a pod, and sees no folder of this machine."""
    with files_at(partial(SimpleHTTPRequestHandler, directory=str(endpoint.files)), HOST) as url:
        yield url
