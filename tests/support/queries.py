"""Asks a cluster's Prometheus until it has scraped what a test waits for: it sends no events."""

import asyncio
from collections.abc import Callable

import httpx

_PAUSE = 0.2
Counts = dict[str, float]


async def asked(url: str, query: str, label: str, enough: Callable[[Counts], bool], seconds: float = 120.0) -> Counts:
    """Values by a label of the query's answer, once they are `enough`. AssertionError after `seconds`."""
    found: Counts = {}
    try:
        async with asyncio.timeout(seconds), httpx.AsyncClient(timeout=seconds, trust_env=False) as client:
            while not enough(found := await _ask(client, url, query, label)):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise AssertionError(f"{query} was not as awaited within {seconds:g} s; it is {found}") from None
    return found


async def _ask(client: httpx.AsyncClient, url: str, query: str, label: str) -> Counts:
    answer = await client.get(f"{url}/api/v1/query", params={"query": query})
    assert answer.is_success, answer.text
    return {one["metric"].get(label, ""): float(one["value"][1]) for one in answer.json()["data"]["result"]}
