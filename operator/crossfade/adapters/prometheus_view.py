"""A Prometheus as people reach it: directly, or by the API server's way to a Service of the cluster."""

import asyncio
import re
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from crossfade.adapters.address import shown
from crossfade.adapters.prometheus_answer import is_partial, json_object, refusal, series_of
from crossfade.adapters.web import TooLargeError, body
from crossfade.ports import ClusterError, GoneError, MetricsError, Object, RawSeries, Reader, SourceError

_SERVICE = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)(\.svc(\.[a-z0-9.-]+)?)?\.?")
_MOST_BYTES = 16 << 20
_OF_THE_QUERY = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)


class PrometheusView:
    """The Queries port. A host such as `prometheus.monitoring` or `prometheus.monitoring.svc` is the cluster's, and
    found through the API server, which may be wherever people are; all others are asked directly, and so is one without
    `.svc` that is no Service after all. `timeout` is in seconds for a whole query."""

    def __init__(self, address: str, reader: Reader, timeout: float = 10.0) -> None:
        self._address = address.rstrip("/")
        self._reader = reader
        self._timeout = timeout
        self._proxied = _proxy_path(self._address)
        self._may_be_public = ".svc" not in self._address

    @property
    def shown(self) -> str:
        """See ports.Queries."""
        return shown(self._address)

    @property
    def way(self) -> str:
        """See ports.Queries."""
        return "through the API server" if self._proxied else "directly"

    async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
        """See ports.Queries. The window is on a line of its own, as the operator has it."""
        answer = await self._ask(f"{selector}\n[{seconds}s]")
        try:
            return series_of(answer)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise GoneError("what answers does not speak Prometheus's API") from None

    async def now(self) -> float:
        """See ports.Queries."""
        try:
            return float((await self._ask("time()"))["data"]["result"][1])
        except (KeyError, TypeError, ValueError, IndexError):
            raise GoneError("what answers does not speak Prometheus's API") from None

    async def _ask(self, expression: str) -> Object:
        try:
            async with asyncio.timeout(self._timeout):
                answer = await (self._through(expression) if self._proxied else self._directly(expression))
        except TimeoutError:
            raise MetricsError(f"it did not answer within {self._timeout:g} s") from None
        if is_partial(answer):
            raise GoneError("it answers with warnings, so its data may be partial, which counts as none")
        return answer

    async def _through(self, expression: str) -> Object:
        try:
            return await self._reader.read(f"{self._proxied}/api/v1/query", {"query": expression})
        except ClusterError as failure:
            if failure.status in _OF_THE_QUERY:
                raise MetricsError("it refused the selector") from None
            if failure.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE):
                raise MetricsError(str(failure)) from None
            nobody = GoneError(f"there is nobody: {failure}")
        if not self._may_be_public:
            raise nobody
        try:
            return await self._directly(expression)
        except MetricsError:
            raise nobody from None

    async def _directly(self, expression: str) -> Object:
        try:
            async with httpx.AsyncClient(timeout=self._timeout, trust_env=False) as client:
                form, where = {"query": expression}, f"{self._address}/api/v1/query"
                async with client.stream("POST", where, data=form) as response:
                    answer = json_object(await body(response, _MOST_BYTES))
        except TooLargeError:
            raise MetricsError(f"it answers with more than {_MOST_BYTES} bytes") from None
        except (SourceError, httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError, ValueError) as failure:
            raise MetricsError(f"it cannot be reached from here: {type(failure).__name__}") from None
        if response.status_code in _OF_THE_QUERY:
            raise MetricsError("it refused the selector")
        if response.status_code != HTTPStatus.OK or answer.get("status") != "success":
            raise GoneError(f"it {refusal(response.status_code, answer)}")
        return answer


def _proxy_path(address: str) -> str | None:
    """The API server's path to the Service that the address means; None for one that is no Service's."""
    parts = urlsplit(address)
    match = _SERVICE.fullmatch(parts.hostname or "")
    if match is None or (match[3] is None and match[2].isdecimal()):
        return None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"/api/v1/namespaces/{match[2]}/services/{parts.scheme}:{match[1]}:{port}/proxy{parts.path}"
