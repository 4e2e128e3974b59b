"""Watches a namespace and remembers every version of every object in it that it saw: tests wait on what it brings."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self

import httpx

Object = dict[str, Any]
Check = Callable[[Object], bool]

GROUP = "/apis/crossfade.dev/v1alpha1"
ROUTES = "/apis/gateway.networking.k8s.io/v1"
PATHS = {
    "Rollout": (GROUP, "rollouts"),
    "ModelVersion": (GROUP, "modelversions"),
    "ModelSource": (GROUP, "modelsources"),
    "ModelRegistry": (GROUP, "modelregistries"),
    "HTTPRoute": (ROUTES, "httproutes"),
    "GRPCRoute": (ROUTES, "grpcroutes"),
    "Gateway": (ROUTES, "gateways"),
    "ReferenceGrant": (ROUTES, "referencegrants"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "Service": ("/api/v1", "services"),
    "HorizontalPodAutoscaler": ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets"),
    "Pod": ("/api/v1", "pods"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Secret": ("/api/v1", "secrets"),
    "Event": ("/apis/events.k8s.io/v1", "events"),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices"),
}
_RECONNECT_SECONDS = 0.1
PATIENCE_SECONDS = 120.0
"""After which what a test waits for never comes: ten times what it takes, for machines that are busy with more."""


def collection(kind: str, namespace: str) -> str:
    """Where the API server lists the kind."""
    root, plural = PATHS[kind]
    return f"{root}/namespaces/{namespace}/{plural}"


class Recorder:
    """Every version of the watched kinds in one namespace, oldest first. Use as an asynchronous context manager.

    It survives a restart of the API server, after which versions that came and went meanwhile may not be seen.
    """

    def __init__(self, http: httpx.AsyncClient, namespace: str, kinds: tuple[str, ...]) -> None:
        self.history: list[Object] = []
        self.newest: dict[tuple[str, str], int] = {}
        """Kind and name -> position in the history of the newest version."""
        self.gone: set[tuple[str, str]] = set()
        self._http = http
        self._namespace = namespace
        self._kinds = kinds
        self._tasks: list[asyncio.Task[None]] = []
        self._since: dict[str, int] = {}
        """Kind -> the version up to which all of it is seen."""
        self._watching = {kind: asyncio.Event() for kind in kinds}
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._watch(kind)) for kind in self._kinds]
        await asyncio.gather(*(one.wait() for one in self._watching.values()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def of(self, kind: str, name: str) -> Iterator[Object]:
        """All versions of one object that were seen."""
        return (one for one in self.history if one["kind"] == kind and one["metadata"]["name"] == name)

    async def until(
        self, kind: str, name: str, check: Check, seconds: float = PATIENCE_SECONDS, after: Object | None = None
    ) -> Object:
        """The first version, from the newest known on, for which `check` holds. AssertionError after `seconds`.

        With `after` it is the first that followed this version: what lasts a second may be over when we come to ask.
        """
        if after is None:
            return await self._scan(self.newest.get((kind, name), len(self.history)), kind, name, check, seconds)
        least = _version(after)
        return await self._scan(0, kind, name, lambda one: _version(one) > least and check(one), seconds)

    def latest(self, kind: str) -> Iterator[Object]:
        """The newest version of each object of the kind that is there."""
        return (self.history[at] for key, at in self.newest.items() if key[0] == kind and key not in self.gone)

    async def until_all(self, kind: str, count: int, check: Check, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until `check` holds for `count` objects of the kind. AssertionError after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while (found := sum(map(check, self.latest(kind)))) < count:
                    await self.news()
        except TimeoutError:
            raise AssertionError(f"{found} of {count} {kind}s were as awaited within {seconds:g} s") from None

    async def until_gone(self, kind: str, name: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the object is deleted. AssertionError after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while (kind, name) not in self.gone:
                    await self.news()
        except TimeoutError:
            raise AssertionError(f"{kind} {name} was not deleted within {seconds:g} s") from None

    async def _scan(self, seen: int, kind: str, name: str, check: Check, seconds: float) -> Object:
        last: Object | None = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for at in range(seen, len(self.history)):
                        if self._is(at, kind, name):
                            last = self.history[at]
                            if check(last):
                                return last
                    seen = len(self.history)
                    await self.news()
        except TimeoutError:
            shown = json.dumps({key: (last or {}).get(key) for key in ("status", "spec")}, indent=1)
            raise AssertionError(f"{kind} {name} was not as awaited within {seconds:g} s; it is {shown}") from None

    def _is(self, at: int, kind: str, name: str) -> bool:
        one = self.history[at]
        return bool(one["kind"] == kind and one["metadata"]["name"] == name)

    async def news(self) -> None:
        """Wait for the next event."""
        self._news.clear()
        await self._news.wait()

    async def _watch(self, kind: str) -> None:
        while True:
            with suppress(httpx.TransportError):
                await self._stream(kind)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _stream(self, kind: str) -> None:
        """From where the last one ended, for what lived for a second in between; from what there is, at first and where
        the API server knows of that no more."""
        since = self._since.get(kind)
        asked = {"watch": "true", "resourceVersion": since or ""}
        url = collection(kind, self._namespace)
        async with self._http.stream("GET", url, params=asked, timeout=None) as answer:
            self._watching[kind].set()
            if not answer.is_success:
                self._since.pop(kind, None)
                return
            async for line in answer.aiter_lines():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    self._since.pop(kind, None)
                    return
                self._since[kind] = max(self._since.get(kind, 0), _version(event["object"]))
                self._take(event["type"], event["object"])

    def _take(self, what: str, found: Object) -> None:
        if what in ("ADDED", "MODIFIED"):
            self._add(found)
        elif what == "DELETED":
            self.gone.add((found["kind"], found["metadata"]["name"]))
            self._news.set()

    def _add(self, found: Object) -> None:
        key = (found["kind"], found["metadata"]["name"])
        before = self.history[self.newest[key]] if key in self.newest else None
        if before is not None and before["metadata"]["resourceVersion"] == found["metadata"]["resourceVersion"]:
            return  # told again after a reconnect
        self.gone.discard(key)
        self.newest[key] = len(self.history)
        self.history.append(found)
        self._news.set()


def _version(found: Object) -> int:
    """The API server's, which rises."""
    return int(found["metadata"]["resourceVersion"])
