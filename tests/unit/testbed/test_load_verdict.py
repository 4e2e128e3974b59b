"""Would catch a failed request that is blamed on the wrong one of route, model server and generator."""

import contextlib
import errno
import resource
import socket
from collections.abc import Iterator, Sequence

import aiohttp
import pytest

from testbed.load import LoadGenerator, Sample
from testbed.load.http_client import _no_answer
from testbed.load.verdict import Blame, arm_in, arm_of, blame_for_status
from tests.support.endpoint import failed_by_route

ROUTED = {"x-crossfade-revision": "candidate"}
SERVED = {"x-model-version": "2.0.0"}
TOLD = SERVED | {"x-model-revision": "fraud-5f"}
MLSERVER = {"server": "uvicorn", "content-type": "text/plain"}


@pytest.mark.parametrize(
    ("status", "headers", "blame"),
    [
        (200, {}, None),
        (200, ROUTED, None),
        (500, SERVED, Blame.MODEL),
        (500, MLSERVER, Blame.MODEL),
        (500, ROUTED, Blame.ROUTE),
        (500, {"server": "envoy"}, Blame.ROUTE),
        (404, {}, Blame.ROUTE),
        (404, SERVED, Blame.MODEL),
        (301, {}, Blame.ROUTE),
        (502, ROUTED, Blame.ROUTE),
        (503, {}, Blame.ROUTE),
        (503, ROUTED | SERVED, Blame.MODEL),
    ],
)
def test_an_answer_is_blamed_on_whoever_gave_it(status: int, headers: dict[str, str], blame: Blame | None) -> None:
    assert blame_for_status(status, headers) is blame


def test_the_arm_is_the_revision_where_a_server_knows_it_else_the_version() -> None:
    assert arm_of(ROUTED | TOLD) == "fraud-5f"
    assert arm_of(SERVED) == "2.0.0"
    assert arm_of({}) is None
    assert arm_in(b'{"model_name": "m", "model_version": "3", "outputs": []}') == "3"
    assert arm_in(b'{"model_name": "m", "model_version": null}') is None
    assert arm_in(b"data: [DONE]") is None


@pytest.mark.parametrize(
    ("failure", "blame", "word"),
    [
        (TimeoutError(), Blame.ROUTE, "timeout"),
        (aiohttp.ServerDisconnectedError(), Blame.ROUTE, "reset"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "reset by peer"), Blame.ROUTE, "reset"),
        (aiohttp.ClientOSError(errno.EPIPE, "broken pipe"), Blame.ROUTE, "reset"),
        (aiohttp.ClientPayloadError("not all data"), Blame.ROUTE, "cut off"),
        (OSError(errno.EMFILE, "too many open files"), Blame.GENERATOR, "OSError"),
    ],
)
def test_no_answer_is_the_routes_unless_our_own_side_ran_out(failure: Exception, blame: Blame, word: str) -> None:
    assert _no_answer(failure) == (blame, word)


@contextlib.contextmanager
def no_file_left() -> Iterator[None]:
    """While this lasts the process can open no file and no socket, whatever it closes: the numbers that are left are
    those of its standard streams."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("scheme", ["http", "grpc"])
async def test_what_cannot_be_sent_for_want_of_files_is_our_own(scheme: str, keep: bool) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"{scheme}://127.0.0.1:{nobody.getsockname()[1]}/s/M"
        # kept connections keep the library of gRPC running, which would end the process if it began without files
        async with LoadGenerator(url, 100, [b"{}"]) as refused:
            await refused.wait_until(some, deadline=60)
            begun = {one.blame for one in refused.samples}
            with no_file_left():
                async with LoadGenerator(url, 100, [b"{}"], keep=keep) as load:
                    await load.wait_until(some, deadline=60)
    assert (begun, {one.blame for one in load.samples}) == ({Blame.ROUTE}, {Blame.GENERATOR})
    with pytest.raises(AssertionError, match="our own load, not the route, failed"):
        failed_by_route(load.samples)


def some(samples: Sequence[Sample]) -> bool:
    """Whether there is anything to judge."""
    return len(samples) >= 3
