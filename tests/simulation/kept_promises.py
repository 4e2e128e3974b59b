"""What must hold of a version that keeps its pods after another one was promoted."""

from typing import TYPE_CHECKING

from crossfade.decide.plan import Delete, Target

from tests.simulation.writes import writes

if TYPE_CHECKING:
    from tests.simulation.invariants import Pass


def who_is_kept_stays(one: "Pass") -> None:
    """The version before is beside stable and candidate, has no traffic asked for, and no pod of it is removed."""
    before, status = one.plan.status.previous, one.plan.status
    if before is None:
        return
    arms = [arm.revision for arm in (status.stable, status.candidate) if arm is not None]
    assert before.revision not in arms, f"{before.revision} has two roles"
    assert before.revision not in one.weights, f"{before.revision} gets requests"
    serve = (Target.DEPLOYMENT, Target.SERVICE)
    gone = [action.name for action in one.actions if isinstance(action, Delete) and action.target in serve]
    assert before.revision not in gone or one.seen.rollout.deleting, f"{before.revision} is removed"
    held = [a.body["metadata"]["finalizers"] for a in one.actions if writes(a, Target.ROLLOUT)]
    assert all(held) or one.seen.rollout.deleting, "the Rollout is released while a version before is kept"
