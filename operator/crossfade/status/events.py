"""Events for people, each told once until it says something else. Losing one is no error: the status has it too."""

import logging
from collections import OrderedDict
from collections.abc import Iterable
from uuid import uuid4

from crossfade.api import meta
from crossfade.decide.plan import Event
from crossfade.model.moments import stamp
from crossfade.ports import Cluster, ClusterError, Kind, Object
from crossfade.telemetry.metrics import WRITES

log = logging.getLogger(__name__)

_NOTE_LIMIT = 1024
_REMEMBERED = 4096


class Events:
    """Posts events.k8s.io/v1 Events in the name of `instance`, which is this process."""

    def __init__(self, cluster: Cluster, instance: str) -> None:
        self._cluster = cluster
        self._instance = instance
        self._told: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def post(self, kind: Kind, raw: Object, events: Iterable[Event], now: float) -> None:
        """Post those of `events` that were not the last of their reason for this object."""
        for event in events:
            subject = (raw["metadata"]["uid"], event.reason.value)
            if self._told.get(subject) == event.message:
                continue
            self._told[subject] = event.message
            self._told.move_to_end(subject)
            while len(self._told) > _REMEMBERED:
                self._told.popitem(last=False)
            await self._create(kind, raw, event, now)

    async def _create(self, kind: Kind, raw: Object, event: Event, now: float) -> None:
        name, namespace = raw["metadata"]["name"], raw["metadata"]["namespace"]
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{name[:220]}.{uuid4().hex[:16]}", "namespace": namespace},
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
                "name": name,
                "namespace": namespace,
                "uid": raw["metadata"]["uid"],
            },
        }
        try:
            await self._cluster.create_event(namespace, body)
        except ClusterError as error:
            log.warning("an event of %s %s was not recorded: %s", kind.kind, name, error)
            return
        WRITES.labels(kind="Event").inc()
