"""A candidate that took over, unjudged, what another had while stable could not answer, until stable is whole again."""

from dataclasses import replace

from crossfade.api.conditions import Reason
from crossfade.decide.onward import enter
from crossfade.decide.plan import Event, Plan
from crossfade.decide.settle import repair
from crossfade.decide.shapes import alone, given_by
from crossfade.decide.stages import step_at
from crossfade.decide.starting import waiting
from crossfade.decide.state import sure
from crossfade.decide.traffic import traffic_of
from crossfade.decide.way import Way, waits


def relieve(way: Way) -> Plan:
    """The first stage, if it can begin; or else everything goes back to stable, for it may be for long that it cannot,
    and no data is never success. Intent is recorded first, so that a kill gives nothing again."""
    on = enter(way, step_at(way.spec, 0)) if way.is_backed else way.plan(*_missing(way))
    if on.status.stage is not None:
        return on
    given, stable = way.told(way.given), way.stable
    message = f"{on.situation.message}; {stable.model_version} has all its pods again and takes back {given}"
    return replace(
        way.plan(on.situation.reason, message, traffic=None),
        then=traffic_of(way.snapshot).writes(way.snapshot, alone(stable.revision)),
        events=(Event(on.situation.reason, message),),
    )


def stand_in(way: Way) -> Plan:
    """It keeps what its ready pods carry, and stable, as far as it can, has the rest; both are on record."""
    snapshot, given, less = way.snapshot, way.given, way.carried(way.given)
    known, kept = sure(snapshot.rollout.status.traffic), repair(snapshot, way.split(way.given), way.candidate)
    why = waits(way, step_at(way.spec, 0)) if way.ready else None
    reason, message = why or _missing(way)
    late = not kept and not traffic_of(snapshot).says(snapshot, way.split(given))
    reduced = known.reduced if late else None if less == given else less.weight
    traffic = known.model_copy(update={"given": way.intent(given, 0).given, "reduced": reduced})
    if reduced is not None:
        message = f"{message}; it gets {given_by(traffic)} of the requests instead of {given}"
    told: tuple[Event, ...] = ()
    if reduced != known.reduced:
        fewer = reduced is not None
        again = f"{way.candidate.model_version} is to get {way.told(given)} again, for its pods are ready"
        told = (Event(Reason.WAITING_FOR_CAPACITY if fewer else Reason.SHIFTING, message if fewer else again, fewer),)
    end = None if way.ready else way.deadline
    return replace(
        way.plan(reason, message, traffic=traffic),
        first=kept,
        events=told,
        look_again=max(min(end.at - snapshot.now, 10.0), 1.0) if end else 10.0,
    )


def _missing(way: Way) -> tuple[Reason, str]:
    """What its missing pods, or requests that do not find them, wait for."""
    found, end = way.snapshot.revisions.get(way.candidate.revision), way.deadline
    return waiting(way.candidate, found, way.needs, f" for {way.given}", end.at if end else None)
