"""Events for people: each told when it comes, and counted when it comes again. Losing one is no error: the status has
it too.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar
from uuid import uuid4

from crossfade.api import meta
from crossfade.decide.plan import Event
from crossfade.model.moments import stamp
from crossfade.ports import Cluster, ClusterError, Kind, Object
from crossfade.telemetry.metrics import WRITES

log = logging.getLogger(__name__)

_NOTE_LIMIT = 1024
_REMEMBERED = 4096

_K = TypeVar("_K")
_V = TypeVar("_V")
Words = tuple[str, str]
"""Reason and message."""


@dataclass(frozen=True, slots=True)
class _Told:
    """An Event as it stands: its name, and how often it has come."""

    name: str
    count: int = 1


class Events:
    """Posts events.k8s.io/v1 Events in the name of `instance`, which is this process."""

    def __init__(self, cluster: Cluster, instance: str) -> None:
        self._cluster = cluster
        self._instance = instance
        self._told: OrderedDict[tuple[str, Words], _Told] = OrderedDict()
        self._said: OrderedDict[str, frozenset[Words]] = OrderedDict()
        """By uid, what the last look said and was told."""

    async def post(self, kind: Kind, raw: Object, events: Iterable[Event], said: Iterable[Event], now: float) -> None:
        """Tell `events`, but not what the look before said as well: that goes on. A write is told each time.

        `said` are all of this look, those included that are not to be told, or not yet.
        """
        uid = raw["metadata"]["uid"]
        before = self._said.pop(uid, frozenset())
        known = set(before)
        for event in events:
            if event.by is None and _words(event) in before:
                continue
            known.add(_words(event))
            await self._tell(kind, raw, event, now)
        if standing := known & {_words(event) for event in said}:
            _remember(self._said, uid, frozenset(standing))

    async def _tell(self, kind: Kind, raw: Object, event: Event, now: float) -> None:
        """Count it where it stands; what has expired there, or was never told, is told anew."""
        key, namespace = (raw["metadata"]["uid"], _words(event)), raw["metadata"]["namespace"]
        before = self._told.pop(key, None)
        try:
            told = await self._counted(namespace, before, now) if before else None
            if told is None:
                told = _Told(f"{raw['metadata']['name'][:220]}.{uuid4().hex[:16]}")
                await self._cluster.create_event(namespace, self._body(kind, raw, event, told.name, now))
        except ClusterError as error:
            log.warning("an event of %s %s was not recorded: %s", kind.kind, raw["metadata"]["name"], error)
            return
        WRITES.labels(kind="Event").inc()
        _remember(self._told, key, told)

    async def _counted(self, namespace: str, before: _Told, now: float) -> _Told | None:
        """The Event, with one time more; None when it is gone."""
        again = _Told(before.name, before.count + 1)
        try:
            await self._cluster.count_event(namespace, again.name, again.count, stamp(now))
        except ClusterError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return again

    def _body(self, kind: Kind, raw: Object, event: Event, name: str, now: float) -> Object:
        metadata = raw["metadata"]
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": metadata["namespace"]},
            "eventTime": stamp(now),
            "type": "Warning" if event.warning else "Normal",
            "reason": event.reason.value,
            "action": event.reason.value,
            "note": event.message[:_NOTE_LIMIT],
            "reportingController": meta.GROUP + "/operator",
            "reportingInstance": self._instance[:128],
            "regarding": {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
        }


def _words(event: Event) -> Words:
    return event.reason.value, event.message


def _remember(memory: "OrderedDict[_K, _V]", key: _K, value: _V) -> None:
    memory[key] = value
    while len(memory) > _REMEMBERED:
        memory.popitem(last=False)
