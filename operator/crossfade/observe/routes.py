"""A raw HTTPRoute to facts: weights by revision, and what each parent says of the route."""

from collections.abc import Mapping
from typing import Any

from crossfade.model.route import ParentFacts, RouteFacts
from crossfade.ports import Object

_JUDGED = ("Accepted", "ResolvedRefs", "PartiallyInvalid")
_MESSAGE_LIMIT = 512


def read_route(route: Object) -> RouteFacts:
    """The route as stored. All rules of a managed route have the same backends, so the first one's weights count."""
    spec, metadata = route.get("spec", {}), route["metadata"]
    rules = spec.get("rules", [])
    parents = route.get("status", {}).get("parents", ())
    return RouteFacts(
        generation=int(metadata.get("generation", 0)),
        weights=_weights(rules[0]) if rules else {},
        parents=tuple(_parent(entry, metadata["namespace"]) for entry in parents),
        spec=spec,
        labels=metadata.get("labels", {}),
    )


def _weights(rule: Mapping[str, Any]) -> dict[str, int]:
    """Percent by Service name, which is the revision's name; a backend without a weight has weight 1."""
    raw: dict[str, int] = {}
    for backend in rule.get("backendRefs", ()):
        if backend.get("kind", "Service") == "Service":
            raw[backend["name"]] = raw.get(backend["name"], 0) + int(backend.get("weight", 1))
    total = sum(raw.values())
    return {name: round(100 * weight / total) for name, weight in raw.items() if weight} if total else {}


def _parent(entry: Mapping[str, Any], namespace: str) -> ParentFacts:
    ref = entry.get("parentRef", {})
    said = {c["type"]: c for c in entry.get("conditions", ()) if c["type"] in _JUDGED}
    accepted, resolved = (said.get(kind, {}).get("status") == "True" for kind in ("Accepted", "ResolvedRefs"))
    partially_invalid = said.get("PartiallyInvalid", {}).get("status") == "True"
    wrong = [
        condition for kind, condition in said.items() if (condition["status"] == "True") is (kind == "PartiallyInvalid")
    ]
    return ParentFacts(
        name=ref.get("name", ""),
        namespace=ref.get("namespace", namespace),
        section_name=ref.get("sectionName"),
        port=ref.get("port"),
        accepted=accepted,
        resolved_refs=resolved,
        partially_invalid=partially_invalid,
        observed_generation=min((int(c.get("observedGeneration", 0)) for c in said.values()), default=0),
        message=next((str(c.get("message", "")) for c in wrong), "")[:_MESSAGE_LIMIT],
    )
