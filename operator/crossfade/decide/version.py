"""The decision about one ModelVersion: resolve it once, and never again."""

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1 import ModelVersionSpec, ModelVersionStatus
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.decide import contract, pickles
from crossfade.decide.naming import misnamed
from crossfade.decide.overruled import overruled
from crossfade.decide.plan import Event, Situation, Standing, VersionPlan
from crossfade.decide.stalled import stalled
from crossfade.model.snapshot import VersionSnapshot


def plan_version(snapshot: VersionSnapshot) -> VersionPlan:
    """Frozen once resolved; what cannot be reached yet is tried again; what can never be right is Stalled."""
    status, tried = snapshot.status, snapshot.resolution
    if status.resolved is not None:
        message = _resolved(status.resolved, overruled(snapshot.spec, status.resolved) if snapshot.spec else "")
        return VersionPlan(status, Situation(Standing.DONE, Reason.RESOLVED, message))
    if snapshot.spec is None:
        return VersionPlan(status, Situation(Standing.FAILED, Reason.INVALID_SPEC, snapshot.spec_error))
    if wrong := misnamed(snapshot.name, snapshot.spec):
        return _refused(status, Reason.NAME_REFUSED, wrong)
    known = stalled(status.conditions, status.observed_generation, snapshot.generation)
    if tried is None and known is not None:
        return VersionPlan(status, known)
    if snapshot.registry_error:
        return VersionPlan(
            status, Situation(Standing.IN_PROGRESS, Reason.WAITING_FOR_REGISTRY, snapshot.registry_error)
        )
    if tried is None:
        situation = Situation(
            Standing.IN_PROGRESS, Reason.RESOLVING, "the source is being looked up and its bytes hashed"
        )
        return VersionPlan(status, situation, resolve=True)
    if tried.resolved is not None:
        return _read(snapshot, snapshot.spec, tried.resolved)
    if not tried.retry:
        return _refused(status, tried.reason, tried.error)
    situation = Situation(Standing.IN_PROGRESS, tried.reason, tried.error)
    return VersionPlan(status, situation, resolve=True)


def _read(snapshot: VersionSnapshot, spec: ModelVersionSpec, resolved: Resolved) -> VersionPlan:
    """What becomes of bytes that were read: frozen, with the verdict on their version, or refused."""
    if wrong := pickles.refusal(spec, resolved, snapshot.pickle_floor):
        return _refused(snapshot.status, Reason.PICKLE_REFUSED, wrong)
    found = contract.judged(spec, resolved, snapshot.predecessor)
    status = snapshot.status.model_copy(update={"semver": found})
    if wrong := contract.refusal(spec, found):
        broken = found.verdict == "Broken"
        return _refused(status, Reason.SEMVER_BROKEN if broken else Reason.SEMVER_UNKNOWN, wrong)
    if snapshot.unkept and spec.policy.semver == "Enforce":
        waits = Situation(Standing.IN_PROGRESS, Reason.DEFINITION_OUTDATED, snapshot.unkept)
        return VersionPlan(snapshot.status, waits, keep=True)
    events = [Event(Reason.RESOLVED, _resolved(resolved))]
    if found.verdict == "Broken":
        events.append(Event(Reason.SEMVER_BROKEN, found.message, warning=True))
    if other := overruled(spec, resolved):
        events.append(Event(Reason.SPEC_OVERRULED, other, warning=True))
    done = status.model_copy(update={"resolved": resolved})
    situation = Situation(Standing.DONE, Reason.RESOLVED, _resolved(resolved, other))
    return VersionPlan(done, situation, events=tuple(events))


def _refused(status: ModelVersionStatus, reason: Reason, why: str) -> VersionPlan:
    event = Event(reason, why, warning=True)
    return VersionPlan(status, Situation(Standing.FAILED, reason, why), events=(event,))


def _resolved(resolved: Resolved, other: str = "") -> str:
    return f"resolved to {resolved.digest}" + (f"; {other}" if other else "")
