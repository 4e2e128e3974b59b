"""Who wants which requests, by Gateway, host and path or call: a clash is found without comparing all with all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from crossfade.model.claim import Door, Rank, Rival, Wanted
from crossfade.observe.cache import Change
from crossfade.ports import ROUTES, Object

_ROUTES = tuple(kind.kind for kind in ROUTES)
_GRPC = "GRPCRoute"
_CONDITIONS = ("headers", "queryParams", "method")
"""A match with one of these is more special than one without, and takes only its own. But `method` of a
GRPCRoute is what its calls have for a path."""

Who = tuple[str, str, str]
"""Kind, namespace and name."""
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Claimant:
    rank: Rank
    claims: Mapping[Wanted, frozenset[Door]]


_NOBODY = _Claimant(Rank(asked_only=True, since="", namespace="", name=""), {})


class Claims:
    """Kept up with the cache's changes; a change costs what its own object claims, and those who claim the same."""

    def __init__(self) -> None:
        self._of: dict[Who, _Claimant] = {}
        self._by: dict[Wanted, set[Who]] = {}

    def take(self, change: Change) -> set[Place]:
        """Take a change in. Returns the other Rollouts for which it may matter."""
        if change.kind not in (*_ROUTES, "Rollout"):
            return set()
        metadata = change.subject["metadata"]
        who = change.kind, metadata["namespace"], metadata["name"]
        before, after = self._of.pop(who, _NOBODY), _read(change.after) if change.after else _NOBODY
        if after.claims:
            self._of[who] = after
        if before == after:
            return set()
        for wanted in before.claims:
            self._by[wanted].discard(who)
            if not self._by[wanted]:
                del self._by[wanted]
        concerned = {
            other for wanted in {**before.claims, **after.claims} for other in self._by.get(wanted, ()) if other != who
        }
        for wanted in after.claims:
            self._by.setdefault(wanted, set()).add(who)
        return {(namespace, name) for kind, namespace, name in concerned if kind == "Rollout"}

    def before(self, rollout: Object) -> tuple[Rival, ...]:
        """Those who come before this Rollout for something that its spec asks for, the first of all first."""
        metadata = rollout["metadata"]
        place = metadata["namespace"], metadata["name"]
        own = _read(rollout)
        route = next((self._of[who] for who in ((kind, *place) for kind in _ROUTES) if who in self._of), _NOBODY)
        found = sorted(
            (self._of[who].rank, who, wanted)
            for wanted, doors in own.claims.items()
            for who in self._by.get(wanted, ())
            if who[1:] != place and _meet(doors, self._of[who].claims[wanted])
            if self._of[who].rank < (route.rank if wanted in route.claims else own.rank)
        )
        return tuple(Rival(*who, wanted) for _, who, wanted in found)


def _meet(some: frozenset[Door], others: frozenset[Door]) -> bool:
    """Whether the others take what comes through some listener. What they lead on, as from http to https, comes again
    through another one, unless they have all."""
    if any(one.meets(other) for one, other in product(some, others) if not other.leads_on):
        return True
    return all(any(other.has_all_of(one) for other in others) for one in some)


def _read(raw: Object) -> _Claimant:
    metadata, asked_only = raw["metadata"], raw["kind"] == "Rollout"
    rank = Rank(asked_only, metadata.get("creationTimestamp", ""), metadata["namespace"], metadata["name"])
    if asked_only and "deletionTimestamp" in metadata:
        return _Claimant(rank, {})
    spec = raw.get("spec", {})
    asked = (spec.get("traffic") or {}).get("gatewayAPI") or {} if asked_only else spec
    paths = set(_calls(asked) if _GRPC in (raw["kind"], asked.get("kind")) else _paths(asked))
    claims: dict[Wanted, frozenset[Door]] = {}
    hosts = asked.get("hostnames") or [""]
    for ref, host, (*path, leads_on) in product(_parents(raw, asked), hosts, paths):
        gateway = ref.get("namespace") or metadata["namespace"], ref.get("name", "")
        wanted = Wanted(*gateway, host, *path)
        door = Door(ref.get("sectionName"), ref.get("port"), leads_on)
        claims[wanted] = claims.get(wanted, frozenset()) | {door}
    return _Claimant(rank, claims)


def _parents(raw: Object, asked: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The Gateways among the parents, but those that have said that they do not take this route."""
    said = raw.get("status", {}).get("parents", ()) if raw["kind"] in _ROUTES else ()
    for ref in asked.get("parentRefs") or ():
        if ref.get("kind", "Gateway") == "Gateway" and not _is_refused(
            [one for one in said if one["parentRef"] == ref]
        ):
            yield ref


def _is_refused(said: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all refuse it who looked last: who served the Gateway before leaves what he said there."""
    accepted = [one for parent in said for one in parent.get("conditions", ()) if one["type"] == "Accepted"]
    last = max((one.get("observedGeneration", 0) for one in accepted), default=0)
    return {one["status"] for one in accepted if one.get("observedGeneration", 0) == last} == {"False"}


def _paths(asked: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Type and value of every path that is wanted whatever else a request has, and whether it is led to another
    listener."""
    for rule in asked.get("rules") or [{}]:
        for match in rule.get("matches") or [{}]:
            if not any(match.get(condition) for condition in _CONDITIONS):
                path = match.get("path") or {}
                yield path.get("type", "PathPrefix"), path.get("value", "/"), _leads_on(rule)


def _leads_on(rule: Mapping[str, Any]) -> bool:
    """Whether it sends every request to the same host and path again, by another scheme or port."""
    redirects = (one.get("requestRedirect") or {} for one in rule.get("filters") or ())
    return any({"scheme", "port"} & one.keys() and not {"hostname", "path"} & one.keys() for one in redirects)


def _calls(asked: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """The same of gRPC calls, by the paths that their requests have; `*` stands for any service or method. None is
    led on: a GRPCRoute cannot redirect."""
    for match in (match for rule in asked.get("rules") or [{}] for match in rule.get("matches") or [{}]):
        if match.get("headers"):
            continue
        call = match.get("method") or {}
        kind, service, method = call.get("type", "Exact"), call.get("service"), call.get("method")
        if not service and not method:
            yield "PathPrefix", "/", False
        elif kind == "Exact" and not method:
            yield "PathPrefix", f"/{service}", False
        else:
            yield kind, f"/{service or '*'}/{method or '*'}", False
