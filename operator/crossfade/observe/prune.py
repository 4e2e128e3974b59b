"""How much of an object is kept in memory: what a decision reads, and no more."""

from crossfade.ports import Object

_UNREAD = {
    "Service": ("status",),
    "HorizontalPodAutoscaler": ("status",),
    "PodDisruptionBudget": ("status",),
}
_NAMED = ("containers", "initContainers")


def prune(raw: Object) -> Object:
    """A copy without managed fields and without the half of its kind that nothing reads. Shares what it keeps."""
    kept = {key: value for key, value in raw.items() if key not in _UNREAD.get(raw["kind"], ())}
    kept["metadata"] = {key: value for key, value in raw["metadata"].items() if key != "managedFields"}
    if raw["kind"] == "Pod" and "spec" in raw:
        kept["spec"] = _names(raw["spec"])
    if raw["kind"] == "Deployment" and "status" in raw:
        kept["status"] = _refusals(raw["status"])
    return kept


def _names(spec: Object) -> Object:
    """Pods are judged by their status; which of their containers is the model server, their spec says."""
    return {key: [{"name": one["name"]} for one in spec[key]] for key in _NAMED if spec.get(key)}


def _refusals(status: Object) -> Object:
    """Deployments are judged by their spec and their pods, but where no pod can be made."""
    told = ("type", "status", "message")
    found = [one for one in status.get("conditions", ()) if one["type"] == "ReplicaFailure"]
    return {"conditions": [{key: one[key] for key in told if key in one} for one in found]} if found else {}
