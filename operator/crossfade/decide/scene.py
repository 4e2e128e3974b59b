"""What the choice of a state looks at: the snapshot, and what follows from it before anything is decided."""

from dataclasses import dataclass

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.capacity import whole
from crossfade.decide.fitting import unfit
from crossfade.decide.going_back import goes_back
from crossfade.decide.handing_back import must_wait
from crossfade.decide.image_volumes import unmountable
from crossfade.decide.look import Look, look_at
from crossfade.decide.orders import pending
from crossfade.decide.plan import Situation, Standing
from crossfade.decide.recalled import recovered
from crossfade.decide.rollback import UNVERIFIED, breach
from crossfade.decide.route_kinds import RouteKind, kind_of
from crossfade.decide.signals import Signal
from crossfade.decide.stranded import holders
from crossfade.decide.teardown import HAND_BACK_SECONDS
from crossfade.decide.workloads import owners, target_arm
from crossfade.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Scene:
    """`asked` is the revision that the spec asks for; None when that is not known, and `unknown` then says why.

    `breach` is the reason to leave the candidate now.
    """

    snapshot: Snapshot
    look: Look | None
    stable: Arm | None
    candidate: Arm | None
    breach: Signal | None
    asked: Arm | None
    resolved: Resolved | None
    unknown: Situation | None

    @property
    def returns(self) -> bool:
        """Whether the spec names the stable version again, which needs no look at its ModelVersion: it serves."""
        spec, stable, candidate = self.snapshot.rollout.spec, self.stable, self.candidate
        if spec is None or stable is None or candidate is None:
            return False
        return spec.model_version == stable.model_version != candidate.model_version

    @property
    def goes_back(self) -> bool:
        """Whether what is asked for served before, and needs no stages."""
        return self.asked is not None and goes_back(self.snapshot, self.asked.revision)

    @property
    def called_off(self) -> bool:
        """Whether somebody aborts what is asked for before it is on record."""
        rollout = self.snapshot.rollout
        return self.candidate is None and rollout.status.stable is not None and "abort" in pending(rollout)

    @property
    def wants_a_third(self) -> bool:
        """Whether the spec asks, or may ask, for a version that is neither arm and no way back."""
        spec, arms = self.snapshot.rollout.spec, [one for one in (self.stable, self.candidate) if one is not None]
        if self.asked is not None:
            return not self.goes_back and all(self.asked.revision != one.revision for one in arms)
        return spec is None or all(spec.model_version != one.model_version for one in arms)

    @property
    def hands_back(self) -> bool:
        """Whether the candidate is to go, it answers with the right bytes, and stable cannot take all that it has."""
        if self.stable is None or self.candidate is None or not self._leaves(self.candidate):
            return False
        return must_wait(self.snapshot, self.stable, self.candidate)

    def _leaves(self, candidate: Arm) -> bool:
        """Whether it is to go, for another reason than its bytes; in a deletion as long as that waits for stable's."""
        rollout = self.snapshot.rollout
        if self.breach is not None and self.breach.cause == UNVERIFIED:
            return False
        if rollout.deleting:
            stays = rollout.finalizer and not owners(rollout)  # pods that go as well would come for nobody
            return stays and self.snapshot.now - rollout.deleting_since <= HAND_BACK_SECONDS
        if self.breach is not None:
            return True
        return self.returns if self.asked is None else self.asked.revision != candidate.revision

    @property
    def stranded(self) -> bool:
        """Whether stable has no ready pod, and who answers requests instead is not wanted."""
        found, candidate = holders(self.snapshot, self.stable), self.candidate
        if not found or candidate is None or self.breach is not None:
            return bool(found)
        if self.asked is None:
            return self.returns
        return self.asked.revision != candidate.revision or candidate.revision not in found


def scene_of(snapshot: Snapshot) -> Scene:
    """Look at the evidence, and name both arms and what is asked for."""
    rollout, look = snapshot.rollout, look_at(snapshot)
    stable, candidate = rollout.status.stable or recovered(snapshot), rollout.status.candidate
    if stable is not None and rollout.spec is not None:
        stable = whole(stable)  # of a spec that cannot be read nobody knows what that is
    under_way = stable is not None and candidate is not None
    judged = None if candidate is not None and goes_back(snapshot, candidate.revision) else look
    why = breach(snapshot, candidate, judged) if under_way and candidate is not None else None
    target = _target(snapshot)
    if isinstance(target, Situation):
        return Scene(snapshot, look, stable, candidate, why, None, None, target)
    return Scene(snapshot, look, stable, candidate, why, *target, None)


def _target(snapshot: Snapshot) -> tuple[Arm, Resolved] | Situation:
    """The revision that the spec asks for, or why there is none yet."""
    rollout, version = snapshot.rollout, snapshot.version
    if rollout.spec is None:
        return Situation(Standing.FAILED, Reason.INVALID_SPEC, rollout.spec_error)
    name, kind = rollout.spec.model_version, kind_of(rollout.spec.traffic.gateway_api)
    if version is None:
        return Situation(
            Standing.IN_PROGRESS,
            Reason.WAITING_FOR_MODEL_VERSION,
            f"ModelVersion {name} does not exist in this namespace",
        )
    if version.resolved is None:
        standing = Standing.FAILED if version.failed else Standing.IN_PROGRESS
        return Situation(
            standing, Reason.WAITING_FOR_MODEL_VERSION, f"ModelVersion {name} is not resolved: {version.message}"
        )
    problem = (
        _other_kind(snapshot, kind)
        or unfit(rollout.spec.serving, kind)
        or unmountable(rollout.spec.serving, name, version.resolved)
    )
    if problem is not None:
        return Situation(Standing.FAILED, Reason.INVALID_SPEC, problem)
    return target_arm(rollout, rollout.spec, version.resolved), version.resolved


def _other_kind(snapshot: Snapshot, kind: RouteKind) -> str | None:
    """Why nothing may begin while a route of another kind stands: the pods that it leads to would be taken away."""
    live = snapshot.route
    if live is None or live.is_service or live.kind == kind.name:
        return None
    return (
        f"spec.traffic.gatewayAPI.kind must be {live.kind}, for the {live.kind} {snapshot.rollout.name} still serves;"
        f" or delete that when nobody calls it any more, to have a {kind.name}"
    )
