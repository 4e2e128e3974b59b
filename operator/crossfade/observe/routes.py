"""A raw route to facts: weights by revision, and what each parent says of the route."""

from collections.abc import Iterator, Mapping
from typing import Any

from crossfade.decide.routes import is_cohort
from crossfade.model.route import ParentFacts, RouteFacts
from crossfade.ports import Object

_JUDGED = ("Accepted", "ResolvedRefs", "PartiallyInvalid")
_MESSAGE_LIMIT = 512


def read_route(route: Object) -> RouteFacts:
    """The route as stored. All rules of a managed route but those of a cohort have the same backends, so the first
    one's weights count."""
    spec, metadata = route.get("spec", {}), route["metadata"]
    rules = spec.get("rules", [])
    users = [rule for rule in rules if not is_cohort(rule)] or rules
    parents = route.get("status", {}).get("parents", ())
    return RouteFacts(
        generation=int(metadata.get("generation", 0)),
        weights=_weights(users[0]) if users else {},
        reached=frozenset(name for rule in rules for name in _reached(rule)),
        parents=tuple(_parent(entry, metadata["namespace"]) for entry in parents),
        spec=spec,
        labels=metadata.get("labels", {}),
        kind=route["kind"],
    )


def _weights(rule: Mapping[str, Any]) -> dict[str, int]:
    """Weight by Service name, which is the revision's name; a backend without a weight has weight 1."""
    found: dict[str, int] = {}
    for backend in rule.get("backendRefs", ()):
        if backend.get("kind", "Service") == "Service":
            found[backend["name"]] = found.get(backend["name"], 0) + int(backend.get("weight", 1))
    return {name: weight for name, weight in found.items() if weight}


def _reached(rule: Mapping[str, Any]) -> Iterator[str]:
    yield from _weights(rule)
    for one in rule.get("filters", ()):
        if one.get("type") == "RequestMirror":
            yield one["requestMirror"]["backendRef"]["name"]


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
