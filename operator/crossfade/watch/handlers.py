"""kopf as a watcher and nothing else: it brings events, writes nothing, and leaves no mark on any object."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import kopf

from crossfade.api import meta
from crossfade.ports import Kind, Object
from crossfade.watch.listing import WATCHED
from crossfade.watch.world import World

_PATIENT = (0.2, 0.5, 1.0, *[2.0] * 1800)
"""Pauses in seconds: short, so that a returning API server is seen at once; after them, an hour, kopf gives up."""

_IDENTITY: Any = "crossfade"
"""Who we are to others of kopf, of which there are none. Left to kopf it is the user's name, and without one, as of an
image's user, it would not start."""

Login = Callable[[], Awaitable[Mapping[str, Any]]]
"""Gives the present credentials as keyword arguments of kopf.ConnectionInfo."""


class Connection(kopf.ConnectionInfo):
    """As kopf has it, and it trusts whom the Kubernetes client trusts: see adapters/kube_client.py."""

    def as_ssl_context(self) -> ssl.SSLContext:
        """Authority and name are verified; that an authority's certificate has all that RFC 5280 asks for is not."""
        context = super().as_ssl_context()
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context


def make_registry(world: World, login: Login, relisted: Callable[[Kind], None]) -> kopf.OperatorRegistry:
    """Handlers that feed `world` with every event of the watched kinds; `relisted` hears of each that a watch lists, at
    its start and where it was too late to go on."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def _login(**_: Any) -> kopf.ConnectionInfo:
        return Connection(**await login())

    for kind in WATCHED:
        decorate = kopf.on.event(kind.api_version, kind.plural, id=f"watch-{kind.plural}", registry=registry)
        decorate(_feeder(world, kind, relisted))
    return registry


def _feeder(world: World, kind: Kind, relisted: Callable[[Kind], None]) -> Callable[..., Awaitable[None]]:
    async def feed(event: kopf.RawEvent, **_: Any) -> None:
        raw: Object = {"apiVersion": kind.api_version, "kind": kind.kind, **event["object"]}  # listed items lack these
        if event["type"] is None:  # not an event, but one of a listing
            relisted(kind)
        if event["type"] == "DELETED":
            world.remove(raw)
        else:
            world.absorb(raw)

    return feed


def make_settings() -> kopf.OperatorSettings:
    """Settings under which kopf only reads: no events, no annotations, no finalizer, no peering, no scans."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.posting.loggers = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.persistence.finalizer = f"{meta.GROUP}/never-set-by-kopf"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=f"kopf.{meta.GROUP}", v1=False)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=f"kopf.{meta.GROUP}")
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = _PATIENT
    settings.watching.server_timeout = 290
    settings.watching.chunk_size = 500
    for kind, selector in WATCHED.items():
        if selector:
            settings.watching.label_selectors[kind.api_version, kind.plural] = selector
    return settings


async def watch(
    world: World,
    login: Login,
    relisted: Callable[[Kind], None],
    namespaces: Sequence[str],
    ready: asyncio.Event,
    stop: asyncio.Event,
) -> None:
    """Feed `world` until `stop` is set. `ready` is set once kopf runs, and has taken the signal handlers for itself."""
    await kopf.operator(
        registry=make_registry(world, login, relisted),
        settings=make_settings(),
        identity=_IDENTITY,
        clusterwide=not namespaces,
        namespaces=namespaces,
        standalone=True,
        ready_flag=ready,
        stop_flag=stop,
    )
