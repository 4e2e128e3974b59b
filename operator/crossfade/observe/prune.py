"""How much of an object is kept in memory: what a decision reads, and no more."""

from collections.abc import Iterable

from crossfade.api import meta
from crossfade.observe.slices import SERVICE, ready_pods
from crossfade.ports import ROUTES, Object

_UNREAD = {
    "Service": ("status",),
    "HorizontalPodAutoscaler": ("status",),
    "PodDisruptionBudget": ("status",),
}
_NAMED = ("containers", "initContainers")
_SLICE_LABELS = frozenset({meta.LABEL_ROLLOUT, meta.LABEL_ENTRY, SERVICE})
_ROUTES = frozenset(kind.kind for kind in ROUTES)
_RULES: Object = {"f:spec": {"f:rules": {}}}
"""All that is kept of who wrote what: who wrote the rules of a route, which one of others' is asked for."""


def prune(raw: Object) -> Object:
    """A copy without managed fields, but for those of a route's rules, and without the half of its kind that nothing
    reads. Shares what it keeps."""
    if raw["kind"] == "EndpointSlice":
        return _slice(raw)
    kept = {key: value for key, value in raw.items() if key not in _UNREAD.get(raw["kind"], ())}
    kept["metadata"] = {key: value for key, value in raw["metadata"].items() if key != "managedFields"}
    if raw["kind"] in _ROUTES:
        if meta.LABEL_ROLLOUT not in (raw["metadata"].get("labels") or {}):
            kept["spec"] = _entrance(raw.get("spec", {}))
        else:
            kept["metadata"]["managedFields"] = _writers(raw["metadata"].get("managedFields", ()))
    if raw["kind"] == "Pod" and "spec" in raw:
        kept["spec"] = _names(raw["spec"])
    if raw["kind"] == "Deployment" and "status" in raw:
        kept["status"] = _counted(raw["status"]) | _refusals(raw["status"])
    return kept


def _writers(managed: Iterable[Object]) -> list[Object]:
    return [
        {"manager": one.get("manager", ""), "time": one.get("time", ""), "fieldsV1": _RULES}
        for one in managed
        if "f:rules" in one.get("fieldsV1", {}).get("f:spec", {})
    ]


def _entrance(spec: Object) -> Object:
    """Of a route of others, what it matches, and its redirects: where else requests go to is no business of ours."""
    rules = [{"matches": rule.get("matches", []), **_redirects(rule)} for rule in spec.get("rules") or ()]
    return {**{key: spec[key] for key in ("parentRefs", "hostnames") if key in spec}, "rules": rules}


def _redirects(rule: Object) -> Object:
    found = [one for one in rule.get("filters") or () if one.get("type") == "RequestRedirect"]
    return {"filters": found} if found else {}


def _names(spec: Object) -> Object:
    """Pods are judged by their status; which of their containers is the model server, and which images they mount,
    their spec says."""
    found = {key: [{"name": one["name"]} for one in spec[key]] for key in _NAMED if spec.get(key)}
    images = [{"name": one["name"], "image": one["image"]} for one in spec.get("volumes") or () if "image" in one]
    return found | ({"volumes": images} if images else {})


def _slice(raw: Object) -> Object:
    """Whose it is and which pods requests are sent to: there are many of both."""
    metadata = raw["metadata"]
    kept = {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion") if key in metadata}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key in _SLICE_LABELS}
    ends = [{"targetRef": {"kind": "Pod", "name": name}} for name in ready_pods(raw)]
    return {"kind": raw["kind"], "metadata": {**kept, "labels": labels}, "endpoints": ends}


def _counted(status: Object) -> Object:
    """How many pods are its own, for those of a deleted one of the same name have its labels, too."""
    return {"replicas": status["replicas"]} if "replicas" in status else {}


def _refusals(status: Object) -> Object:
    """Deployments are judged by their spec and their pods, but where no pod can be made."""
    told = ("type", "status", "message")
    found = [one for one in status.get("conditions", ()) if one["type"] == "ReplicaFailure"]
    return {"conditions": [{key: one[key] for key in told if key in one} for one in found]} if found else {}
