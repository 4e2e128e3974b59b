"""The only write to a spec that is a user's: `spec.modelVersion` of a Rollout, where a ModelSource asks for it and
nobody else owns it. Never by force."""

from http import HTTPStatus

from crossfade.decide.moving import Move
from crossfade.ports import ROLLOUTS, Cluster, ClusterError, Object, StaleError
from crossfade.telemetry.metrics import WRITES

_FIELD = "f:modelVersion"
_NOBODY = "before-first-apply"
"""Whom the API server names as the owner of all that was there before anybody's fields were noted."""


class OwnedError(Exception):
    """Others own the field: nothing was written. `managers` are theirs, as the API server names them."""

    def __init__(self, managers: tuple[str, ...]) -> None:
        super().__init__(", ".join(managers))
        self.managers = managers


async def move_rollout(cluster: Cluster, move: Move) -> Object:
    """Have the Rollout name the ModelVersion. Returns it as stored.

    Raises OwnedError when somebody else owns the field, StaleError when the Rollout is not any more as it was seen, and
    ClusterError.
    """
    stored = await _as_seen(cluster, move)
    if _owns_more(stored, move.manager):  # what an apply leaves out, it takes away
        raise OwnedError((f"{move.manager}, which somebody used for more than this field",))
    keys = ("name", "namespace", "uid", "resourceVersion")
    metadata = {key: stored["metadata"][key] for key in keys}
    body = {"metadata": metadata, "spec": {"modelVersion": move.model_version}}
    try:
        moved = await cluster.claim(ROLLOUTS, body, move.manager)
    except ClusterError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
        stored = await _as_seen(cluster, move)
        raise OwnedError(_owners(stored, move.manager) or (_NOBODY,)) from error
    WRITES.labels(kind=ROLLOUTS.kind).inc()
    return moved


async def _as_seen(cluster: Cluster, move: Move) -> Object:
    """The Rollout as stored now. Raises StaleError when it is not any more as it was seen, and ClusterError."""
    stored = await cluster.get(ROLLOUTS, move.namespace, move.rollout)
    if (stored["metadata"]["uid"], stored["metadata"]["resourceVersion"]) != (move.uid, move.version):
        raise StaleError(f"Rollout {move.rollout} was changed by others just now")
    return stored


def _owners(stored: Object, manager: str) -> tuple[str, ...]:
    """Who else has written the field."""
    found = [one for one in stored["metadata"].get("managedFields", ()) if not _is_ours(one, manager)]
    return tuple(dict.fromkeys(str(one.get("manager")) for one in found if _FIELD in _spec(one)))


def _owns_more(stored: Object, manager: str) -> bool:
    ours = [one for one in stored["metadata"].get("managedFields", ()) if _is_ours(one, manager)]
    return any(set(one.get("fieldsV1", {})) - {"f:spec"} or set(_spec(one)) - {_FIELD} for one in ours)


def _is_ours(entry: Object, manager: str) -> bool:
    return (entry.get("manager"), entry.get("operation")) == (manager, "Apply") and not entry.get("subresource")


def _spec(entry: Object) -> Object:
    found: Object = entry.get("fieldsV1", {}).get("f:spec", {})
    return found
