"""A route that is stored and that a gateway does not take: that is waited for, and after a while it is a standstill."""

from dataclasses import replace
from math import inf

from crossfade.api.conditions import Reason
from crossfade.decide.plan import Event, Plan, Situation, Standing
from crossfade.decide.traffic import traffic_of
from crossfade.model.route import RouteFacts
from crossfade.model.snapshot import Snapshot

PATIENCE_SECONDS = 120.0
"""Traefik and Envoy Gateway took every route within two seconds (docs/gateways.md); a controller that has to be started
first, or to be elected, takes longer."""

_WAITS_FOR_IT = (Reason.WAITING_FOR_GATEWAY, Reason.DRAINING, Reason.WAITING_FOR_CAPACITY)
"""Pods go only once a route without them is taken, and may be the room that others wait for."""


def patience(route: RouteFacts, now: float) -> float:
    """For how many seconds from now it is no wonder that the route is not taken; infinite when it is not known since
    when it is stored."""
    return inf if route.written_at is None else max(route.written_at + PATIENCE_SECONDS - now, 0.0)


def given_notice(snapshot: Snapshot, plan: Plan) -> Plan:
    """The plan, which is a standstill once it waited too long for a gateway.

    It heals by itself when the route is taken; what is given stays until then, and people may abort.
    """
    live, said = snapshot.route, plan.situation
    if live is None or snapshot.rollout.deleting or said.standing is not Standing.IN_PROGRESS:
        return plan
    untaken = traffic_of(snapshot).untaken(snapshot)
    if said.reason not in _WAITS_FOR_IT or untaken is None:
        return plan
    left = patience(live, snapshot.now)
    if left:
        again = left if plan.look_again is None else min(left, plan.look_again)
        return plan if left == inf else replace(plan, look_again=again)
    waits = said.message if said.reason is Reason.WAITING_FOR_GATEWAY else f"{said.message}: {untaken}"
    message = f"{waits}. That lasts for more than {PATIENCE_SECONDS:.0f} s: look at the gateway's controller"
    stuck = Situation(Standing.FAILED, Reason.NOT_ACKNOWLEDGED, message)
    return replace(plan, situation=stuck, events=(*plan.events, Event(stuck.reason, message, warning=True)))
