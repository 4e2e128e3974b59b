"""Prometheus by its HTTP API: raw samples only, so that rates, resets and births are judged by us."""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence

import httpx

from crossfade.adapters.address import shown
from crossfade.adapters.http_address import http_address
from crossfade.adapters.prometheus_access import Access, AccessError, Tls
from crossfade.adapters.prometheus_answer import is_partial, json_object, refusal, series_of, skew
from crossfade.adapters.web import TooLargeError, body
from crossfade.ports import MetricsError, RawSeries, SourceError


class PrometheusMetrics:
    """The Metrics port. `address` may have a path and credentials; `timeout` is in seconds for a whole query.

    A partial answer counts as none: a share computed from half of the pods is no evidence. Nor is one from a clock that
    is far from ours (`now` in unix seconds): what is said to have been scraped lately was not.
    """

    def __init__(
        self,
        address: str,
        timeout: float = 5.0,
        max_bytes: int = 16 << 20,
        access: Access | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._url = f"{address.rstrip('/')}/api/v1/query"
        self._shown = shown(address)
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._access = access or Access()
        self._tls = Tls(self._access)
        self._now = now
        self._context: ssl.SSLContext | None = None
        self._client = self._new_client(None)
        self._retired = self._client

    async def close(self) -> None:
        """Close all connections."""
        await self._retired.aclose()
        await self._client.aclose()

    async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
        """Raw samples of `selector[seconds s]`, evaluated now. NaN and infinite samples are left out.

        Raises MetricsError.
        """
        try:
            async with asyncio.timeout(self._timeout):
                # The window on a line of its own: a comment in the selector cannot cut it off.
                response, content = await self._query(f"{selector}\n[{seconds}s]")
        except (TimeoutError, httpx.TimeoutException):
            raise MetricsError(f"Prometheus at {self._shown} did not answer within {self._timeout:g} s") from None
        except TooLargeError:
            raise MetricsError(
                f"Prometheus at {self._shown} answered with more than {self._max_bytes} bytes; narrow the selector"
            ) from None
        except AccessError as failure:
            raise MetricsError(f"Prometheus at {self._shown} is not asked: {failure}") from failure
        except SourceError as failure:
            raise MetricsError(f"Prometheus at {self._shown} cannot be reached: {failure}") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as failure:
            raise MetricsError(f"Prometheus at {self._shown} cannot be reached: {_cause(failure)}") from failure
        return self._series(response, content)

    async def _query(self, query: str) -> tuple[httpx.Response, bytes]:
        url = http_address(self._url, "its address must be http(s)://<host>, with a port up to 65535")
        form = {"query": query, "timeout": f"{self._timeout:g}s"}
        client, headers = await self._current_client(), self._access.headers()
        async with client.stream("POST", url, data=form, headers=headers) as response:
            return response, await body(response, self._max_bytes)

    async def _current_client(self) -> httpx.AsyncClient:
        """The client whose TLS files are those of now; the one before it may still be answering for a while."""
        context = self._tls.context()
        if context is not self._context:
            old, self._retired = self._retired, self._client
            self._client, self._context = self._new_client(context), context
            if old is not self._retired:
                await old.aclose()
        return self._client

    def _new_client(self, context: ssl.SSLContext | None) -> httpx.AsyncClient:
        # No proxies or credentials from the environment, no redirects: only what was configured is asked.
        return httpx.AsyncClient(
            timeout=self._timeout, trust_env=False, follow_redirects=False, verify=True if context is None else context
        )

    def _series(self, response: httpx.Response, content: bytes) -> list[RawSeries]:
        answer = json_object(content)
        if response.status_code != 200 or answer.get("status") != "success":
            raise MetricsError(f"Prometheus at {self._shown} {refusal(response.status_code, answer)}")
        if is_partial(answer):
            raise MetricsError(f"Prometheus at {self._shown} answered with warnings, so its data may be partial")
        if (fault := skew(response.headers.get("Date", ""), self._now())) is not None:
            raise MetricsError(f"Prometheus at {self._shown} {fault}")
        try:
            return series_of(answer)
        except (KeyError, TypeError, ValueError, AttributeError) as failure:
            raise MetricsError(
                f"what answers at {self._shown} does not speak Prometheus's API: {type(failure).__name__} in its data"
            ) from failure


def _cause(failure: BaseException) -> str:
    """The kind of a failure to connect; why a certificate is not trusted is said, for an administrator can mend it."""
    found: BaseException | None = failure
    while found is not None:
        if isinstance(found, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({found.verify_message}); configure its authority as caFile"
        found = found.__cause__ or found.__context__
    return type(failure).__name__
