"""Which ModelVersions a Rollout was taken back from, as a ModelSource remembers it: the Rollout itself forgets."""

from collections.abc import Iterable, Sequence
from typing import Final

from crossfade.api.v1alpha1.modelsource import TakenBack
from crossfade.api.v1alpha1.rollout import Outcome
from crossfade.decide.records import was_promoted, was_taken_back
from crossfade.model.moments import moment
from crossfade.model.sourcing import StoredRollout

_MOST: Final = 20


def remembered(known: Sequence[TakenBack], rollout: StoredRollout) -> list[TakenBack]:
    """What is `known`, with what the Rollout's history adds; the newest first, and only of this Rollout.

    What was taken back while the same ModelVersion, or the same bytes, were stable was another way to serve them, and
    says nothing of the model. What was promoted later is taken back no longer.
    """
    name, found = rollout.facts.name, [_with_digest(one, rollout) for one in known if one.rollout == rollout.facts.name]
    stable: TakenBack | None = None
    for end in reversed(rollout.facts.status.history):
        one = _of(name, end, rollout)
        if was_promoted(end):
            stable = one
            found = [old for old in found if not _same(old, one) or moment(old.at) > moment(one.at)]
        elif was_taken_back(end) and not (stable and _same(stable, one)) and not _is_stable(rollout, one):
            found = [*(old for old in found if old.model_version != one.model_version), _newest(one, found)]
    return sorted(found, key=lambda one: (one.at, one.model_version), reverse=True)[:_MOST]


def holds(known: Iterable[TakenBack], model_version: str, digest: str) -> bool:
    """Whether this ModelVersion, or another one of the same bytes, was taken back."""
    return any(model_version == one.model_version or digest == one.digest for one in known)


def _of(name: str, end: Outcome, rollout: StoredRollout) -> TakenBack:
    digest = rollout.digests.get(end.model_version)
    return TakenBack(rollout=name, model_version=end.model_version, digest=digest, at=end.at)


def _newest(one: TakenBack, known: Iterable[TakenBack]) -> TakenBack:
    """With the digest that was known of it while its ModelVersion was there."""
    before = next((old for old in known if old.model_version == one.model_version), one)
    kept = before if moment(before.at) > moment(one.at) else one
    return kept.model_copy(update={"digest": one.digest or before.digest})


def _with_digest(one: TakenBack, rollout: StoredRollout) -> TakenBack:
    return one.model_copy(update={"digest": one.digest or rollout.digests.get(one.model_version)})


def _is_stable(rollout: StoredRollout, one: TakenBack) -> bool:
    arm = rollout.facts.status.stable
    return arm is not None and (arm.model_version == one.model_version or arm.digest == one.digest)


def _same(one: TakenBack, other: TakenBack) -> bool:
    return one.model_version == other.model_version or (one.digest is not None and one.digest == other.digest)
