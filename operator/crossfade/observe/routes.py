"""A raw route to facts: weights by revision, and what each parent says of the route."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from crossfade.api import meta
from crossfade.decide.backends import named
from crossfade.decide.entry import disagreement, weights_of
from crossfade.decide.routes import is_cohort
from crossfade.decide.slots import revision_weights, slot_names
from crossfade.decide.workloads import has_ports, ports
from crossfade.model.moments import moment
from crossfade.model.route import Adoption, ParentFacts, RouteFacts, Writer
from crossfade.model.workload import RevisionFacts
from crossfade.observe.cache import Cache
from crossfade.observe.slices import ready_pods
from crossfade.ports import Object

_JUDGED = ("Accepted", "ResolvedRefs", "PartiallyInvalid")
_MESSAGE_LIMIT = 512


def read_route(route: Object, ours: Object | None = None) -> RouteFacts:
    """The route as stored, and as we last wrote it. All rules of a managed route but those of a cohort have the same
    backends, so the first one's weights count. No hosts are an empty list of them, as we name it."""
    spec, metadata = {"hostnames": [], **route.get("spec", {})}, route["metadata"]
    home = metadata["namespace"]
    rules = spec.get("rules", [])
    users = [rule for rule in rules if not is_cohort(rule)] or rules
    parents = route.get("status", {}).get("parents", ())
    return RouteFacts(
        generation=int(metadata.get("generation", 0)),
        weights=_weights(users[0], home) if users else {},
        reached=frozenset(name for rule in rules for name in _reached(rule, home)),
        parents=tuple(_parent(entry, home) for entry in parents),
        spec=spec,
        labels=metadata.get("labels", {}),
        kind=route["kind"],
        ours=int(ours["metadata"].get("generation", 0)) if ours else 0,
        written_at=_written_at(metadata.get("managedFields", ())),
    )


def adoption_of(cache: Cache, raw: Object) -> Adoption | None:
    """What a Rollout as stored says of a route of others, and what is there of it; None in mode Managed.

    It is read as written, for a spec that cannot be read as a whole must not hide whose the route is.
    """
    traffic = raw.get("spec", {}).get("traffic") or {}
    asked = (traffic.get("gatewayAPI") or {}).get("adopted") or {}
    name, rule = asked.get("name"), asked.get("rule")
    if not isinstance(name, str) or not isinstance(rule, str):
        return None
    home, rollout = raw["metadata"]["namespace"], raw["metadata"]["name"]
    slots = {slot: _selected(cache, home, slot) for slot in slot_names(rollout)}
    route = cache.get("HTTPRoute", home, name)
    if route is None or not is_labelled(route):
        return Adoption(home, name, rule, slots)
    return Adoption(home, name, rule, slots, route["metadata"].get("resourceVersion", ""), _writer(route, rollout))


def replicas_asked(raw: Object) -> bool | None:
    """Whether a Rollout as stored has numbers of pods for weights, and no route of its own; None when that cannot be
    told. It is read as written, for the same reason."""
    traffic = raw.get("spec", {}).get("traffic") or {}
    said = [traffic.get(way) is not None for way in ("replicas", "gatewayAPI")]
    return said[0] if any(said) and not all(said) else None


def is_labelled(route: Object) -> bool:
    """Whether its owner, who may be we, lets it be moved; of others' no more is known than what they match."""
    return meta.LABEL_ROLLOUT in (route["metadata"].get("labels") or {})


def is_managed(route: Object, rollout: str) -> bool:
    """Whether Crossfade made it for a Rollout of this name. An adopted one has not both labels."""
    labels = route["metadata"].get("labels") or {}
    return labels.get(meta.LABEL_ROLLOUT) == rollout and labels.get(meta.LABEL_MANAGED_BY) == meta.FIELD_MANAGER


def read_adopted(route: Object, adoption: Adoption) -> RouteFacts:
    """The route of others as stored, its weights by the revisions whose pods our Services select."""
    weights = revision_weights(adoption, route.get("spec", {}))
    return replace(read_route(route), weights=weights, reached=frozenset(weights))


def _selected(cache: Cache, namespace: str, slot: str) -> str | None:
    """The revision that a slot leads to, by the port that its route names."""
    service = cache.get("Service", namespace, slot)
    spec: Object = service.get("spec", {}) if service else {}
    return (spec.get("selector") or {}).get(meta.LABEL_REVISION) if has_ports({"ports": ports()}, spec) else None


def _written_at(owners: Iterable[Object]) -> float | None:
    """When its rules were written last, by the API server's clock."""
    return max((moment(one["time"]) for one in owners if one.get("time")), default=None)


def _writer(route: Object, rollout: str) -> Writer | None:
    """Who wrote the rules last, unless that was us for this Rollout: whoever changes a list takes it from those who
    wrote it before."""
    owners = route["metadata"].get("managedFields", ())
    if not owners or any(one.get("manager") == f"{meta.WEIGHTS_MANAGER}{rollout}" for one in owners):
        return None
    last = max(owners, key=lambda one: str(one.get("time", "")))
    manager = str(last.get("manager", "")) or "somebody"
    other = manager.removeprefix(meta.WEIGHTS_MANAGER) if manager.startswith(meta.WEIGHTS_MANAGER) else ""
    return Writer(manager, str(last.get("time", "")), other)


def read_entry(
    service: Object,
    slices: Iterable[Object],
    revisions: Mapping[str, RevisionFacts],
    known: int | None,
    ours: Object | None = None,
) -> RouteFacts:
    """The Service that clients call, as a route whose one parent is its EndpointSlices.

    Its version stands for a generation, which Services do not have. One that was `known` to have been followed stays
    so: pods that come and go later are the business of Kubernetes, and of the plan for those that are missing.
    """
    metadata, generation = service["metadata"], int(service["metadata"]["resourceVersion"])
    listed = frozenset(name for one in slices for name in ready_pods(one))
    why = "" if known == generation else disagreement(metadata["name"], service, revisions, listed)
    weights = weights_of(service)
    endpoints = ParentFacts(
        name=metadata["name"],
        namespace=metadata["namespace"],
        section_name=None,
        port=None,
        accepted=True,
        resolved_refs=True,
        partially_invalid=False,
        observed_generation=generation - bool(why),
        message=why,
    )
    return RouteFacts(
        generation=generation,
        weights=weights,
        reached=frozenset(weights),
        parents=(endpoints,),
        spec={"selector": {}, **service.get("spec", {})},
        labels=metadata.get("labels", {}),
        kind="Service",
        ours=int(ours["metadata"]["resourceVersion"]) if ours else 0,
    )


def _weights(rule: Mapping[str, Any], home: str) -> dict[str, int]:
    """Weight by Service name, which is the revision's name; a backend without a weight has weight 1."""
    found: dict[str, int] = {}
    for backend in rule.get("backendRefs", ()):
        name = named(backend, home)
        found[name] = found.get(name, 0) + int(backend.get("weight", 1))
    return {name: weight for name, weight in found.items() if weight}


def _reached(rule: Mapping[str, Any], home: str) -> Iterator[str]:
    yield from _weights(rule, home)
    for one in rule.get("filters", ()):
        if one.get("type") == "RequestMirror":
            yield named(one["requestMirror"]["backendRef"], home)


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
        controller=str(entry.get("controllerName", "")),
        kind=str(ref.get("kind", "Gateway")),
    )
