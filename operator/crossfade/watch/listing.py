"""Whole listings: a watch tells what changes, but never that its first listing is complete or what it missed."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from math import inf
from types import MappingProxyType

from crossfade.adapters.clock import elapsed
from crossfade.adapters.kube import KubeCluster, collection_path
from crossfade.api import meta
from crossfade.ports import (
    AUTOSCALERS,
    BUDGETS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    METRIC_TEMPLATES,
    MODEL_REGISTRIES,
    MODEL_SOURCES,
    MODEL_VERSIONS,
    PODS,
    ROLLOUTS,
    ROUTES,
    SERVICES,
    ClusterError,
    Kind,
)
from crossfade.watch.world import World

log = logging.getLogger(__name__)

WATCHED: Mapping[Kind, str] = MappingProxyType(
    {
        MODEL_REGISTRIES: "",
        MODEL_VERSIONS: "",
        METRIC_TEMPLATES: "",
        ROLLOUTS: "",
        MODEL_SOURCES: "",
        DEPLOYMENTS: meta.LABEL_ROLLOUT,
        AUTOSCALERS: meta.LABEL_ROLLOUT,
        BUDGETS: meta.LABEL_ROLLOUT,
        SERVICES: meta.LABEL_ROLLOUT,
        PODS: meta.LABEL_ROLLOUT,
        ENDPOINT_SLICES: meta.LABEL_ROLLOUT,
        **dict.fromkeys(ROUTES, ""),
    }
)
"""The kinds to watch, each with its label selector. What others name comes before them. Routes of others are watched
as well, for they may want the same requests."""
_PAGE = 500
AUDIT_SECONDS = 300.0
_FIRST_AUDIT_SECONDS = 10.0
"""The first audit follows soon: what was deleted between our listing and the watch's own leaves no event."""
_GATHER_SECONDS = 1.0
"""From a listing by one watch to the audit: one outage ends several."""
_FRESH_SECONDS = 5.0
"""How old a listing may be for a term to begin on it: a replica that starts has just made one."""
_KINDS_SECONDS = 30.0
"""Between two looks at whether the Gateway API is there: whoever installs it waits for its Rollouts."""


class Listing:
    """Lists every watched kind into the world, in the given namespaces or, for none, in all."""

    def __init__(self, cluster: KubeCluster, world: World, namespaces: Sequence[str]) -> None:
        self._cluster = cluster
        self._world = world
        self._scopes: Sequence[str | None] = namespaces or [None]
        self._routes: set[Kind] = set()
        self._listed_at = -inf
        self._relisted: set[Kind] = set()
        self._begun_anew = asyncio.Event()

    async def load(self) -> int:
        """List everything once, each kind as of one moment. Returns how many objects were news. Raises ClusterError."""
        begun = elapsed()
        news = await self._load_all(WATCHED)
        self._listed_at = begun
        return news

    async def _load_all(self, kinds: Collection[Kind]) -> int:
        news = 0
        for kind, selector in WATCHED.items():
            for namespace in self._scopes if kind in kinds else ():
                news += await self._load_if_served(kind, namespace, selector)
        return news

    async def _load_if_served(self, kind: Kind, namespace: str | None, selector: str) -> int:
        """A cluster without a kind of the Gateway API has no such routes, and those that were known are gone."""
        try:
            return await self._load(kind, namespace, selector)
        except ClusterError as error:
            if kind not in ROUTES or error.status != HTTPStatus.NOT_FOUND:
                raise
            self._world.lose(kind)
            return 0

    async def load_first(self) -> None:
        """The first listing of the process, from which it is known which kinds of route it watches."""
        await self._load_until_complete()
        self._routes = {kind for kind in ROUTES if kind not in self._world.absent}

    async def renew(self) -> None:
        """Have everything known as it was a moment ago, at the latest. A watch of an API server that went away tells
        nothing for a minute, and does not say so: whoever leads again within that knows only what was."""
        if elapsed() - self._listed_at > _FRESH_SECONDS:
            await self._load_until_complete()

    async def _load_until_complete(self, pause: float = 1.0) -> None:
        """List everything; while the API server refuses, say why and try again. Nothing may be decided before."""
        while True:
            try:
                await self.load()
            except ClusterError as error:
                log.warning("the world is not known yet: %s", error)
                await asyncio.sleep(pause)
            else:
                return

    async def audit(self) -> None:
        """Compare with the API server: a watch that went deaf costs at most five minutes, and what was deleted before
        one began anew a second."""
        await asyncio.sleep(_FIRST_AUDIT_SECONDS)
        while True:
            self._relisted.clear()
            await self._audit(WATCHED)
            over = elapsed() + AUDIT_SECONDS
            while (left := over - elapsed()) > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._begun_anew.wait(), left)
                    await asyncio.sleep(_GATHER_SECONDS)
                    self._begun_anew.clear()
                    kinds, self._relisted = self._relisted, set()
                    await self._audit(kinds)

    async def _audit(self, kinds: Collection[Kind]) -> None:
        try:
            news = await self._load_all(kinds)
        except ClusterError as error:
            log.warning("the audit could not list everything: %s", error)
        else:
            log.info("the audit found %d objects that the watches had not brought", news)

    def relisted(self, kind: Kind) -> None:
        """Take in that the watch of a kind has listed it: no event tells of what was deleted before."""
        self._relisted.add(kind)
        self._begun_anew.set()

    async def until_kinds_come(self) -> None:
        """Look whether the Gateway API is there, for a watch of a kind that goes ends for good, and says nothing.

        Returns when a kind is served that was not: it is watched after a new start alone.
        """
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._world.doubted.wait(), _KINDS_SECONDS)
            self._world.doubted.clear()
            for kind in ROUTES:
                if await self._is_served(kind) and kind in self._world.absent:
                    log.warning(
                        "the cluster has %ss now, which it had not: the operator ends, to watch them", kind.kind
                    )
                    return

    async def lost_what_was_watched(self) -> bool:
        """Whether a kind of the Gateway API that was there at the start is gone, or was seen to be and came back."""
        for kind in self._routes:
            await self._is_served(kind)
        return not self._routes.isdisjoint(self._world.absent)

    async def _is_served(self, kind: Kind) -> bool:
        """Whether the API server has the kind; when it does not, none of its objects is there any more either."""
        try:
            await self._cluster.request("GET", collection_path(kind, self._scopes[0]), query={"limit": "1"})
        except ClusterError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                self._world.lose(kind)
            return False
        return True

    async def _load(self, kind: Kind, namespace: str | None, selector: str) -> int:
        found = []
        query = {"limit": str(_PAGE)} | ({"labelSelector": selector} if selector else {})
        path = collection_path(kind, namespace)
        while True:
            page = await self._cluster.request("GET", path, query=query)
            found += [{"apiVersion": kind.api_version, "kind": kind.kind} | item for item in page.get("items", ())]
            token = page["metadata"].get("continue")
            if not token:
                version = int(page["metadata"]["resourceVersion"])
                return self._world.replace(kind.kind, namespace, found, version)
            query["continue"] = token
