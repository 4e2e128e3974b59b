"""Would catch a ModelRegistry that is Ready although nobody is let in, or is not although models come from there."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
from crossfade.adapters.sources import OpenSources
from crossfade.model.access import Access, Secrets
from crossfade.ports import Asked, SourceError

from tests.support.networks import HERE
from tests.support.servers import Quiet, serving

USER = Secrets({"username": "ann", "password": "canary"})
MODELS = b"[" + b" " * (5 << 20) + b"]"
"""Larger than what is read."""


async def check(access: Access) -> None:
    """Ask once, as the operator does."""
    sources = OpenSources((), None, allowed=HERE)
    async with sources.open(access) as found:
        assert isinstance(found.registry, Asked)
        await found.registry.check()
    await sources.close()


def oci(*, user: int, token: int) -> Callable[..., BaseHTTPRequestHandler]:
    """An OCI registry that says this to a user whom its token server knows; and what that says."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/token"):
                self.say(token, b'{"token": "t"}')
            elif self.headers.get("Authorization") == "Bearer t":
                self.say(user, b"{}")
            else:
                self.say(401, b"{}", {"WWW-Authenticate": f'Bearer realm="http://{self.headers["Host"]}/token"'})

    return Handler


@pytest.mark.parametrize(("user", "token"), [(403, 200), (401, 200), (200, 403), (200, 401)])
async def test_an_oci_registry_that_does_not_let_a_user_in_says_so_of_no_repository(user: int, token: int) -> None:
    """Registries and their token servers say so by either status."""
    refused = user if token == 200 else token
    told = rf"does not accept who asks \({refused}\); give `credentials`"
    with serving(oci(user=user, token=token)) as url, pytest.raises(SourceError, match=told) as failure:
        await check(Access("oci", url, (), USER))
    assert "repository" not in str(failure.value)
    assert "canary" not in repr(failure.value)


async def test_an_oci_registry_that_knows_the_user_is_there() -> None:
    with serving(oci(user=200, token=200)) as url:
        await check(Access("oci", url, (), USER))


@pytest.mark.parametrize("status", [200, 403, 404])
async def test_a_mirror_of_the_hub_that_lists_all_or_nothing_is_there(status: int) -> None:
    class Mirror(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.say(status, MODELS if status == 200 else b"{}")

    with serving(Mirror) as url:
        await check(Access("huggingFace", url))
