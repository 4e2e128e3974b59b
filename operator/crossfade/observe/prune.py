"""How much of an object is kept in memory: what a decision reads, and no more."""

from typing import Any

from crossfade.api import meta
from crossfade.ports import ROUTES, Object

_UNREAD = {
    "Deployment": ("status",),
    "Service": ("status",),
    "HorizontalPodAutoscaler": ("status",),
    "PodDisruptionBudget": ("status",),
    "Pod": ("spec",),
    "EndpointSlice": ("ports",),
}
"""Pods are judged by their status, Deployments by their spec and their pods."""
_ROUTES = frozenset(kind.kind for kind in ROUTES)


def prune(raw: Object) -> Object:
    """A copy without managed fields and without the half of its kind that nothing reads. Shares what it keeps."""
    kept = {key: value for key, value in raw.items() if key not in _UNREAD.get(raw["kind"], ())}
    kept["metadata"] = {key: value for key, value in raw["metadata"].items() if key != "managedFields"}
    if raw["kind"] in _ROUTES and meta.LABEL_ROLLOUT not in (raw["metadata"].get("labels") or {}):
        kept["spec"] = _entrance(raw.get("spec", {}))
    return kept


def _entrance(spec: dict[str, Any]) -> dict[str, Any]:
    """Of a route of others, what it matches: where its requests go to is no business of ours."""
    rules = [{"matches": rule.get("matches", [])} for rule in spec.get("rules") or ()]
    return {**{key: spec[key] for key in ("parentRefs", "hostnames") if key in spec}, "rules": rules}
