"""Before users meet a new kind of rule, we do: what is asked of the gateways, tried, and made of the answers."""

import hashlib
import json
from dataclasses import dataclass, replace

from crossfade.api import meta
from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import Arm, RolloutSpec
from crossfade.decide import settle
from crossfade.decide.entrances import Entrance, entrances
from crossfade.decide.features import missing
from crossfade.decide.overdue import PATIENCE_SECONDS, patience
from crossfade.decide.plan import Apply, Event, Plan, Situation, Standing, Target
from crossfade.decide.reading import is_read
from crossfade.decide.route_kinds import kind_of
from crossfade.decide.routes import Json, is_live, rehearsal_route, rehearsed_rules, rejected, unacknowledged
from crossfade.decide.stages import Step, step_at
from crossfade.decide.way import Way
from crossfade.model.rehearsal import Probe, Rehearsal, Rehearsed
from crossfade.model.snapshot import Snapshot

LOOK_AGAIN_SECONDS = 10.0
TRY_AGAIN_SECONDS = 300.0
ASK_AGAIN_SECONDS = 30.0
"""After a rehearsal that went wrong; after one that nobody answered."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One stage's shape as it is to be tried. `faults` are the parents that cannot be reached, and why."""

    step: Step
    rules: tuple[Json, ...]
    rehearsal: Rehearsal
    faults: tuple[str, ...]

    @property
    def vital(self) -> bool:
        """Whether users may meet it only with proof."""
        return bool(self.step.shape.shadow)


def unsupported(snapshot: Snapshot, stable: Arm) -> Plan | None:
    """Why a rollout does not even begin: a Gateway's class lacks what one of its stages needs. None when it may.

    What its Gateways are is known by then.
    """
    spec = snapshot.rollout.spec
    steps = _shaped(spec, 0) if spec else []
    why = missing(steps, kind_of(spec.traffic.gateway), snapshot.gateways) if spec and steps else None
    if why is None:
        return None
    held = settle.hold(snapshot, stable, Situation(Standing.FAILED, Reason.FEATURE_MISSING, why))
    return _stuck(held)


def rehearse(way: Way, step: Step) -> Plan | str:
    """What has to be tried before the step's shape is given to users, or why it is not given.

    Else what could not be tried of it, which is nothing as a rule.
    """
    steps = _shaped(way.spec, step.index)
    if not steps:
        return ""
    if not _known(way.snapshot):
        return replace(_waiting(way, f"{step.summary} waits: the Gateways of its route are being read"), scout=True)
    if (why := missing(steps, kind_of(way.spec.traffic.gateway), way.snapshot.gateways)) is not None:
        return _refusal(way, Reason.FEATURE_MISSING, why)
    trials = [_trial(way, one) for one in steps]
    failed = next((why for why in (_failure(way, one) for one in trials) if why), None)
    left = [one for one in trials if one.rehearsal.probes and _is_due(way.snapshot, one)]
    if failed and not left:
        return _refusal(way, Reason.REHEARSAL_FAILED, failed)
    if left:
        plan = _try(way, trials, left)
        return replace(plan, situation=_failed(failed)) if failed else plan
    return next((_untried(way, one) for one in trials if one.step.shape == step.shape), "")


def _shaped(spec: RolloutSpec, index: int) -> list[Step]:
    """The rungs from `index` on with a rule of their own kind, each kind once."""
    found: dict[object, Step] = {}
    for step in (step_at(spec, at) for at in range(index, len(spec.strategy.stages))):
        if step.shape.shadow or step.shape.headers:
            found.setdefault(step.shape, step)
    return list(found.values())


def _known(snapshot: Snapshot) -> bool:
    """Whether all parents were read lately; while a rehearsal goes on, what it began with counts."""
    return snapshot.rehearsal is not None or is_read(snapshot)


def _trial(way: Way, step: Step) -> Trial:
    """The rule that is tried, and the requests that try it: one with the headers, and one without them."""
    snapshot, api = way.snapshot, way.spec.traffic.gateway
    split = way.split(step.shape)
    plain = rehearsed_rules(api, split, "")
    token = _digest(snapshot.rollout.uid, plain)
    found = entrances(snapshot, api)
    doors = [one for one in found if isinstance(one, Entrance)]
    asked = [(one.name, one.value) for one in step.shape.headers]
    own = [*asked, (meta.HEADER_REHEARSAL, token)]
    arm = way.candidate.revision if step.shape.headers else way.stable.revision
    kind = kind_of(api)
    probes = tuple(
        Probe(
            gateway=door.gateway,
            summary=step.summary,
            scheme=door.scheme,
            address=door.address,
            port=door.port,
            host=door.host,
            protocol=kind.protocol,
            path=kind.path(api.served[0].matches[0]),
            headers=tuple(headers),
            token=wanted,
            revision=arm,
        )
        for door in doors
        for headers, wanted in ((own, token), ([], None))
    )
    lists = [sorted(one.features or ()) for one in snapshot.gateways]
    key = _digest(token, [repr(one) for one in found], lists)
    faults = tuple(one for one in found if isinstance(one, str))
    return Trial(step, rehearsed_rules(api, split, token), Rehearsal(key, probes), faults)


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _result(snapshot: Snapshot, trial: Trial) -> Rehearsed | None:
    return snapshot.rehearsed.get(trial.rehearsal.key)


def _is_due(snapshot: Snapshot, trial: Trial) -> bool:
    """Whether it is to be tried now: not yet, or it went wrong some time ago."""
    if trial.vital and trial.faults:
        return False
    result = _result(snapshot, trial)
    if result is None or not result.findings:
        return result is None
    pause = TRY_AGAIN_SECONDS if any(one.reached for one in result.findings) else ASK_AGAIN_SECONDS
    return snapshot.now - result.at >= pause


def _failure(way: Way, trial: Trial) -> str | None:
    """Why its shape may not be given to users, as far as it was tried; None when nothing speaks against it."""
    result = _result(way.snapshot, trial)
    findings = result.findings if result else ()
    wrong = [f"{one.probe.gateway}: {one.fault}" for one in findings if one.reached or trial.vital]
    wrong += trial.faults if trial.vital else ()
    if not wrong:
        return None
    remedy = "`shadow`" if trial.vital else "`match`"
    return (
        f"{trial.step.summary}: {trial.step.shape} was given to no user, for it was not proven behind a header"
        f" that only we know: {'; '.join(dict.fromkeys(wrong))}. Take {remedy} out of the stage"
        f" {trial.step.name} in `spec.strategy.stages`, or name a Gateway that can do it in"
        " `spec.traffic.gatewayAPI.parentRefs`"
    )


def _untried(way: Way, trial: Trial) -> str:
    """Through which parents it could not be tried; empty when through none."""
    result = _result(way.snapshot, trial)
    findings = result.findings if result else ()
    said = (*trial.faults, *(f"{one.probe.gateway}: {one.fault}" for one in findings))
    return "; ".join(dict.fromkeys(said))


def _try(way: Way, trials: list[Trial], left: list[Trial]) -> Plan:
    """Write the route, have it acknowledged, send the requests that are `left`: each when the one before is done."""
    snapshot = way.snapshot
    body, live = (
        rehearsal_route(snapshot.rollout, way.spec, [rule for one in trials for rule in one.rules]),
        snapshot.rehearsal,
    )
    unsent = tuple(replace(one.rehearsal, probes=()) for one in left)
    first = left[0].step
    words = f"{first.summary}: {first.shape} is tried behind a header that only we know"
    if live is None or not is_live(body, live):
        plan = _waiting(way, words)
        written = Apply(Target(body["kind"]), body, "no user may be the first to meet a new kind of rule")
        return replace(plan, first=(*plan.first, written), rehearse=unsent)
    if (refused := rejected(snapshot, live)) is not None:
        message = f"{words}, and refused: {refused}. No user met it; name another Gateway, or leave the stage out"
        told = (Event(Reason.REHEARSAL_FAILED, message, warning=True),)
        return replace(_waiting(way, words), situation=_failed(message), events=told, rehearse=unsent)
    if (late := unacknowledged(snapshot, live)) is not None:
        return replace(_late(way, f"{words}: {late}", patience(live, snapshot.now)), rehearse=unsent)
    return replace(_waiting(way, words), rehearse=tuple(one.rehearsal for one in left))


def _late(way: Way, message: str, left: float) -> Plan:
    """A gateway does not take the route that tries it: waited for, and then a standstill until it does."""
    plan = _waiting(way, message)
    if left:
        return replace(plan, look_again=min(left, LOOK_AGAIN_SECONDS))
    message = f"{message}. That lasts for more than {PATIENCE_SECONDS:.0f} s; no user met it"
    told = Event(Reason.REHEARSAL_FAILED, message, warning=True)
    return replace(plan, situation=_failed(message), events=(*plan.events, told))


def _waiting(way: Way, message: str) -> Plan:
    """What is given stays as it is."""
    held = settle.repair(way.snapshot, way.split(way.given), way.candidate)
    return replace(way.plan(Reason.REHEARSING, message), first=held, look_again=LOOK_AGAIN_SECONDS)


def _failed(message: str) -> Situation:
    return Situation(Standing.FAILED, Reason.REHEARSAL_FAILED, message)


def _refusal(way: Way, reason: Reason, message: str) -> Plan:
    held = replace(_waiting(way, message), situation=Situation(Standing.FAILED, reason, message))
    return _stuck(held)


def _stuck(held: Plan) -> Plan:
    """Nothing moves until somebody changes something: the Gateways are looked at again, lest that is missed."""
    told = Event(held.situation.reason, held.situation.message, warning=True)
    return replace(held, events=(told,), scout=True, look_again=LOOK_AGAIN_SECONDS)
