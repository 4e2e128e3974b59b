"""Reads Gateways and their classes in the background, when a decision needs them: few do, so none is watched."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus

from crossfade.api.v1alpha1.rollout import RolloutSpec
from crossfade.model.gateway import GatewayFacts, Listener
from crossfade.ports import GATEWAY_CLASSES, GATEWAYS, Clock, Cluster, ClusterError, Object

log = logging.getLogger(__name__)

Place = tuple[str, str]
"""Namespace and name of a Gateway."""
_TELLING = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
"""Answers that say something of the Gateway, or of our rights. All others pass, and say nothing."""
_PAUSE_SECONDS = 2.0
"""After a read that said nothing, before whoever asked is told to ask again."""


class Scout:
    """`found` by place: Rollouts behind one Gateway share what is read."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self.found: dict[Place, GatewayFacts] = {}

    def of(self, spec: RolloutSpec | None, namespace: str) -> tuple[GatewayFacts, ...]:
        """What was last read of the Gateways that the spec names."""
        return tuple(self.found[place] for place in _places(spec, namespace) if place in self.found)

    def request(self, spec: RolloutSpec, namespace: str, on_done: Callable[[], None]) -> None:
        """Have the Gateways that the spec names read, each by one task at a time, and `on_done` called then."""
        for place in _places(spec, namespace):
            task = self._tasks.get(place)
            if task is None:
                task = self._tasks[place] = asyncio.create_task(self._read(place), name=f"scout-{'/'.join(place)}")
            task.add_done_callback(lambda _: on_done())

    async def close(self) -> None:
        """Cancel all that is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, place: Place) -> None:
        try:
            facts = await self._facts(*place)
            if facts is not None:
                self.found[place] = facts
            else:
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            self._tasks.pop(place, None)

    async def _facts(self, namespace: str, name: str) -> GatewayFacts | None:
        """What there is to know; None when the API server gave no answer about it, and what is known stays."""
        now, absent = self._clock.now(), "it does not exist"
        try:
            gateway = await self._cluster.get(GATEWAYS, namespace, name)
            class_name = str(gateway.get("spec", {}).get("gatewayClassName", ""))
            absent = f"its GatewayClass {class_name} does not exist"
            known = await self._cluster.get(GATEWAY_CLASSES, None, class_name)
        except ClusterError as error:
            if error.status not in _TELLING:
                log.warning("Gateway %s/%s could not be read: %s", namespace, name, error)
                return None
            # Without the Gateway API the answer names nothing, and who writes the route says what to do.
            gone = error.status == HTTPStatus.NOT_FOUND and "not found" in str(error)
            return GatewayFacts(namespace, name, now, trouble=str(error), absent=absent if gone else "")
        return read_gateway(gateway, known, now)


def read_gateway(gateway: Object, known: Object, now: float) -> GatewayFacts:
    """A raw Gateway and its class to facts."""
    spec, status, metadata = gateway.get("spec", {}), gateway.get("status", {}), gateway["metadata"]
    return GatewayFacts(
        namespace=metadata["namespace"],
        name=metadata["name"],
        read_at=now,
        class_name=known["metadata"]["name"],
        features=_features(known.get("status", {}).get("supportedFeatures")),
        addresses=tuple(str(one.get("value", "")) for one in status.get("addresses") or () if one.get("value")),
        listeners=tuple(_listener(one) for one in spec.get("listeners") or ()),
        controller=str(known.get("spec", {}).get("controllerName", "")),
    )


def _listener(one: Object) -> Listener:
    allowed = one.get("allowedRoutes") or {}
    kinds = frozenset(str(kind.get("kind", "")) for kind in allowed.get("kinds") or ()) or None
    admits = str((allowed.get("namespaces") or {}).get("from") or "Same")
    return Listener(
        one["name"], int(one["port"]), str(one.get("protocol", "")), one.get("hostname") or None, admits, kinds
    )


def _features(listed: Iterable[Object | str] | None) -> frozenset[str] | None:
    """Their names; up to v1.2 of the Gateway API the items were plain strings."""
    if not listed:
        return None
    return frozenset(one if isinstance(one, str) else str(one.get("name", "")) for one in listed)


def _places(spec: RolloutSpec | None, namespace: str) -> tuple[Place, ...]:
    refs = spec.traffic.parents if spec else ()
    return tuple(dict.fromkeys((ref.namespace or namespace, ref.name) for ref in refs))
