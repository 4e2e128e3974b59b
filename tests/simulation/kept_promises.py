"""What must hold of a version that keeps its pods after another one was promoted."""

from crossfade.decide.plan import Delete, Target

from tests.simulation.passes import Pass
from tests.simulation.writes import writes


def who_is_kept_stays(one: Pass) -> None:
    before, status = one.plan.status.previous, one.plan.status
    if before is None:
        return
    assert status.stable is None or before.revision != status.stable.revision, f"{before.revision} has two roles"
    goes = one.candidate is not None and one.candidate.revision == before.revision
    assert goes or before.revision not in one.weights, f"{before.revision} gets requests"
    serve = (Target.DEPLOYMENT, Target.SERVICE)
    gone = [action.name for action in one.actions if isinstance(action, Delete) and action.target in serve]
    assert before.revision not in gone or one.seen.rollout.deleting, f"{before.revision} is removed"
    held = [a.body["metadata"]["finalizers"] for a in one.actions if writes(a, Target.ROLLOUT)]
    assert all(held) or one.seen.rollout.deleting, "the Rollout is released while a version before is kept"
