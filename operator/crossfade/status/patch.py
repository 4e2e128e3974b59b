"""Writes a status when it differs from the stored one, and otherwise writes nothing."""

import json
from typing import Any

from crossfade.api.v1alpha1 import ModelRegistryStatus, ModelSourceStatus, ModelVersionStatus, RolloutStatus
from crossfade.ports import Cluster, Kind, Object
from crossfade.telemetry.metrics import WRITES

Status = RolloutStatus | ModelVersionStatus | ModelRegistryStatus | ModelSourceStatus


async def write_status(cluster: Cluster, kind: Kind, raw: Object, status: Status) -> Object | None:
    """Apply the whole status to the object `raw`; the uid keeps it off a namesake that was made since.

    Returns the stored object, None when the stored status already says the same. Raises ClusterError.
    """
    wanted = status.to_json()
    if _canonical(wanted) == _canonical(raw.get("status", {})):
        return None
    metadata = {key: raw["metadata"][key] for key in ("name", "namespace", "uid")}
    body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "status": wanted}
    stored = await cluster.apply_status(kind, body)
    WRITES.labels(kind=f"{kind.kind}/status").inc()
    return stored


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
