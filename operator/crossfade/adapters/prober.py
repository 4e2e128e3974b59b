"""Requests and calls through a gateway, to see which arm answers: only the first lines of an answer are read."""

import asyncio
from typing import Final
from urllib.parse import quote

import httpx

from crossfade.adapters.artifacts.guard import PRIVATE, allowed_address
from crossfade.api import meta
from crossfade.model.networks import Networks
from crossfade.model.rehearsal import Probe
from crossfade.ports import Answer, ProbeError, SourceError

_PATH_SAFE: Final = "/%:@!$&'()*+,;=~-._"
_CALL: Final = (("Content-Type", "application/grpc"), ("TE", "trailers"))
_NO_MESSAGE: Final = b"\0\0\0\0\0"
"""A message as gRPC frames it: not compressed, of length 0."""


class HttpProber:
    """The Prober port. `timeout` is in seconds for a whole request; each has a connection of its own, to what is public
    or in the `allowed` networks: Gateways are in private ones, and of their answers only the first lines are told."""

    def __init__(self, timeout: float = 3.0, *, allowed: Networks = PRIVATE) -> None:
        self._timeout = timeout
        self._allowed = allowed

    async def ask(self, probe: Probe) -> Answer:
        """Send the probe once, to the address that the guard has seen. Raises ProbeError when nobody answered it."""
        where = f"{probe.address}:{probe.port}"
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(probe)
        except SourceError:
            raise ProbeError(f"{where} is no address that may be asked, or has none") from None
        except (TimeoutError, httpx.TimeoutException):
            raise ProbeError(f"{where} did not answer within {self._timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError, OSError) as failure:
            raise ProbeError(f"{where} could not be asked: {type(failure).__name__}") from None

    async def _ask(self, probe: Probe) -> Answer:
        address = await allowed_address(probe.address, probe.port, self._allowed)
        place = f"[{address}]" if ":" in address else address
        url = f"{probe.scheme}://{place}:{probe.port}{quote(probe.path, safe=_PATH_SAFE)}"
        # Whose certificate it is does not matter: nothing is told but a token that lives for seconds.
        calls = probe.protocol == "grpc"
        async with httpx.AsyncClient(verify=False, trust_env=False, http1=not calls, http2=calls) as client:  # noqa: S501
            request = client.build_request(
                "POST" if calls else "GET",
                url,
                headers=[("Host", probe.host), *(_CALL if calls else ()), *probe.headers],
                content=_NO_MESSAGE if calls else None,
                timeout=self._timeout,
                extensions={"sni_hostname": probe.host},
            )
            response = await client.send(request, stream=True, follow_redirects=False)
            await response.aclose()  # unread: what the model says is none of our business
        return _answer(response)


def _answer(response: httpx.Response) -> Answer:
    said = response.headers
    status = said.get("grpc-status", "")
    return Answer(
        response.status_code,
        said.get(meta.HEADER_REVISION, ""),
        said.get(meta.HEADER_REHEARSAL, ""),
        int(status) if status.isdecimal() else None,
    )
