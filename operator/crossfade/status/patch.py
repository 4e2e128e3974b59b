"""Writes a status when it differs from the stored one, and otherwise writes nothing."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from crossfade.api.v1alpha1 import ModelRegistryStatus, ModelSourceStatus, ModelVersionStatus, RolloutStatus
from crossfade.decide.outdated import named, told
from crossfade.ports import Clock, Cluster, ClusterError, Kind, Object, StaleError
from crossfade.status.conditions import outdated
from crossfade.status.definitions import Definitions
from crossfade.telemetry.metrics import WRITES

Status = RolloutStatus | ModelVersionStatus | ModelRegistryStatus | ModelSourceStatus


_REFUSALS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.INTERNAL_SERVER_ERROR)
"""How the API server answers what its definition does not know: of a status with one such field it keeps nothing."""


class OutdatedError(Exception):
    """The definition does not know all of the status, and the plan did not know that: look again, nothing was
    written."""


class Statuses:
    """Writes statuses, and has `absorb` take in what was stored."""

    def __init__(
        self, cluster: Cluster, clock: Clock, definitions: Definitions, absorb: Callable[[Object], None]
    ) -> None:
        self._cluster = cluster
        self._clock = clock
        self._definitions = definitions
        self._absorb = absorb
        self._noted: dict[str, frozenset[str]] = {}
        """By uid, what does not fit and was not written down yet."""

    def unkept(self, kind: Kind, raw: Object) -> str:
        """Why the status of the object cannot be kept whole, in a sentence; empty when it can, as far as is known."""
        return told(kind.kind, lost) if (lost := self._lost(kind, raw)) else ""

    async def write(self, kind: Kind, raw: Object, status: Status) -> bool:
        """Apply the whole status to the object `raw`, as long as that is stored as it was seen.

        Returns whether anything had to be written. Raises ClusterError; StaleError where the object was changed since,
        or another has its name; OutdatedError where a part of the status would be lost and `unkept` had not said so
        yet. Nothing is written then.
        """
        wanted, lost = self._fitting(kind, raw, status)
        if _canonical(wanted) == _canonical(raw.get("status", {})):
            return False
        metadata = {key: raw["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "status": wanted}
        try:
            stored = await self._cluster.apply_status(kind, body)
        except ClusterError as error:
            if error.status == HTTPStatus.CONFLICT:
                await self.compare(kind, raw)
            if error.status in _REFUSALS:
                await self._definitions.look()
                self._fitting(kind, raw, status, known=lost)
            raise
        self._noted.pop(raw["metadata"]["uid"], None)
        WRITES.labels(kind=f"{kind.kind}/status").inc()
        self._absorb(stored)
        return True

    async def compare(self, kind: Kind, raw: Object) -> None:
        """Raises StaleError when the object was written since it was seen, and ClusterError where it cannot be read. An
        older one, as from a backup, is no reason to look again: it would not be believed."""
        metadata = raw["metadata"]
        now = await self._cluster.get(kind, metadata["namespace"], metadata["name"])
        if int(now["metadata"]["resourceVersion"]) > int(metadata["resourceVersion"]):
            self._absorb(now)
            raise StaleError(f"{kind.kind} {metadata['name']} was changed since it was looked at")

    def _fitting(
        self, kind: Kind, raw: Object, status: Status, known: frozenset[str] | None = None
    ) -> tuple[Object, frozenset[str]]:
        """What of the status can be kept, with the condition that says what cannot; and what that is. Raises
        OutdatedError where the plan could not know of it, or it is more than is `known`."""
        before = self._lost(kind, raw)
        _, lost = self._definitions.fit(kind.kind, status.to_json())
        if lost and (not before if known is None else lost - known):
            self._noted[raw["metadata"]["uid"]] = before | lost
            raise OutdatedError(told(kind.kind, lost))
        if both := before | lost:
            said = outdated(told(kind.kind, both), raw, status.observed_generation, self._clock.now())
            status = status.model_copy(update={"conditions": [*status.conditions, said]})
        return self._definitions.fit(kind.kind, status.to_json())[0], lost

    def _lost(self, kind: Kind, raw: Object) -> frozenset[str]:
        """What did not fit before and does not fit now either."""
        noted = self._noted.get(raw["metadata"]["uid"], frozenset()) | named(raw.get("status", {}))
        return frozenset(field for field in noted if self._definitions.lacks(kind.kind, field))


def _canonical(status: Any) -> str:
    """JSON in which the order of keys, and of lists that the API server merges by name, says nothing."""
    return json.dumps(_sorted(status), sort_keys=True)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_sorted(item) for item in value]
        for key in ("type", "name"):
            if all(isinstance(item, dict) and key in item for item in items):
                return sorted(items, key=lambda item, key=key: str(item[key]))  # type: ignore[misc]
        return items
    return value
