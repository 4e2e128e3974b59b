"""The decision about one ModelVersion: resolve it once, and never again."""

from crossfade.api.conditions import Reason
from crossfade.decide.pickles import refusal
from crossfade.decide.plan import Event, Situation, Standing, VersionPlan
from crossfade.decide.stalled import stalled
from crossfade.model.snapshot import VersionSnapshot


def plan_version(snapshot: VersionSnapshot) -> VersionPlan:
    """Frozen once resolved; what cannot be reached yet is tried again; what can never be right is Stalled."""
    status, tried = snapshot.status, snapshot.resolution
    if status.resolved is not None:
        return VersionPlan(status, Situation(Standing.DONE, Reason.RESOLVED, _resolved(status.resolved.digest)))
    if snapshot.spec is None:
        return VersionPlan(status, Situation(Standing.FAILED, Reason.INVALID_SPEC, snapshot.spec_error))
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
    if tried.resolved is not None and (wrong := refusal(snapshot.spec, tried.resolved, snapshot.pickle_floor)):
        event = Event(Reason.PICKLE_REFUSED, wrong, warning=True)
        return VersionPlan(status, Situation(Standing.FAILED, Reason.PICKLE_REFUSED, wrong), events=(event,))
    if tried.resolved is not None:
        done = status.model_copy(update={"resolved": tried.resolved})
        message = _resolved(tried.resolved.digest)
        event = Event(Reason.RESOLVED, message)
        return VersionPlan(done, Situation(Standing.DONE, Reason.RESOLVED, message), events=(event,))
    if not tried.retry:
        event = Event(tried.reason, tried.error, warning=True)
        return VersionPlan(status, Situation(Standing.FAILED, tried.reason, tried.error), events=(event,))
    situation = Situation(Standing.IN_PROGRESS, Reason.WAITING_FOR_REGISTRY, tried.error)
    return VersionPlan(status, situation, resolve=True)


def _resolved(digest: str) -> str:
    return f"resolved to {digest}"
