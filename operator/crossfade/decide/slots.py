"""The rule of an adopted route: whether it is as it must be, and what it gives to whom."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crossfade.api import meta
from crossfade.api.v1alpha1 import RolloutStatus
from crossfade.decide.backends import named
from crossfade.model.route import Adoption

Json = dict[str, Any]
PORT = 80


def slot_names(rollout: str) -> tuple[str, str]:
    """The two Services that the rule must name. No revision's name is like them."""
    return f"{rollout}-blue", f"{rollout}-green"


def revisions_of(status: RolloutStatus, named: Iterable[str]) -> frozenset[str]:
    """Whom a stored route leads to. A slot whose Service is deleted stands for itself there: whose it was is on
    record."""
    lost = {one.name: one.revision for one in status.route.slots} if status.route else {}
    return frozenset(lost.get(name, name) for name in named)


def place_of(adoption: Adoption, spec: Mapping[str, Any]) -> int | None:
    """Where the rule stands among the route's rules; None unless exactly one has its name."""
    found = [at for at, rule in enumerate(spec.get("rules", ())) if rule.get("name") == adoption.rule]
    return found[0] if len(found) == 1 else None


def fault_of(adoption: Adoption, spec: Mapping[str, Any] | None) -> str | None:
    """The sentence that says why its weights cannot be moved, and what would be right; None when they can.

    `spec` is that of the stored route, None where there is none that may be moved.
    """
    route = f"HTTPRoute {adoption.route}"
    if spec is None:
        return f"{route} is not there, or has not the label `{meta.LABEL_ROLLOUT}`, by which its owner lets it be moved"
    if not spec.get("parentRefs"):
        return f"{route} must have `parentRefs`: without any, no Gateway serves it"
    at = place_of(adoption, spec)
    if at is None:
        names = [rule.get("name", "(none)") for rule in spec.get("rules", ())]
        return f"{route} must have one rule with `name: {adoption.rule}`; the names of its rules are {', '.join(names)}"
    rule, home = spec["rules"][at], adoption.namespace
    found = [_told(one, home) for one in rule.get("backendRefs", ())]
    if sorted(found) != sorted(f"{slot}:{PORT}" for slot in adoption.slots):
        told = ", ".join(found) or "none"
        return (
            f"the rule {adoption.rule} of {route} must have the Services {' and '.join(adoption.slots)} of this"
            f" namespace as backends, each with port {PORT}, and no others; it has {told}"
        )
    for place, other in enumerate(spec["rules"]):
        reaches = {name for name, _ in (_copied(other, home) if place == at else _given(other, home))}
        slot = next((slot for slot in adoption.slots if slot in reaches), None)
        if slot is not None:
            only = f"only the backends of its rule {adoption.rule} may"
            return f"`spec.rules[{place}]` of {route} must not name the Service {slot}: {only}"
    return None


def _told(backend: Mapping[str, Any], home: str) -> str:
    """Such as `fraud-blue:80`; with what makes it no Service of this namespace."""
    return f"{named(backend, home)}:{backend.get('port', '-')}"


def slot_weights(adoption: Adoption, spec: Mapping[str, Any]) -> dict[str, int]:
    """What each slot gets of the route, wherever it is named; with a rule as it must be, its weights."""
    found = dict.fromkeys(adoption.slots, 0)
    for rule in spec.get("rules", ()):
        for name, weight in _given(rule, adoption.namespace):
            if name in found:
                found[name] += weight
    return found


def revision_weights(adoption: Adoption, spec: Mapping[str, Any]) -> dict[str, int]:
    """The same by revision, without those that get nothing. A slot without a Service stands for itself."""
    found: dict[str, int] = {}
    for slot, weight in slot_weights(adoption, spec).items():
        if weight:
            revision = adoption.slots[slot] or slot
            found[revision] = found.get(revision, 0) + weight
    return found


def _given(rule: Mapping[str, Any], home: str) -> Iterator[tuple[str, int]]:
    """Backends with their weights; a copy is one, for it gets all that is copied."""
    for one in rule.get("backendRefs", ()):
        yield named(one, home), int(one.get("weight", 1))
    yield from _copied(rule, home)


def _copied(rule: Mapping[str, Any], home: str) -> Iterator[tuple[str, int]]:
    filters = [*rule.get("filters", ()), *(f for one in rule.get("backendRefs", ()) for f in one.get("filters", ()))]
    for one in filters:
        if one.get("type") == "RequestMirror":
            yield named(one["requestMirror"]["backendRef"], home), 1
