"""What speaks against the front that a spec asks for: requests that others have, Gateways that refuse the route."""

from collections.abc import Sequence

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.gateway import GatewayApi, ParentRef
from crossfade.decide.entrances import host_of, is_meant
from crossfade.decide.plan import Situation, Standing
from crossfade.decide.reading import read_lately
from crossfade.decide.route_kinds import kind_of
from crossfade.model.gateway import GatewayFacts, Listener
from crossfade.model.route import RouteFacts
from crossfade.model.snapshot import Snapshot

_API = "spec.traffic.gatewayAPI"
_TAKES_ROUTES = frozenset({"HTTP", "HTTPS"})


def objection(snapshot: Snapshot) -> Situation | None:
    """Why the spec's front cannot serve as it is asked for; None when nothing is known to speak against it."""
    return clash(snapshot) or refusal(snapshot)


def clash(snapshot: Snapshot) -> Situation | None:
    """Who else has requests that the spec asks for. The elder route gets them all, so this one would get none."""
    if snapshot.left_behind is not None:
        return Situation(Standing.FAILED, Reason.HOST_TAKEN, _left_behind(snapshot, snapshot.left_behind))
    if not snapshot.rivals:
        return None
    first, others = snapshot.rivals[0], len({str(one) for one in snapshot.rivals}) - 1
    behind = f"Gateway {first.wanted.namespace}/{first.wanted.gateway}"
    also = f" ({others} more like it)" if others else ""
    message = (
        f"`{_API}` asks for {first.wanted} behind {behind}, which {first}{also} had before: a gateway gives them to the"
        f" elder route alone. Take another host, path or `sectionName`, or take it away there"
    )
    return Situation(Standing.FAILED, Reason.HOST_TAKEN, message)


def _left_behind(snapshot: Snapshot, route: RouteFacts) -> str:
    name = snapshot.rollout.name
    way = f"HTTPRoute {snapshot.adoption.route}" if snapshot.adoption else f"the Service {name}"
    return (
        f"{route.kind} {name}, which Crossfade made for an earlier Rollout of this name, still leads to"
        f" {', '.join(sorted(route.reached)) or 'nobody'}, past {way}: the weights that are asked for would not reach"
        f" its clients. Its pods stay, and no version is rolled out. Delete {route.kind} {name} when its clients are"
        f" served by {way}"
    )


def refusal(snapshot: Snapshot) -> Situation | None:
    """Which Gateway would not take the route, by what was read of it lately; None where that is not known."""
    spec, home = snapshot.rollout.spec, snapshot.rollout.namespace
    api = spec.traffic.gateway_api if spec else None
    found = read_lately(snapshot)
    for at, ref in enumerate(api.parent_refs if api else ()):
        gateway = found.get((ref.namespace or home, ref.name))
        if gateway is None or api is None:
            continue
        place = f"`{_API}.parentRefs[{at}]`"
        if gateway.absent:
            message = f"{place} names {gateway}: {gateway.absent}. Create it, or name another Gateway"
            return Situation(Standing.IN_PROGRESS, Reason.WAITING_FOR_GATEWAY, message)
        if not gateway.trouble and (why := refused(gateway, ref, api, home, place)) is not None:
            return Situation(Standing.FAILED, Reason.NOT_ADMITTED, why)
    return None


def refused(gateway: GatewayFacts, ref: ParentRef, api: GatewayApi, home: str, place: str) -> str | None:
    """Why the Gateway would not take the route of a Rollout in `home`; `place` is how sentences call the parent."""
    kind, meant = kind_of(api).name, [one for one in gateway.listeners if is_meant(ref, one)]
    if not meant:
        asked = [f"`sectionName: {ref.section_name}`"] if ref.section_name else []
        asked += [f"`port: {ref.port}`"] if ref.port else []
        there = ", ".join(f"{one.name} ({one.port})" for one in gateway.listeners) or "none"
        return f"{place} asks for a listener with {' and '.join(asked)}, and {gateway} has only: {there}"
    able = [one for one in meant if one.protocol in _TAKES_ROUTES and one.takes(kind)]
    if not able:
        return f"{place} names {gateway}, and {_listed(meant)} no {kind}: name one that does"
    open_here = [one for one in able if one.admits != "None" and (one.admits != "Same" or gateway.namespace == home)]
    if not open_here:
        return (
            f"{place} names {gateway}, and {_listed(able)} no route of the namespace {home}: its"
            f" `allowedRoutes.namespaces.from` is `{able[0].admits}`; let it admit {home}, or name another Gateway"
        )
    if api.hostnames and not any(host_of(one.hostname, api.hostnames, "") for one in open_here):
        served = ", ".join(f"{one.name} {one.hostname}" for one in open_here)
        return (
            f"`{_API}.hostnames` are {', '.join(api.hostnames)}, and no listener of {gateway} that this route may use"
            f" serves one of them: {served}"
        )
    return None


def _listed(listeners: Sequence[Listener]) -> str:
    names = ", ".join(one.name for one in listeners)
    return f"its listener {names} takes" if len(listeners) == 1 else f"its listeners {names} take"
