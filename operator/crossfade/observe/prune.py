"""How much of an object is kept in memory: what a decision reads, and no more."""

from crossfade.ports import Object

_UNREAD = {
    "Deployment": ("status",),
    "Service": ("status",),
    "HorizontalPodAutoscaler": ("status",),
    "PodDisruptionBudget": ("status",),
    "Pod": ("spec",),
}
"""Pods are judged by their status, Deployments by their spec and their pods."""


def prune(raw: Object) -> Object:
    """A copy without managed fields and without the half of its kind that nothing reads. Shares what it keeps."""
    kept = {key: value for key, value in raw.items() if key not in _UNREAD.get(raw["kind"], ())}
    kept["metadata"] = {key: value for key, value in raw["metadata"].items() if key != "managedFields"}
    return kept
