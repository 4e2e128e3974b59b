"""Would catch a failed request that is blamed on the wrong one of route, model server and generator."""

import errno

import aiohttp
import pytest

from testbed.load.http_client import _no_answer
from testbed.load.verdict import Blame, arm_in, arm_of, blame_for_status

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
