"""The baseline: an operator of the same framework that watches what ours watches and does nothing.

    python -m bench.bare_operator PORT NAMESPACE

Its own processor time and memory are served as Prometheus metrics on PORT.
"""

import asyncio
import sys
from typing import Any

import kopf
import prometheus_client
from crossfade.adapters.kube_client import login, open_client
from crossfade.watch.handlers import make_settings
from crossfade.watch.listing import WATCHED

_EVENTS = prometheus_client.Counter("bare_events_total", "Events that came in.")


async def run(port: int, namespace: str) -> None:
    """Watch until SIGTERM."""
    prometheus_client.start_http_server(port)
    client, registry = await open_client(), kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def _login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(**await login(client))

    async def count(**_: Any) -> None:
        _EVENTS.inc()

    for kind in WATCHED:
        kopf.on.event(kind.api_version, kind.plural, id=kind.plural, registry=registry)(count)
    await kopf.operator(registry=registry, settings=make_settings(), namespaces=[namespace], standalone=True)
    await client.close()  # type: ignore[no-untyped-call]  # the library's gap


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.argv[2]))
