"""Prometheus by its HTTP API: raw samples only, so that rates, resets and births are judged by us."""

import asyncio
import json
import math
import re
from collections.abc import Sequence
from typing import Any

import httpx

from crossfade.adapters.address import shown
from crossfade.adapters.web import TooLargeError, body
from crossfade.ports import MetricsError, RawSeries

_WORD = re.compile(r"[a-z_]{1,32}")


class PrometheusMetrics:
    """The Metrics port. `address` may have a path and credentials; `timeout` is in seconds for a whole query.

    A partial answer counts as none: a share computed from half of the pods is no evidence.
    """

    def __init__(self, address: str, timeout: float = 5.0, max_bytes: int = 16 << 20) -> None:
        self._url = f"{address.rstrip('/')}/api/v1/query"
        self._shown = shown(address)
        self._timeout = timeout
        self._max_bytes = max_bytes
        # No proxies or credentials from the environment, no redirects: only what was configured is asked.
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
        """Raw samples of `selector[seconds s]`, evaluated now. NaN and infinite samples are left out.

        Raises MetricsError.
        """
        try:
            async with asyncio.timeout(self._timeout):
                # The window on a line of its own: a comment in the selector cannot cut it off.
                status, content = await self._query(f"{selector}\n[{seconds}s]")
        except (TimeoutError, httpx.TimeoutException):
            raise MetricsError(f"Prometheus at {self._shown} did not answer within {self._timeout:g} s") from None
        except TooLargeError:
            raise MetricsError(
                f"Prometheus at {self._shown} answered with more than {self._max_bytes} bytes; narrow the selector"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as failure:
            raise MetricsError(f"Prometheus at {self._shown} cannot be reached: {type(failure).__name__}") from failure
        return self._series(status, content)

    async def _query(self, query: str) -> tuple[int, bytes]:
        form = {"query": query, "timeout": f"{self._timeout:g}s"}
        async with self._client.stream("POST", self._url, data=form) as response:
            return response.status_code, await body(response, self._max_bytes)

    def _series(self, status: int, content: bytes) -> list[RawSeries]:
        answer = _json_object(content)
        if status != 200 or answer.get("status") != "success":
            raise MetricsError(f"Prometheus at {self._shown} {_refusal(status, answer)}")
        if answer.get("warnings"):
            raise MetricsError(f"Prometheus at {self._shown} answered with warnings, so its data may be partial")
        try:
            return [_raw_series(item) for item in _matrix(answer)]
        except (KeyError, TypeError, ValueError, AttributeError) as failure:
            raise MetricsError(
                f"what answers at {self._shown} does not speak Prometheus's API: {type(failure).__name__} in its data"
            ) from failure


def _json_object(content: bytes) -> dict[str, Any]:
    """The answer as an object, an empty one when it is none."""
    try:
        answer = json.loads(content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _refusal(status: int, answer: dict[str, Any]) -> str:
    """Why there is no data. Only Prometheus's error types are passed on, never what else a body may hold."""
    if 300 <= status < 400:
        return f"redirected with {status}, which is not followed; configure the final address"
    kind = str(answer.get("errorType", ""))
    if kind == "bad_data":
        return "refused the selector as bad_data; correct the metric's selector"
    if _WORD.fullmatch(kind):
        return f"failed with {status} {kind}"
    return f"answered with {status} and no query result; check that the address is Prometheus's own"


def _matrix(answer: dict[str, Any]) -> list[Any]:
    data = answer["data"]
    if data["resultType"] != "matrix" or not isinstance(data["result"], list):
        raise ValueError("not a matrix")
    return list(data["result"])


def _raw_series(item: dict[str, Any]) -> RawSeries:
    labels = {str(name): str(value) for name, value in item["metric"].items()}
    samples = ((float(at), float(value)) for at, value in item.get("values", ()))
    return RawSeries(labels, tuple(sample for sample in samples if math.isfinite(sample[1])))
