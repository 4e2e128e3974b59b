"""A Prometheus as people reach it: directly, or by the API server's way to a Service of the cluster."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from crossfade.adapters.address import shown
from crossfade.adapters.prometheus_answer import is_partial, json_object, refusal, series_of
from crossfade.adapters.web import TooLargeError, body
from crossfade.doctor.ports import GoneError, Reader
from crossfade.ports import ClusterError, MetricsError, Object, RawSeries, SourceError

_SERVICE = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)(\.svc(\.[a-z0-9.-]+)?)?\.?")
_MOST_BYTES = 16 << 20
_OF_THE_QUERY = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)


class _RefusedError(MetricsError):
    """The query was not taken."""


@dataclass(frozen=True, slots=True)
class _Service:
    """A Service of the cluster; `way` is how the API server's proxy calls what is behind it."""

    namespace: str
    name: str
    way: str

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return f"/api/v1/namespaces/{self.namespace}/services/{self.name}"

    @property
    def proxy(self) -> str:
        """What leads to it."""
        return f"/api/v1/namespaces/{self.namespace}/services/{self.way}"


class PrometheusView:
    """The Queries port. A host such as `prometheus.monitoring` or `prometheus.monitoring.svc` is the cluster's, and
    found through the API server, which may be wherever people are; all others are asked directly, and so is one without
    `.svc` that is no Service after all. `timeout` is in seconds for a whole query."""

    def __init__(self, address: str, reader: Reader, timeout: float = 10.0) -> None:
        self._address = address.rstrip("/")
        self._reader = reader
        self._timeout = timeout
        self._service = _service_of(self._address)
        self._may_be_public = ".svc" not in self._address

    @property
    def shown(self) -> str:
        """See doctor.ports.Queries."""
        return shown(self._address)

    @property
    def way(self) -> str:
        """See doctor.ports.Queries."""
        return "through the API server" if self._service else "directly"

    async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
        """See doctor.ports.Queries. The window is on a line of its own, as the operator has it."""
        answer = await self._ask(f"{selector}\n[{seconds}s]")
        try:
            return series_of(answer)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise GoneError("what answers does not speak Prometheus's API") from None

    async def now(self) -> float:
        """See doctor.ports.Queries."""
        try:
            return float((await self._ask("time()"))["data"]["result"][1])
        except _RefusedError:
            raise GoneError("it refuses `time()`: see whether http or https is right, and the path") from None
        except (KeyError, TypeError, ValueError, IndexError):
            raise GoneError("what answers does not speak Prometheus's API") from None

    async def _ask(self, expression: str) -> Object:
        try:
            async with asyncio.timeout(self._timeout):
                answer = await (
                    self._through(self._service, expression) if self._service else self._directly(expression)
                )
        except TimeoutError:
            raise MetricsError(f"it did not answer within {self._timeout:g} s") from None
        if is_partial(answer):
            raise GoneError("it answers with warnings, so its data may be partial, which counts as none")
        return answer

    async def _through(self, service: _Service, expression: str) -> Object:
        try:
            return await self._reader.read(f"{service.proxy}/api/v1/query", {"query": expression})
        except ClusterError as failure:
            if failure.status in _OF_THE_QUERY:
                raise _RefusedError("it refused the selector") from None
            nobody = await self._nobody(service, failure)
        if not self._may_be_public or not isinstance(nobody, GoneError):
            raise nobody
        try:
            return await self._directly(expression)
        except MetricsError:
            raise nobody from None

    async def _nobody(self, service: _Service, failure: ClusterError) -> MetricsError:
        """Whether there is nobody for the operator either. To a Service without a selector the API server never leads,
        for it trusts no address that is not a pod's, and answers as if nobody were there."""
        if failure.status == HTTPStatus.NOT_FOUND:
            return GoneError(f"there is nobody: {failure}")
        if failure.status != HTTPStatus.SERVICE_UNAVAILABLE:
            return MetricsError(str(failure))
        try:
            stored = await self._reader.read(service.path, {})
        except ClusterError:
            return MetricsError(str(failure))
        if (stored.get("spec") or {}).get("selector"):
            return GoneError(f"there is nobody: {failure}")
        return MetricsError("its Service has no selector, and the API server leads to pods alone")

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
            raise _RefusedError("it refused the selector")
        if response.status_code != HTTPStatus.OK or answer.get("status") != "success":
            raise GoneError(f"it {refusal(response.status_code, answer)}")
        return answer


def _service_of(address: str) -> _Service | None:
    """The Service that the address means; None for one that is no Service's, or no address."""
    try:
        parts = urlsplit(address)
        match, told = _SERVICE.fullmatch(parts.hostname or ""), parts.port
    except ValueError:
        return None
    if match is None or (match[3] is None and match[2].isdecimal()):
        return None
    port = told or (443 if parts.scheme == "https" else 80)
    return _Service(match[2], match[1], f"{parts.scheme}:{match[1]}:{port}/proxy{parts.path}")
