"""What Kubernetes and Prometheus ask the operator: /livez, /readyz and /metrics."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


@asynccontextmanager
async def serve_health(port: int, synced: asyncio.Event) -> AsyncIterator[None]:
    """Serve on all addresses while the context lasts. Ready once `synced`: every kind's first listing is complete.

    Alive means that the event loop answers: a watch, poller or worker that dies ends the process anyway.
    """

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if synced.is_set():
            return web.Response(text="ok\n")
        return web.Response(status=503, text="the first listing of the watched kinds is not complete yet\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        yield
    finally:
        await runner.cleanup()
