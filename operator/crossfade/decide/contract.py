"""Whether a ModelVersion's number promises no more than the model keeps, by what is recorded of it and of the release
before: another interface is a major version, another model behind the same one a minor, other packaging a patch.

Judged once, when the source was resolved. Nothing here is read again for a ModelVersion that was judged.
"""

from dataclasses import dataclass
from typing import Final

from semver import Version

from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.facts import Lineage
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.versioning import SemverStatus, SemverVerdict
from crossfade.decide.rises import Rise, least, promises_nothing, rise
from crossfade.decide.signatures import Differences, differences
from crossfade.model.snapshot import Predecessor

_MOST_TOLD: Final = 3
_LONGEST_CLAUSE: Final = 120
_LONGEST: Final = 1024


@dataclass(frozen=True, slots=True)
class _Change:
    """What has changed: at least so much, and at most so much, with the clauses that say so."""

    least: Rise
    most: Rise
    seen: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()


def judged(spec: ModelVersionSpec, resolved: Resolved, predecessor: Predecessor | None) -> SemverStatus:
    """The verdict on a ModelVersion that was just resolved."""
    version = Version.parse(spec.version)
    if predecessor is None:
        message = f"no lower release of {spec.model_name} is resolved here, so there is nothing to compare"
        return SemverStatus(verdict="First", message=message)
    before = Version.parse(predecessor.version)
    allowed = rise(before, version)
    change = _change(predecessor.resolved, resolved)
    if allowed >= change.most:
        return _told("Kept", predecessor, _kept(version, predecessor, allowed, change))
    if allowed < change.least:
        right = least(before, change.least)
        return _told("Broken", predecessor, _broken(version, predecessor, right, change), right)
    right = least(before, change.most)
    return _told("Unknown", predecessor, _unknown(version, predecessor, right, change), right)


def refusal(spec: ModelVersionSpec, found: SemverStatus) -> str:
    """The sentence that says why the ModelVersion may not be served; empty when it may."""
    if spec.policy.semver != "Enforce" or found.verdict in ("First", "Kept"):
        return ""
    return f"{found.message}; `spec.policy.semver` is `Enforce`, so make another ModelVersion"


def _change(before: Resolved | None, after: Resolved) -> _Change:
    if before is None:
        return _Change(Rise.NOTHING, Rise.INTERFACE, untold=("the status of that one cannot be read",))
    if before.digest == after.digest:
        return _Change(Rise.NOTHING, Rise.NOTHING, ("all bytes are the same",))
    signature, weights = differences(before.signature, after.signature), _weights(before, after)
    untold = (*signature.untold, *weights.untold)
    if signature.breaking:
        return _Change(Rise.INTERFACE, Rise.INTERFACE, tuple(signature.breaking))
    lowest = Rise.MODEL if signature.harmless else weights.least
    return _Change(
        lowest,
        Rise.INTERFACE if signature.untold else max(lowest, weights.most),
        (*signature.harmless, *weights.seen) or _files(signature, weights),
        untold,
    )


def _files(signature: Differences, weights: _Change) -> tuple[str, ...]:
    """What is sure where neither interface nor model are seen to be new."""
    if signature.untold:
        return ("the files are others",)
    return ("the files are others, and the interface is the same",) if weights.untold else ("only packaging is new",)


def _weights(before: Resolved, after: Resolved) -> _Change:
    """What is known of the files beside packaging; where they were not told apart, of the training."""
    if before.weights_digest and after.weights_digest:
        if before.weights_digest == after.weights_digest:
            return _Change(Rise.PACKAGING, Rise.PACKAGING)
        return _Change(Rise.MODEL, Rise.MODEL, ("the model's weights or code are others",))
    if _retrained(before.lineage, after.lineage):
        return _Change(Rise.MODEL, Rise.MODEL, ("another training run made it",))
    return _Change(Rise.PACKAGING, Rise.MODEL, untold=("the digest of the weights is not recorded of both",))


def _retrained(before: Lineage | None, after: Lineage | None) -> bool:
    runs = before.run_id if before else None, after.run_id if after else None
    return None not in runs and runs[0] != runs[1]


def _told(verdict: SemverVerdict, predecessor: Predecessor, message: str, right: Version | None = None) -> SemverStatus:
    return SemverStatus(
        verdict=verdict,
        compared_with=predecessor.name,
        compared_version=predecessor.version,
        least_version=str(right) if right else None,
        message=message[:_LONGEST],
    )


def _kept(version: Version, predecessor: Predecessor, allowed: Rise, change: _Change) -> str:
    than = _named(predecessor)
    if allowed < Rise.INTERFACE:
        return f"`spec.version` {version} promises no more than is kept: since {than} {_joined(change.seen)}"
    if promises_nothing(version):
        return f"`spec.version` {version} is below 0.1.0 and promises nothing, so nothing of {than} is to be kept"
    return f"`spec.version` {version} promises nothing of what {than} does"


def _broken(version: Version, predecessor: Predecessor, right: Version, change: _Change) -> str:
    doubt = f"; whether that is enough cannot be told, as {_joined(change.untold)}" if change.untold else ""
    what = _joined(change.seen)
    return f"since {_named(predecessor)} {what}: `spec.version` is {version} and must be at least {right}{doubt}"


def _unknown(version: Version, predecessor: Predecessor, right: Version, change: _Change) -> str:
    remedy = "register models with a whole signature, or " if change.most is Rise.INTERFACE else ""
    return (
        f"whether `spec.version` {version} keeps what {_named(predecessor)} promises cannot be told, as "
        f"{_joined(change.untold)}: {remedy}make `spec.version` at least {right}"
    )


def _named(predecessor: Predecessor) -> str:
    return f"{predecessor.version} (ModelVersion {predecessor.name})"


def _joined(clauses: tuple[str, ...]) -> str:
    told = [one if len(one) <= _LONGEST_CLAUSE else f"{one[: _LONGEST_CLAUSE - 1]}…" for one in clauses[:_MOST_TOLD]]
    more = len(clauses) - len(told)
    return " and ".join([*told, f"{more} more"] if more else told)
