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
from crossfade.telemetry.metrics import UNLISTED
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
_CAN_WAIT = frozenset({MODEL_REGISTRIES, MODEL_VERSIONS, METRIC_TEMPLATES, MODEL_SOURCES, BUDGETS})
"""Kinds that say nothing of where requests are led, who could answer, and how many pods there are to be."""
_PAGE = 500
AUDIT_SECONDS = 300.0
_FIRST_AUDIT_SECONDS = 10.0
"""The first audit follows soon: what was deleted between our listing and the watch's own leaves no event."""
_GATHER_SECONDS = 1.0
"""From a listing by one watch to the audit: one outage ends several."""
_FRESH_SECONDS = 5.0
"""How old a listing may be for a term to begin on it: a replica that starts has just made one."""
_PATIENCE_SECONDS = 30.0
"""So long a term waits for what it must know: an API server that takes renewals of the lease could list, too."""
_OTHERS_SECONDS = 2.0
"""And then for the kinds that can wait."""
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 8.0
"""Between two listings of a kind that is refused, the first and the longest."""
_BEHIND_SECONDS = 10.0
"""The same while all else goes on."""
_KINDS_SECONDS = 30.0
"""Between two looks at whether the Gateway API is there: whoever installs it waits for its Rollouts."""


class Listing:
    """Lists every watched kind into the world, in the given namespaces or, for none, in all; each kind on its own, for
    one that is refused or slow says nothing of the others. `complete` is set once all have been listed."""

    def __init__(self, cluster: KubeCluster, world: World, namespaces: Sequence[str]) -> None:
        self.complete = asyncio.Event()
        self._cluster = cluster
        self._world = world
        self._scopes: Sequence[str | None] = namespaces or [None]
        self._routes: set[Kind] = set()
        self._listed_at: dict[Kind, float] = {}
        self._relisted: set[Kind] = set()
        self._behind: set[Kind] = set()
        self._begun_anew = asyncio.Event()

    async def load_first(self) -> None:
        """The first listing of the process, from which it is known which kinds of route it watches.

        Nothing may be decided before. But a kind by which nobody is led, and which stays forbidden, is waited for no
        longer than a leader waits: its objects are then taken for missing, so versions can be left, if not begun.
        """
        async with asyncio.TaskGroup() as parts:
            for kind in WATCHED:
                parts.create_task(self._until_listed(kind, elapsed() + _PATIENCE_SECONDS))
        self._routes = {kind for kind in ROUTES if kind not in self._world.absent}
        for kind in WATCHED.keys() - self._listed_at.keys():
            log.warning("%ss may not be listed: this replica begins as if there were none, and is not ready", kind.kind)

    async def renew(self) -> None:
        """Have everything known as it was a moment ago, at the latest. A watch of an API server that went away tells
        nothing for a minute, and does not say so: whoever leads again within that knows only what was.

        For a while: nobody else leads meanwhile. What is not listed by then is known as it was, and listed later.
        """
        stale = [kind for kind in WATCHED if elapsed() - self._listed_at.get(kind, -inf) > _FRESH_SECONDS]
        async with asyncio.TaskGroup() as parts:
            listing = {kind: parts.create_task(self._until_listed(kind)) for kind in stale}
            await _at_most(_PATIENCE_SECONDS, [task for kind, task in listing.items() if kind not in _CAN_WAIT])
            await _at_most(_OTHERS_SECONDS, [*listing.values()])
            for kind, task in listing.items():
                if not task.done():
                    task.cancel()
                    self.relisted(kind)
                    UNLISTED.labels(kind=kind.kind).set(1.0)
                    log.warning("%ss are not listed yet: this replica leads by what it knew of them", kind.kind)

    async def _until_listed(self, kind: Kind, forbidden: float = inf) -> None:
        """List a kind, again and again while that fails; one that can wait, and is forbidden, until `forbidden` (s)."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._list(kind)
            except ClusterError as error:
                if kind in _CAN_WAIT and error.status == HTTPStatus.FORBIDDEN and elapsed() >= forbidden:
                    self.relisted(kind)
                    return
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _list(self, kind: Kind) -> int:
        """List a kind once, as of one moment. Returns how many objects were news. Raises ClusterError."""
        begun, refused = elapsed(), UNLISTED.labels(kind=kind.kind)
        try:
            news = [await self._load_if_served(kind, namespace, WATCHED[kind]) for namespace in self._scopes]
        except ClusterError as error:
            refused.set(1.0)
            log.warning("%ss cannot be listed: %s", kind.kind, error)
            raise
        refused.set(0.0)
        self._listed_at[kind] = begun
        if self._listed_at.keys() == WATCHED.keys():
            self.complete.set()
        return sum(news)

    async def _load_if_served(self, kind: Kind, namespace: str | None, selector: str) -> int:
        """A cluster without a kind of the Gateway API has no such routes, and those that were known are gone."""
        try:
            return await self._load(kind, namespace, selector)
        except ClusterError as error:
            if kind not in ROUTES or error.status != HTTPStatus.NOT_FOUND:
                raise
            self._world.lose(kind)
            return 0

    async def audit(self) -> None:
        """Compare with the API server: a watch that went deaf costs at most five minutes, and what was deleted before
        one began anew a second. What could not be listed is tried again soon."""
        await asyncio.sleep(_FIRST_AUDIT_SECONDS)
        while True:
            self._relisted.clear()
            await self._audit(WATCHED)
            over = elapsed() + AUDIT_SECONDS
            while (left := over - elapsed()) > 0:
                with suppress(TimeoutError):
                    left = min(left, _BEHIND_SECONDS) if self._behind else left
                    await asyncio.wait_for(self._begun_anew.wait(), left)
                    await asyncio.sleep(_GATHER_SECONDS)
                    self._begun_anew.clear()
                kinds, self._relisted = self._relisted | self._behind, set()
                await self._audit(kinds)

    async def _audit(self, kinds: Collection[Kind]) -> None:
        news = 0
        for kind in (kind for kind in WATCHED if kind in kinds):
            try:
                news += await self._list(kind)
            except ClusterError:
                self._behind.add(kind)
            else:
                self._behind.discard(kind)
        if kinds:
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


async def _at_most(seconds: float, tasks: Collection[asyncio.Task[None]]) -> None:
    """Wait for all of them, but no longer."""
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
