"""The managed route: rendered whole from intent, compared with what is stored, acknowledged by its parents."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crossfade.api import meta
from crossfade.api.v1alpha1.gateway import GatewayApi
from crossfade.api.v1alpha1.rollout import RolloutSpec
from crossfade.decide.reading import read_lately
from crossfade.decide.route_kinds import RouteKind, kind_of
from crossfade.decide.shapes import Split
from crossfade.decide.workloads import owner, owners
from crossfade.model.route import ParentFacts, RouteFacts
from crossfade.model.snapshot import RolloutFacts, Snapshot

Json = dict[str, Any]
_API = "gateway.networking.k8s.io/v1"


def render(
    rollout: RolloutFacts, split: Split, kind: RouteKind, front: Json, spare: tuple[str, str] | None = None
) -> Json:
    """The route of this kind with this front (parents, hosts, matches; see decide.front) for this split.

    With `spare`, a header, there is behind each rule of the users' one for requests with that header alone, unless the
    split brings in one itself.
    """
    metadata: Json = {
        "name": rollout.name,
        "namespace": rollout.namespace,
        "labels": {meta.LABEL_ROLLOUT: rollout.name, meta.LABEL_MANAGED_BY: "crossfade"},
    }
    if owners(rollout):
        metadata["ownerReferences"] = owners(rollout)
    rules = _rules(front["rules"], kind, split)
    if spare is not None and not any(map(is_cohort, rules)):
        rules += [{**_matched(one, [spare]), "backendRefs": _backends(split)} for one in front["rules"]]
    spec = {**front, "rules": rules}
    return {"apiVersion": _API, "kind": kind.name, "metadata": metadata, "spec": spec}


def _rules(users: Iterable[Json], kind: RouteKind, split: Split) -> list[Json]:
    """The user's rules with their backends, and behind them, where there is one, those of the cohort.

    More headers win wherever a rule stands. But Envoy Gateway names what it sends to by the rule's place: a rule that
    moves is answered with 500 until Envoy knows the new name (some ms, seen), so those of the users never move.
    """
    written = list(users)
    return [*(_for_users(one, split) for one in written), *(new for one in written for new in _added(one, kind, split))]


def _added(users: Json, kind: RouteKind, split: Split) -> Iterator[Json]:
    """What a split brings in behind a rule of the users'."""
    if split.matched is not None:
        revision, headers = split.matched
        yield _for_headers(users, revision, [(one.name, one.value) for one in headers])
    if split.mirrored is not None and kind.names_copied:
        revision, _ = split.mirrored
        yield _for_headers(users, revision, [(meta.HEADER_REVISION, revision)])  # which nobody sends


def _for_users(users: Json, split: Split) -> Json:
    rule: Json = {**users, "backendRefs": _backends(split)}
    if split.mirrored is not None:
        copied, percent = split.mirrored
        mirror = {"backendRef": {"name": copied, "port": 80}, "percent": percent}
        rule["filters"] = [{"type": "RequestMirror", "requestMirror": mirror}]
    return rule


def _for_headers(users: Json, revision: str, headers: Iterable[tuple[str, str]]) -> Json:
    return {**_matched(users, headers), "backendRefs": [_backend(revision, 100)]}


def _matched(users: Json, headers: Iterable[tuple[str, str]]) -> Json:
    """The matches of a rule of the users', for requests with these headers alone."""
    wanted = [{"type": "Exact", "name": name, "value": value} for name, value in headers]
    return {"matches": [{**match, "headers": wanted} for match in users["matches"]]}


def rehearsal_name(rollout: str) -> str:
    """The name of the route by which new rules are tried; no Rollout's name has a dot."""
    return f"{rollout}.rehearsal"


def rehearsed_rules(gateway: GatewayApi, split: Split, token: str) -> tuple[Json, ...]:
    """What users are to meet anew with this split, for requests with the token alone; answers have it too."""
    kind = kind_of(gateway)
    users, *added = _rules([{"matches": [kind.match(gateway.served[0].matches[0])]}], kind, split)
    return tuple(_private(one, token) for one in ([users] if split.mirrored or not added else []) + added)


def _private(rule: Json, token: str) -> Json:
    private = {"type": "Exact", "name": meta.HEADER_REHEARSAL, "value": token}
    matches = [{**match, "headers": [*match.get("headers", ()), private]} for match in rule["matches"]]
    backends = [{**one, "filters": [_mark(one["name"], token)]} for one in rule["backendRefs"]]
    return {**rule, "matches": matches, "backendRefs": backends}


def rehearsal_route(rollout: RolloutFacts, spec: RolloutSpec, rules: Iterable[Json]) -> Json:
    """A route of its own for rules that are tried: a gateway that rejects it leaves that of the users alone.

    It goes with the Rollout, whatever becomes of the rest.
    """
    gateway = spec.traffic.gateway
    metadata: Json = {
        "name": rehearsal_name(rollout.name),
        "namespace": rollout.namespace,
        "labels": {meta.LABEL_ROLLOUT: rollout.name, meta.LABEL_MANAGED_BY: "crossfade"},
        "ownerReferences": [owner(rollout)],
    }
    parents = [ref.to_json() for ref in gateway.parent_refs]
    body = {"parentRefs": parents, "hostnames": list(gateway.hostnames), "rules": list(rules)}
    return {"apiVersion": _API, "kind": kind_of(gateway).name, "metadata": metadata, "spec": body}


def is_cohort(rule: Mapping[str, Any]) -> bool:
    """Whether a rule of a managed route is one that only requests with certain headers meet."""
    matches = rule.get("matches", ())
    return bool(matches) and all("headers" in match for match in matches)


def _backends(split: Split) -> list[Json]:
    return [_backend(*share) for share in split.weights.items()]


def _backend(revision: str, weight: int) -> Json:
    """Without a filter of its own: Envoy Gateway makes an Envoy cluster of each backend that has one, and answers with
    500 until Envoy has it. Backends without are one cluster, and an arm more is but more endpoints (docs/gateways.md).
    """
    return {"name": revision, "port": 80, "weight": weight}


def _mark(revision: str, token: str) -> Json:
    said = {meta.HEADER_REVISION: revision, meta.HEADER_REHEARSAL: token}
    marked = {"set": [{"name": name, "value": value} for name, value in said.items()]}
    return {"type": "ResponseHeaderModifier", "responseHeaderModifier": marked}


def is_live(desired: Json, live: RouteFacts | None) -> bool:
    """Whether the stored route says what is desired; labels of others beside ours are theirs."""
    return (
        live is not None
        and covers(desired["spec"], live.spec, "spec")
        and desired["metadata"]["labels"].items() <= live.labels.items()
    )


_SERVICE = {"group": "", "kind": "Service"}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "parentRefs": {"group": "gateway.networking.k8s.io", "kind": "Gateway"},
    "backendRefs": _SERVICE,
    "backendRef": _SERVICE,
}
"""What the API server adds to what we write, by the field that it is in. All other fields with a default we write."""


def covers(desired: Any, live: Any, field: str = "") -> bool:
    """`live`, the value of this field, is `desired` but for what the API server adds; lists are compared item by item.

    What anybody else adds changes the meaning, and goes when the list that it is in is written again. Beside the lists
    of a `spec` that is not so: its fields are owned one by one, and we name all that matter.
    """
    if desired == live:  # most often, and quickly known
        return True
    if isinstance(desired, Mapping):
        if not isinstance(live, Mapping):
            return False
        added, defaults = live.keys() - desired.keys(), _DEFAULTS.get(field, {})
        if field != "spec" and not all(k in defaults and live[k] == defaults[k] for k in added):
            return False
        return all(k in live and covers(v, live[k], k) for k, v in desired.items())
    if isinstance(desired, list):
        one_by_one = isinstance(live, list) and len(desired) == len(live)
        return one_by_one and all(covers(one, other, field) for one, other in zip(desired, live, strict=True))
    return False


def unacknowledged(snapshot: Snapshot, live: RouteFacts) -> str | None:
    """The sentence that says which parent has not taken the stored route yet; None when every one has.

    Only the parents that the route names count: entries of former parents stay in its status for ever.
    """
    home = snapshot.rollout.namespace
    for ref in live.spec.get("parentRefs", ()):
        where = f"{ref.get('kind', 'Gateway')} {ref.get('namespace', home)}/{ref['name']}"
        said = heard(snapshot, live, ref)
        if not said:
            return f"{where} has not looked at the route yet{_why_unheard(snapshot, live, ref)}"
        if not any(took(one, live.generation) for one in said):
            message = next((one.message for one in said if one.message), "")
            return f"{where} has not accepted generation {live.generation} of the route" + (
                f": {message}" if message else ""
            )
    return None


def rejected(snapshot: Snapshot, live: RouteFacts) -> str | None:
    """The sentence that says which parent has looked at the stored route and will not have it; None when none has."""
    for ref in live.spec.get("parentRefs", ()):
        said = [one for one in heard(snapshot, live, ref) if one.observed_generation >= live.generation]
        if said and all(not one.accepted or one.partially_invalid for one in said):
            parent = said[0]
            return f"{parent.kind} {parent.namespace}/{parent.name} says {parent.message or 'no more than that'}"
    return None


def heard(snapshot: Snapshot, live: RouteFacts, ref: Mapping[str, Any]) -> tuple[ParentFacts, ...]:
    """What counts of all that is said of a parent that the route names.

    Who served a Gateway before it was given another class leaves what he said in the status for ever. So only the
    controller of its class counts; while that is not known, and of a Service, which has no class, who looked last: what
    was written since the Gateway is another's, nobody else has looked at.
    """
    said = _said_of(snapshot, live, ref)
    controller = _controller(snapshot, ref)
    if controller:
        return tuple(one for one in said if one.controller == controller)
    last = max((one.observed_generation for one in said), default=0)
    return tuple(one for one in said if one.observed_generation == last)


def _why_unheard(snapshot: Snapshot, live: RouteFacts, ref: Mapping[str, Any]) -> str:
    if not _said_of(snapshot, live, ref):
        return "; does it exist, and may it take routes from here?"
    controller = _controller(snapshot, ref)
    return f": what its status has is not of {controller}, the controller of the Gateway's class"


def _controller(snapshot: Snapshot, ref: Mapping[str, Any]) -> str:
    """Whose the Gateway is, by its class; empty where that was not read lately, and of what is no Gateway."""
    if ref.get("kind", "Gateway") != "Gateway":
        return ""
    known = read_lately(snapshot).get((ref.get("namespace", snapshot.rollout.namespace), ref["name"]))
    return known.controller if known else ""


def _said_of(snapshot: Snapshot, live: RouteFacts, ref: Mapping[str, Any]) -> list[ParentFacts]:
    place = (
        ref.get("kind", "Gateway"),
        ref.get("namespace", snapshot.rollout.namespace),
        ref["name"],
        ref.get("sectionName"),
        ref.get("port"),
    )
    return [one for one in live.parents if (one.kind, one.namespace, one.name, one.section_name, one.port) == place]


def took(parent: ParentFacts, generation: int) -> bool:
    """Whether it has taken the route of this generation, all of it."""
    current = parent.observed_generation >= generation
    return current and parent.accepted and parent.resolved_refs and not parent.partially_invalid
