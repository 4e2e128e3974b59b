"""Pieces of the recorded status: outcomes and their bounded history."""

import hashlib
import json
from typing import Literal

from crossfade.api.v1alpha1.common import as_written
from crossfade.api.v1alpha1.rollout import Arm, Handled, Outcome, RolloutStatus
from crossfade.decide.memory import forgotten
from crossfade.model.moments import moment, stamp
from crossfade.model.snapshot import Snapshot

Result = Literal["Promoted", "FastPromoted", "RolledBack", "FastRolledBack", "Aborted", "Superseded"]


def outcome(snapshot: Snapshot, arm: Arm, result: Result, cause: str, message: str) -> Outcome:
    """How the rollout of `arm` ended, as of now."""
    return Outcome(
        result=result,
        cause=cause,
        message=message[:1024],
        model_version=arm.model_version,
        revision=arm.revision,
        began=snapshot.rollout.status.began,
        at=stamp(snapshot.now),
        asked=asked(snapshot),
        retry_token=snapshot.rollout.retry_token or next((one.token for one in _retries(snapshot)), None),
    )


def ended(status: RolloutStatus, arm: Arm | None, end: Outcome) -> RolloutStatus:
    """The status once a rollout has ended with `arm` as stable, by the newest of its ends."""
    return status.model_copy(
        update={
            "stable": arm,
            "candidate": None,
            "began": None,
            "stage": None,
            "traffic": None,
            "leaving": None,
            "analysis": forgotten(status.analysis),
            "plan": None,
            "outcome": end,
            "history": [end, *status.history],
        }
    )


def timed(snapshot: Snapshot, status: RolloutStatus) -> RolloutStatus:
    """The status with the moment since which its candidate is on record."""
    known, candidate = snapshot.rollout.status, status.candidate
    if candidate is None:
        return status.model_copy(update={"began": None})
    goes_on = known.candidate is not None and known.candidate.revision == candidate.revision
    return status.model_copy(update={"began": known.began if goes_on else stamp(snapshot.now)})


def passed(status: RolloutStatus) -> tuple[Result, str]:
    """The result and cause: how a rollout ended that got to the end of its stages, and why."""
    skips = (one for one in status.handled if one.verb == "skip-stage" and one.effect == "Obeyed")
    if status.began is not None and any(moment(one.at) >= moment(status.began) for one in skips):
        return "FastPromoted", "StagesSkipped"
    return "Promoted", "StagesPassed"


def was_promoted(end: Outcome | None) -> bool:
    """Whether the version is stable by that end of its rollout."""
    return end is not None and end.result in ("Promoted", "FastPromoted", "FastRolledBack")


def asked(snapshot: Snapshot) -> str:
    """A fingerprint of what the spec asks for. Freezing it, another number of pods, or when pipelines take it for
    done, asks for nothing new."""
    spec = as_written(snapshot.rollout.spec) if snapshot.rollout.spec else {}
    for field in ("suspend", "readyWhen"):
        spec.pop(field, None)
    for field in ("replicas", "autoscaling"):
        spec.get("serving", {}).pop(field, None)
    return hashlib.sha256(json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def was_taken_back(end: Outcome | None) -> bool:
    """Whether that is how a rollout ended."""
    return end is not None and end.result in ("RolledBack", "Aborted")


def tries_again(snapshot: Snapshot, target: Arm) -> bool:
    """Whether it is the retry token that lets a revision try again which was taken back."""
    end = snapshot.rollout.status.outcome
    if end is None or end.result not in ("RolledBack", "Aborted") or end.revision != target.revision:
        return False
    return _asks_again(snapshot, end)


def is_sticky(snapshot: Snapshot, target: Arm) -> bool:
    """Whether this revision was taken back and nobody has asked since, by spec or by token, to try again."""
    end, candidate = snapshot.rollout.status.outcome, snapshot.rollout.status.candidate
    if candidate is not None and candidate.revision == target.revision:
        return False  # what is under way was let through already
    return (
        end is not None
        and end.result in ("RolledBack", "Aborted")
        and end.revision == target.revision
        and end.asked == asked(snapshot)
        and not _asks_again(snapshot, end)
    )


def _asks_again(snapshot: Snapshot, end: Outcome) -> bool:
    """Whether there is a token to try again that nobody gave before that end, as far as that is remembered."""
    before = (token for one in _retries(snapshot) for token in one.earlier or ())
    return snapshot.rollout.retry_token not in (None, end.retry_token, *before)


def _retries(snapshot: Snapshot) -> list[Handled]:
    """The newest order to try again that was answered, if there was one."""
    return [one for one in snapshot.rollout.status.handled if one.verb == "retry"]
