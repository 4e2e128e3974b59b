"""States in which one arm serves, or in which nothing may move: settled, superseded, holding."""

from dataclasses import replace
from math import inf

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import Arm, RolloutStatus
from crossfade.decide.apportion import apportioned
from crossfade.decide.capacity import carried, is_relieved, resting, settling
from crossfade.decide.children import answers, counted, finalizer, leftovers, removal, roles, upheld, waiting_arm
from crossfade.decide.counting import is_fresh
from crossfade.decide.draining import kept_seconds, undrained
from crossfade.decide.front import turned_away
from crossfade.decide.going_back import goes_back
from crossfade.decide.plan import Action, Plan, Preparation, Situation, Standing
from crossfade.decide.previous import kept
from crossfade.decide.records import ended, outcome
from crossfade.decide.shapes import Split, alone, asked_for
from crossfade.decide.shrinking import lacks_pods, matched
from crossfade.decide.slots import revisions_of
from crossfade.decide.starting import unlisted
from crossfade.decide.traffic import traffic_of
from crossfade.model.moments import moment
from crossfade.model.route import RouteFacts
from crossfade.model.snapshot import Snapshot

_BY_OTHERS = (Reason.ROUTE_INVALID, Reason.ROUTE_CONTESTED)
"""What keeps a route from being written until somebody else does something."""
_ROUNDING = 0.01
"""A smaller share counts for nothing here: sums of them are not exact."""


def settle(
    snapshot: Snapshot,
    stable: Arm,
    *,
    sticky: bool = False,
    otherwise: Situation | None = None,
    beside: Arm | None = None,
) -> Plan:
    """One arm serves all: keep the route there, remove every other revision but `beside` once they have drained, the
    version before when its time is over.

    `sticky` when what the spec asks for was rolled back; `otherwise` is what to say when it asks for something that is
    not known yet.
    """
    rollout, spec = snapshot.rollout, snapshot.rollout.spec
    stable = resting(snapshot, counted(snapshot, stable))
    route = traffic_of(snapshot).writes(snapshot, alone(stable.revision)) if spec or snapshot.route else ()
    slots = () if route else traffic_of(snapshot).backends(snapshot, stable)
    rest = traffic_of(snapshot).leftover(snapshot, alone(stable.revision)) if spec or snapshot.route else None
    moving = route or slots or _last_ready(snapshot, stable)
    left = inf if moving else max(undrained(snapshot), kept_seconds(snapshot))
    before = kept(snapshot)
    keep = roles(snapshot, stable, *((beside,) if beside else ()))
    gone = leftovers(snapshot, keep)
    waits = beside is not None and beside.revision in snapshot.revisions
    clean = (*removal(snapshot, keep), *finalizer(rollout, wanted=waits or before is not None))
    if rest or (gone and left):
        clean = ()
    children = (*upheld(snapshot, stable), *slots, *waiting_arm(snapshot, rollout.status.candidate))
    waiting = _waiting(snapshot, alone(stable.revision), route)
    ends = (
        left if gone else 0.0,
        settling(snapshot) if stable.floor else 0.0,
        moment(before.until) - snapshot.now if before else 0.0,
        rest.wait if rest else 0.0,
    )
    return Plan(
        status=_settled_status(snapshot, stable, sticky=sticky),
        situation=_settled(snapshot, stable, waiting or _told(rest), otherwise, sticky=sticky),
        first=(*route, *(rest.actions if rest else ()), *children, *clean),
        available=stable.ready > 0 and waiting is None,
        look_again=min((end for end in ends if 0 < end < inf), default=None),
    )


def _told(rest: Preparation | None) -> Situation | None:
    """What is left to do, if anything is."""
    return Situation(Standing.IN_PROGRESS, rest.reason, rest.message) if rest else None


def _last_ready(snapshot: Snapshot, stable: Arm) -> bool:
    """Whether others could still answer and the stable arm cannot."""
    return stable.ready == 0 and any(found.ready for found in snapshot.revisions.values())


def _settled_status(snapshot: Snapshot, stable: Arm, *, sticky: bool) -> RolloutStatus:
    status, candidate = snapshot.rollout.status, snapshot.rollout.status.candidate
    update = {"stable": stable, "candidate": None, "stage": None, "traffic": None}
    if candidate is None:
        return status.model_copy(update=update)
    message = f"{candidate.model_version} was given up: the spec asks for another version again"
    done = ended(status, stable, outcome(snapshot, candidate, "Superseded", "SpecChanged", message))
    # what made the asked for version stick must go on doing so
    return done.model_copy(update={"outcome": status.outcome}) if sticky else done


def _waiting(snapshot: Snapshot, wanted: Split, route: tuple[Action, ...]) -> Situation | None:
    """Why what is wanted is not served by every gateway yet; `route` is what is written for it now."""
    traffic = traffic_of(snapshot)
    if (trouble := traffic.trouble(snapshot, wanted)) is not None:
        return trouble
    said = "the route is being written" if route else traffic.untaken(snapshot)
    return Situation(Standing.IN_PROGRESS, Reason.WAITING_FOR_GATEWAY, said) if said else None


def _settled(
    snapshot: Snapshot, stable: Arm, waiting: Situation | None, otherwise: Situation | None, *, sticky: bool
) -> Situation:
    end = snapshot.rollout.status.outcome
    if sticky and end is not None:
        reason = Reason.ABORTED if end.result == "Aborted" else Reason.ROLLED_BACK
        return Situation(Standing.FAILED, reason, end.message)
    if otherwise is not None:
        return otherwise
    if (why := turned_away(snapshot)) is not None:
        return replace(why, message=f"{why.message}; {stable.model_version} serves as before")
    if waiting is not None:
        return waiting
    if stable.ready == 0:
        message = f"{stable.model_version} serves no request: 0 of {stable.replicas} pods ready"
        message += unlisted(snapshot.revisions.get(stable.revision))
        return Situation(Standing.IN_PROGRESS, Reason.NOT_SERVING, message)
    return Situation(Standing.DONE, Reason.PROMOTED, f"{stable.model_version} serves all requests")


def supersede(snapshot: Snapshot, stable: Arm, candidate: Arm) -> Plan:
    """Another candidate is asked for: this one loses its traffic, then its pods, then the next one starts."""
    rollout = snapshot.rollout
    route = traffic_of(snapshot).writes(snapshot, alone(stable.revision))
    waiting = _waiting(snapshot, alone(stable.revision), route)
    asked = rollout.spec.model_version if rollout.spec else "another version"
    message = f"{candidate.model_version} makes way for {asked}"
    draining = Situation(Standing.IN_PROGRESS, Reason.DRAINING, message)
    status = rollout.status.model_copy(update={"stable": counted(snapshot, stable), "stage": None, "traffic": None})
    if waiting is None:
        status = ended(
            status, counted(snapshot, stable), outcome(snapshot, candidate, "Superseded", "SpecChanged", message)
        )
    return Plan(
        status=status,
        situation=waiting if waiting and waiting.reason in _BY_OTHERS else draining,
        first=(*route, *finalizer(rollout, wanted=True)),
        then=upheld(snapshot, counted(snapshot, stable)),
        available=serves(snapshot, stable),
        look_again=None if waiting else 0.0,
    )


def hold(snapshot: Snapshot, stable: Arm | None, situation: Situation, beside: Arm | None = None) -> Plan:
    """What the spec asks for is not known, so nothing moves forward; what serves is kept serving.

    Pods of `beside`, if there are any, have been started already and stay.
    """
    rollout, candidate = snapshot.rollout, snapshot.rollout.status.candidate
    if stable is None:
        return Plan(status=rollout.status, situation=situation)
    if candidate is None:
        return settle(snapshot, stable, otherwise=situation, beside=beside)
    stable, candidate = counted(snapshot, stable), counted(snapshot, candidate)
    if rollout.spec is not None:
        stable = matched(snapshot, rollout.spec, stable, candidate)
    traffic = None if is_relieved(snapshot, stable, candidate) else rollout.status.traffic
    route = traffic_of(snapshot).backends(snapshot, stable)
    if not route and (rollout.spec is not None or snapshot.route is not None):
        asked = carried(snapshot, stable, candidate, asked_for(traffic))
        route = repair(snapshot, apportioned(snapshot, stable, candidate, asked), candidate)
    return Plan(
        status=rollout.status.model_copy(update={"stable": stable, "candidate": candidate, "traffic": traffic}),
        situation=situation,
        first=(*route, *finalizer(rollout, wanted=True)),
        then=upheld(snapshot, stable, candidate),
        available=serves(snapshot, stable),
    )


def repair(snapshot: Snapshot, wanted: Split, candidate: Arm, *, insist: bool = False) -> tuple[Action, ...]:
    """Undo drift of the route, as far as that is held back by nothing (`is_held_back`): then stable has what others led
    elsewhere, or nowhere. What somebody answers now is not taken to where nobody would."""
    if snapshot.rollout.spec is None and snapshot.route is None:
        return ()  # nothing says which route there should be
    if is_held_back(snapshot, wanted, candidate):
        meanwhile = _meanwhile(snapshot, wanted, candidate)
        if meanwhile is None:
            return ()
        wanted = meanwhile
    if _takes_from_who_answers(snapshot, wanted):
        return ()
    traffic = traffic_of(snapshot)
    return traffic.insists(snapshot, wanted) if insist else traffic.writes(snapshot, wanted)


def is_held_back(snapshot: Snapshot, wanted: Split, candidate: Arm) -> bool:
    """Whether the candidate may not be given as much now. More than the route gives it needs metrics and a pod that
    answer: an operator that was killed between taking traffic away and saying so must not give it back on start. The
    way back waits for no metrics, nor does what others led elsewhere, and stable has too few pods to carry."""
    judged = is_fresh(snapshot.evidence, snapshot.now) or goes_back(snapshot, candidate.revision)
    able = (judged or _is_nobody_elses(snapshot, candidate)) and answers(snapshot, candidate)
    return not able and _raises(snapshot.route, wanted, candidate.revision)


def _is_nobody_elses(snapshot: Snapshot, candidate: Arm) -> bool:
    """Whether requests get elsewhere, and stable, made smaller, could not carry all of them instead."""
    stable = snapshot.rollout.status.stable
    return stable is not None and lacks_pods(snapshot) and _leads_elsewhere(snapshot, stable, candidate)


def _meanwhile(snapshot: Snapshot, wanted: Split, candidate: Arm) -> Split | None:
    """What is given until then: all to stable, where others led requests elsewhere; what was, where the route is gone
    and the candidate alone could answer; None to leave it as it is."""
    stable = snapshot.rollout.status.stable
    if stable is None or not _leads_elsewhere(snapshot, stable, candidate):
        return None
    if answers(snapshot, stable):
        return alone(stable.revision)
    return wanted if snapshot.route is None and answers(snapshot, candidate) else None


def _takes_from_who_answers(snapshot: Snapshot, wanted: Split) -> bool:
    """Whether fewer of the users' requests, or none of a cohort's, would find a ready pod than do now. Copies count
    as a cohort's: the facts of a stored route do not tell which they are."""
    live, able = snapshot.route, {revision for revision, found in snapshot.revisions.items() if found.ready}
    if live is None or not live.weights:
        return False
    if (live.reached - live.weights.keys()) & able and not wanted.reached & able:
        return True
    return sum(map(live.share, able)) > sum(map(wanted.share, able)) + _ROUNDING


def _raises(route: RouteFacts | None, wanted: Split, revision: str) -> bool:
    """Whether more requests, or the first copies, would get to the revision."""
    if revision not in wanted.reached:
        return False
    return route is None or revision not in route.reached or wanted.share(revision) > route.share(revision)


def _leads_elsewhere(snapshot: Snapshot, *arms: Arm) -> bool:
    """Whether requests, or copies, get to anybody but the arms, or none gets to anybody."""
    live = snapshot.route
    if live is None or not live.weights:
        return True
    return not revisions_of(snapshot.rollout.status, live.reached) <= {arm.revision for arm in arms}


def serves(snapshot: Snapshot, stable: Arm | None) -> bool:
    """Whether requests are answered by the stable arm."""
    return snapshot.route is not None and answers(snapshot, stable)
