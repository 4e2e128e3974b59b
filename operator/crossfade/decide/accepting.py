"""When a pipeline need not wait for a rollout any longer although it goes on: `readyWhen: Accepted`."""

from dataclasses import replace

from crossfade.decide.plan import Plan, Standing
from crossfade.model.snapshot import Snapshot


def accepted(snapshot: Snapshot, plan: Plan) -> Plan:
    """The plan, which counts as done while the version that is asked for is under way and requests are answered.

    What it says stays what it is. A standstill stays one, and a version that no pod was made for is not accepted yet.
    """
    spec, candidate = snapshot.rollout.spec, plan.status.candidate
    if spec is None or spec.ready_when != "Accepted" or snapshot.rollout.deleting:
        return plan
    under_way = candidate is not None and candidate.model_version == spec.model_version
    if not under_way or not plan.available or plan.situation.standing is not Standing.IN_PROGRESS:
        return plan
    return replace(plan, situation=replace(plan.situation, standing=Standing.ACCEPTED))
