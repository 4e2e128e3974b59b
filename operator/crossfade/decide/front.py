"""What of a route users meet (parents, hosts, matches): as the spec asks, unless that would take them away from it."""

from collections.abc import Iterator, Mapping
from typing import Any

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import RolloutSpec
from crossfade.decide.admission import clash, objection, refusal
from crossfade.decide.plan import Situation, Standing
from crossfade.decide.reading import is_read
from crossfade.decide.route_kinds import KINDS, RouteKind, kind_of
from crossfade.decide.routes import covers, heard, is_cohort, rejected, took
from crossfade.decide.spare import has_place, needs_spare
from crossfade.model.route import RouteFacts
from crossfade.model.snapshot import Snapshot

Json = dict[str, Any]


def front_of(snapshot: Snapshot) -> tuple[RouteKind, Json]:
    """The kind of route, and of its spec `parentRefs`, `hostnames`, and `rules` with their matches alone.

    What is stored stays while nothing is known of what the spec asks for instead, or something speaks against it. A
    Gateway that is left for another keeps the route until the other one has taken it. Rules neither come nor go while a
    cohort may meet one behind them. Raises ValueError when there is neither a spec nor a route.
    """
    spec, live = snapshot.rollout.spec, snapshot.route
    if live is not None and (spec is None or live.kind != kind_of(spec.traffic.gateway_api).name or _stays(snapshot)):
        return KINDS[live.kind], stored_front(live.spec)
    if spec is None:
        raise ValueError("a route can be rendered neither from a spec nor from a live route")
    asked = asked_front(spec)
    if live is not None and rules_wait(snapshot):
        asked["rules"] = stored_front(live.spec)["rules"]
    return kind_of(spec.traffic.gateway), {**asked, "parentRefs": [*asked["parentRefs"], *_kept(snapshot, asked)]}


def moves(snapshot: Snapshot) -> bool:
    """Whether the spec asks for another front than the stored route has."""
    spec, live = snapshot.rollout.spec, snapshot.route
    if snapshot.adoption is not None:  # its owner's
        return False
    if spec is None or live is None or live.is_service or spec.traffic.gateway_api is None:
        return False
    return not covers(asked_front(spec), stored_front(live.spec), "spec")


def rules_wait(snapshot: Snapshot) -> bool:
    """Whether more rules are asked for, or fewer, than are stored, and cohorts may still meet those behind them, which
    would come and go too. What others changed waits for nothing, nor does what a gateway will not have."""
    spec, live = snapshot.rollout.spec, snapshot.route
    if spec is None or live is None or not moves(snapshot) or _stays(snapshot):
        return False
    stored, known = stored_front(live.spec)["rules"], snapshot.rollout.status.route
    by_others = known is not None and live.ours > 0 and live.generation > max(known.generation, live.ours)
    waits = needs_spare(snapshot) and has_place(live) and not by_others
    return waits and len(stored) != len(asked_front(spec)["rules"]) and rejected(snapshot, live) is None


def turned_away(snapshot: Snapshot) -> Situation | None:
    """Why users do not meet the front that the spec asks for, or might not, while one version serves them all."""
    if (why := clash(snapshot)) is not None or not moves(snapshot):
        return why
    if is_read(snapshot):
        return refusal(snapshot)
    message = "the route stays as it is until the Gateways of `spec.traffic.gatewayAPI.parentRefs` have been read"
    return Situation(Standing.IN_PROGRESS, Reason.WAITING_FOR_GATEWAY, message)


def asked_front(spec: RolloutSpec) -> Json:
    """As the spec has it. No hosts are named too: an apply takes away nothing that it leaves out."""
    api = spec.traffic.gateway
    rules = [{"matches": [kind_of(api).match(match) for match in one.matches]} for one in api.served]
    parents = [ref.to_json() for ref in api.parent_refs]
    return {"parentRefs": parents, "hostnames": list(api.hostnames), "rules": rules}


def stored_front(spec: Mapping[str, Any]) -> Json:
    """As a stored route has it: its users' rules with their matches alone. Others may have left out either."""
    rules = [{"matches": one.get("matches", [])} for one in spec.get("rules", ()) if not is_cohort(one)]
    return {**spec, "rules": rules}


def _stays(snapshot: Snapshot) -> bool:
    return moves(snapshot) and (not is_read(snapshot) or objection(snapshot) is not None)


def _kept(snapshot: Snapshot, front: Json) -> Iterator[Json]:
    """Parents that serve the route and are not asked for any more, while one that is asked for has not taken it."""
    live, home, asked = snapshot.route, snapshot.rollout.namespace, front["parentRefs"]
    if live is None or all(_said(snapshot, live, ref, took_now=True) for ref in asked):
        return
    for ref in live.spec.get("parentRefs", ()):
        left = not any(covers(one, ref, "parentRefs") for one in asked)
        if left and all(_fits(ref, one, home) for one in asked) and _said(snapshot, live, ref, took_now=False):
            yield ref


def _said(snapshot: Snapshot, live: RouteFacts, ref: Json, *, took_now: bool) -> bool:
    """Whether a parent has taken the route as it is stored, or as it once was."""
    generation = live.generation if took_now else 0
    return any(took(one, generation) for one in heard(snapshot, live, ref))


def _fits(ref: Json, asked: Json, home: str) -> bool:
    """Whether both may be in one route: of one Gateway, the API takes either the whole or different listeners."""
    if (ref["name"], ref.get("namespace", home)) != (asked["name"], asked.get("namespace", home)):
        return True
    sections = ref.get("sectionName"), asked.get("sectionName")
    return None not in sections and sections[0] != sections[1]
