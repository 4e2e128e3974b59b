"""What must hold of a version that has requests and whose evidence nobody gathers."""

from crossfade.api.conditions import Reason
from crossfade.decide.going_back import goes_back
from crossfade.decide.shapes import asked_for

from tests.simulation.passes import Pass

_BY_OTHERS = (Reason.ROUTE_INVALID, Reason.ROUTE_CONTESTED)


def nobody_keeps_unjudged_what_stable_can_take_back(one: Pass) -> None:
    after, spec = one.plan.status, one.seen.rollout.spec
    if after.candidate is None or after.stable is None or spec is None or one.seen.rollout.deleting:
        return
    hindered = one.plan.situation.reason in _BY_OTHERS
    if after.stage is not None or hindered or goes_back(one.seen, after.candidate.revision):
        return
    whole = (after.stable.floor or 1) if spec.serving.autoscaling else spec.serving.least
    given, ready = asked_for(after.traffic), one.ready(after.stable.revision)
    assert given.is_nothing or ready < whole, f"{after.candidate.model_version} has {given}, and nobody judges it"
