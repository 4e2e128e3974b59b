"""Stable is whole again: what another version took over while it could not answer is judged from now on, or ends."""

from dataclasses import replace

from crossfade.decide.onward import enter
from crossfade.decide.plan import Event, Plan
from crossfade.decide.shapes import alone
from crossfade.decide.stages import step_at
from crossfade.decide.starting import waiting
from crossfade.decide.traffic import traffic_of
from crossfade.decide.way import Way


def relieve(way: Way) -> Plan:
    """The first stage, if it can begin; or else everything goes back to stable, for it may be for long that it cannot,
    and no data is never success. Intent is recorded first, so that a kill gives nothing again."""
    on = enter(way, step_at(way.spec, 0)) if way.is_backed else _unbacked(way)
    if on.status.stage is not None:
        return on
    given, stable = way.told(way.given), way.stable
    message = f"{on.situation.message}; {stable.model_version} has all its pods again and takes back {given}"
    return replace(
        way.plan(on.situation.reason, message, traffic=None),
        then=traffic_of(way.snapshot).writes(way.snapshot, alone(stable.revision)),
        events=(Event(on.situation.reason, message),),
    )


def _unbacked(way: Way) -> Plan:
    """Requests do not find it, whatever the route says."""
    return way.plan(*waiting(way.candidate, way.snapshot.revisions.get(way.candidate.revision), way.needs))
