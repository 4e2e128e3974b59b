"""The decision about one ModelSource: when to ask, what to propose, and what to move."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.modelsource import ModelSourceSpec, ModelSourceStatus, Observed
from crossfade.decide.echoes import echo
from crossfade.decide.following import described
from crossfade.decide.moving import Move, movement, owned
from crossfade.decide.plan import Event, Situation, Standing
from crossfade.decide.proposing import Proposal, body, proposal
from crossfade.decide.stalled import going_on, stalled
from crossfade.decide.verdicts import remembered
from crossfade.model.moments import clock, moment, stamp
from crossfade.model.snapshot import VersionFacts
from crossfade.model.sourcing import Answer, Meaning, SourceSnapshot

_STRETCH = 0.1
"""Of an interval: how much longer it is for some than for others."""
_LONGEST_WAIT_SECONDS = 300.0
_HISTORY = 10


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """What to do for a ModelSource, in this order: `make` a ModelVersion, `move` the Rollout, record the status, `ask`.

    `look_again` is in seconds from now, None when only a change or an answer can matter.
    """

    status: ModelSourceStatus
    situation: Situation
    ask: bool = False
    make: dict[str, Any] | None = None
    move: Move | None = None
    events: tuple[Event, ...] = ()
    look_again: float | None = None


def plan_source(snapshot: SourceSnapshot) -> SourcePlan:
    """One meaning, one ModelVersion, one move at a time. What fails changes nothing and is asked again."""
    spec = snapshot.spec
    if spec is None:
        situation = Situation(Standing.FAILED, Reason.INVALID_SPEC, snapshot.spec_error)
        return SourcePlan(snapshot.status, situation)
    snapshot = _with_verdicts(snapshot)
    if spec.suspend:
        return SourcePlan(snapshot.status, Situation(Standing.IN_PROGRESS, Reason.SUSPENDED, Reason.SUSPENDED.meaning))
    if snapshot.unkept:
        waits = Situation(Standing.IN_PROGRESS, Reason.DEFINITION_OUTDATED, snapshot.unkept)
        return SourcePlan(snapshot.status, waits)
    status = _with_digest(snapshot, _heard(snapshot, spec))
    if snapshot.registry_error:
        waits = Situation(Standing.IN_PROGRESS, Reason.WAITING_FOR_REGISTRY, snapshot.registry_error)
        return SourcePlan(status, waits)
    due = _due(snapshot, spec, status)
    again = max(due - snapshot.now, 0.0) if due > snapshot.now else None
    plan = SourcePlan(status, _standing(snapshot, status), ask=again is None, look_again=again)
    if status.failure is not None or status.observed is None or status.next_check is None:
        return plan
    return _proposed(snapshot, spec, plan, status.observed)


def asked(snapshot: SourceSnapshot) -> Answer | None:
    """The answer that the spec and the ModelRegistry as they are now were given."""
    answer = snapshot.answer
    if answer is None or (answer.generation, answer.registry) != (snapshot.generation, snapshot.registry):
        return None
    return answer


def wanted(snapshot: SourceSnapshot) -> str | None:
    """The name of the ModelVersion that this look is about."""
    answer = asked(snapshot)
    if snapshot.spec is not None and answer is not None and answer.meaning is not None:
        return proposal(snapshot.spec, answer.meaning).name
    return snapshot.status.observed.model_version if snapshot.status.observed else None


def not_written(plan: SourcePlan, why: str) -> SourcePlan:
    """The plan when the API server did not take what it makes, or moves."""
    what = "the ModelVersion could not be made" if plan.make else "the Rollout could not be moved"
    situation = Situation(Standing.IN_PROGRESS, Reason.NOT_WRITTEN, f"{what}: {why}")
    return replace(plan, situation=situation, events=(Event(situation.reason, situation.message, warning=True),))


def not_moved(plan: SourcePlan, move: Move, managers: tuple[str, ...]) -> SourcePlan:
    """The plan when the Rollout's field is owned by these managers."""
    situation = owned(move, managers)
    return replace(plan, situation=situation, events=(Event(situation.reason, situation.message, warning=True),))


def _with_verdicts(snapshot: SourceSnapshot) -> SourceSnapshot:
    """Noted at every look, also at those that move nothing: the Rollout does not remember for long."""
    if snapshot.rollout is None:
        return snapshot
    status = snapshot.status
    known = remembered(status.taken_back, snapshot.rollout)
    return replace(snapshot, status=status.model_copy(update={"taken_back": known}))


def _heard(snapshot: SourceSnapshot, spec: ModelSourceSpec) -> ModelSourceStatus:
    """The status with the newest answer. Another spec, or another ModelRegistry, is asked about anew."""
    status, answer = snapshot.status, asked(snapshot)
    if status.observed_generation != snapshot.generation or (answer is None and snapshot.answer is not None):
        status = status.model_copy(update={"next_check": None, "failure": None})
    if answer is None or (status.next_check is not None and stamp(answer.at) == status.last_checked):
        return status
    wait = _stretched(snapshot, spec)
    if answer.meaning is None:
        wait = min(max(wait, answer.wait), _LONGEST_WAIT_SECONDS)
    times = {"last_checked": stamp(answer.at), "next_check": stamp(answer.at + wait)}
    if answer.meaning is None:
        return status.model_copy(update={**times, "failure": answer.error[:1024] or "no reason was given"})
    now = _observed(spec, answer.meaning, answer.at, status.observed)
    before, history = status.observed, status.history
    if before is not None and before.model_version != now.model_version:
        history = [before, *history][:_HISTORY]
    return status.model_copy(update={**times, "failure": None, "observed": now, "history": history})


def _observed(spec: ModelSourceSpec, meaning: Meaning, at: float, before: Observed | None) -> Observed:
    name = proposal(spec, meaning).name
    known = before if before is not None and before.model_version == name else None
    return Observed(
        reference=described(spec),
        version=meaning.version[:64],
        model_version=name,
        digest=known.digest if known else None,
        since=known.since if known else stamp(at),
    )


def _with_digest(snapshot: SourceSnapshot, status: ModelSourceStatus) -> ModelSourceStatus:
    stored, observed = snapshot.version, status.observed
    if observed is None or stored is None or stored.facts.name != observed.model_version:
        return status
    digest = stored.facts.resolved.digest if stored.facts.resolved else None
    return status.model_copy(update={"observed": observed.model_copy(update={"digest": digest})})


def _due(snapshot: SourceSnapshot, spec: ModelSourceSpec, status: ModelSourceStatus) -> float:
    """When to ask (unix s). What is overdue when a process begins is spread, as all of it would be due at once."""
    if status.next_check is None:
        return snapshot.now
    due, interval = moment(status.next_check), seconds(spec.interval)
    if due > snapshot.now + interval * (1.0 + _STRETCH) + _LONGEST_WAIT_SECONDS:
        return snapshot.now  # no such time was ever meant: the clock went back
    if snapshot.answer is None:
        due = max(due, snapshot.began + interval * _STRETCH * _place(snapshot.uid))
    return due


def _is_old(snapshot: SourceSnapshot, status: ModelSourceStatus) -> bool:
    """Whether what was heard is to be asked for again first: an operator that was away may have missed the next."""
    return status.next_check is None or moment(status.next_check) <= snapshot.now


def _stretched(snapshot: SourceSnapshot, spec: ModelSourceSpec) -> float:
    return seconds(spec.interval) * (1.0 + _STRETCH * _place(snapshot.uid))


def _place(uid: str) -> float:
    """From 0 to 1, the same for an object always."""
    return int(hashlib.sha256(uid.encode()).hexdigest()[:8], 16) / 2**32


def _standing(snapshot: SourceSnapshot, status: ModelSourceStatus) -> Situation:
    """Where things stand while nothing is known of the meaning as it is now."""
    if status.failure is not None:
        when = clock(moment(status.next_check)) if status.next_check else "once"
        kept = f"; {status.observed.model_version} stays what was heard last" if status.observed else ""
        text = f"{status.failure[:800]} (asked again at {when}{kept})"
        return Situation(Standing.IN_PROGRESS, Reason.WAITING_FOR_REGISTRY, text)
    what = described(snapshot.spec) if snapshot.spec else ""
    return Situation(Standing.IN_PROGRESS, Reason.ASKING, f"the registry is being asked what {what} means")


def _proposed(snapshot: SourceSnapshot, spec: ModelSourceSpec, plan: SourcePlan, observed: Observed) -> SourcePlan:
    """The plan for a meaning that is known: its ModelVersion, then what is moved to it."""
    said = f"{observed.reference} is version {observed.version[:16]}, ModelVersion {observed.model_version}"
    stored, answer = snapshot.version, asked(snapshot)
    if stored is None or stored.facts.name != observed.model_version:
        if answer is None or answer.meaning is None:
            gone = Situation(Standing.IN_PROGRESS, Reason.ASKING, f"{said}, is not there; the registry is asked again")
            return replace(plan, situation=gone)
        return _making(snapshot, spec, plan, answer.meaning, said)
    if answer is not None and answer.meaning is not None and stored.spec != proposal(spec, answer.meaning).spec:
        text = f"{said}: there is another ModelVersion of this name, with another spec; delete it"
        return replace(plan, situation=Situation(Standing.FAILED, Reason.NAME_TAKEN, text))
    if spec.moves is None:
        return replace(plan, situation=Situation(Standing.DONE, Reason.PROPOSED, said))
    if (itself := echo(spec, snapshot.registry)) is not None:
        return replace(plan, situation=itself)
    return _moving(snapshot, spec.moves.rollout, plan, stored.facts)


def _making(
    snapshot: SourceSnapshot, spec: ModelSourceSpec, plan: SourcePlan, meaning: Meaning, said: str
) -> SourcePlan:
    wants: Proposal = proposal(spec, meaning)
    made = body(snapshot.name, snapshot.namespace, spec, meaning, wants)
    standing = Standing.DONE if spec.moves is None else Standing.IN_PROGRESS
    situation = Situation(standing, Reason.PROPOSED, said)
    return replace(plan, situation=situation, make=made, events=(Event(Reason.PROPOSED, f"{said}, was made"),))


def _moving(snapshot: SourceSnapshot, rollout: str, plan: SourcePlan, version: VersionFacts) -> SourcePlan:
    if version.resolved is None:
        text = f"the ModelVersion {version.name} is not resolved: {version.message}"
        standing = Standing.FAILED if version.failed else Standing.IN_PROGRESS
        return replace(plan, situation=Situation(standing, Reason.WAITING_FOR_MODEL_VERSION, text))
    if snapshot.rollout is None:
        text = f"there is no Rollout {rollout} in the namespace {snapshot.namespace}, which `spec.moves` names"
        return replace(plan, situation=Situation(Standing.IN_PROGRESS, Reason.WAITING_FOR_ROLLOUT, text))
    found = movement(snapshot.name, snapshot.rollout, plan.status.taken_back, version.name, version.resolved.digest)
    if isinstance(found, Situation):
        return replace(plan, situation=found)
    if _is_old(snapshot, plan.status):
        return _asking_again(snapshot, plan)
    text = f"the Rollout {rollout} names {version.name}"
    moved = f"the Rollout {rollout} was moved to {version.name}"
    events = (Event(Reason.MOVED, moved),)
    return replace(plan, situation=Situation(Standing.DONE, Reason.MOVED, text), move=found, events=events)


def _asking_again(snapshot: SourceSnapshot, plan: SourcePlan) -> SourcePlan:
    """The plan, which waits for the next answer; what came of the last try to move stays until it is tried again."""
    before = snapshot.status
    known = stalled(before.conditions, before.observed_generation, snapshot.generation)
    tried = going_on(before.conditions, before.observed_generation, snapshot.generation)
    if tried is not None and tried.reason is Reason.NOT_WRITTEN:
        return replace(plan, situation=tried, events=(Event(tried.reason, tried.message, warning=True),))
    return replace(plan, situation=known or _standing(snapshot, plan.status))
