"""Stored routes, and Services that stand for one, read as a gateway or a node reads them."""

import json
from typing import Any

from crossfade.api import meta


def is_service(route: dict[str, Any]) -> bool:
    """Whether it is a Service in place of a route."""
    return "selector" in route["spec"]


def _whom(backend: dict[str, Any]) -> str:
    """A Service of the Rollouts' namespace by its name, all else by a name that nobody has."""
    here = backend.get("namespace", "ml") == "ml" and backend.get("kind", "Service") == "Service"
    return str(backend["name"]) if here and not backend.get("group") else f"{backend['name']} of others"


def weights(route: dict[str, Any] | None) -> dict[str, int]:
    """Weights by revision of a stored route; of a Service the numbers of pods, 100 for one revision alone."""
    if route is None:
        return {}
    if not is_service(route):
        first = next(iter(route["spec"].get("rules", ())), {})
        return {_whom(one): one["weight"] for one in first.get("backendRefs", ())}
    alone = route["spec"]["selector"].get(meta.LABEL_REVISION)
    return {alone: 100} if alone else dict(json.loads(route["metadata"]["annotations"][meta.ANNOTATION_SPLIT]))


def beside(route: dict[str, Any], cohort: float) -> dict[str, float]:
    """What revisions get beside the users' weights, as parts of their requests: copies, and the cohort's requests."""
    if is_service(route):
        return {}
    copies = {
        one["requestMirror"]["backendRef"]["name"]: one["requestMirror"]["percent"] / 100
        for rule in of_users(route)
        for one in rule.get("filters", ())
    }
    return copies | {one["name"]: cohort for rule in cohorts(route) for one in rule["backendRefs"]}


def is_spare(rule: dict[str, Any]) -> bool:
    """Whether nobody's requests meet it: it keeps the place of a cohort's."""
    return _headers(rule) == {meta.HEADER_REHEARSAL}


def of_users(route: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The rules that requests meet whatever headers they have."""
    return [rule for rule in (route["spec"].get("rules", []) if route else []) if not _headers(rule)]


def cohorts(route: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The rules that users with certain headers meet. One that looks for a revision's name nobody meets: it is for
    gateways that look only for Services that are backends."""
    ours = {meta.HEADER_REHEARSAL, meta.HEADER_REVISION}
    rules = route["spec"].get("rules", []) if route else []
    return [rule for rule in rules if _headers(rule) and not _headers(rule) & ours]


def _headers(rule: dict[str, Any]) -> set[str]:
    return {one["name"] for match in rule.get("matches", ()) for one in match.get("headers", ())}


def finds_copied(route: dict[str, Any]) -> bool:
    """Whether whom a GRPCRoute's requests are copied to is a backend, too: else Envoy Gateway 1.9 fails every call."""
    rules = route["spec"].get("rules", ())
    backends = {one["name"] for rule in rules for one in rule["backendRefs"]}
    return route["kind"] == "HTTPRoute" or set(beside(route, 0.0)) <= backends


def mirrors(route: dict[str, Any]) -> bool:
    """Whether a rule of the users' copies requests."""
    return any(rule.get("filters") for rule in route["spec"].get("rules", ()))


def reached(route: dict[str, Any] | None) -> frozenset[str]:
    """All revisions that a request, or a copy of one, may get to."""
    if route is not None and is_service(route):
        return frozenset(weights(route))
    rules = route["spec"].get("rules", []) if route else []
    copies = [one["requestMirror"]["backendRef"] for rule in rules for one in rule.get("filters", ())]
    return frozenset(_whom(one) for one in (*(b for rule in rules for b in rule["backendRefs"]), *copies))
