"""When a pipeline need not wait for a rollout any longer although it goes on: `readyWhen: Accepted`."""

from dataclasses import replace

from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.plan import Plan, Standing
from crossfade.decide.routes import rejected
from crossfade.model.snapshot import Snapshot


def accepted(snapshot: Snapshot, plan: Plan, asked: Arm | None) -> Plan:
    """The plan, which counts as done while the revision that is asked for is under way and requests are answered.

    `asked` is None while it is not known. What the plan says stays what it is: a standstill stays one. A revision that
    no pod was made for is not accepted yet, as that may be refused; and nobody is answered through a route that a
    gateway will not have.
    """
    spec, candidate, live = snapshot.rollout.spec, plan.status.candidate, snapshot.route
    if spec is None or spec.ready_when != "Accepted" or snapshot.rollout.deleting:
        return plan
    if asked is None or candidate is None or candidate.revision != asked.revision:
        return plan
    started = asked.revision in snapshot.revisions
    answered = plan.available and (live is None or rejected(snapshot, live) is None)
    if not started or not answered or plan.situation.standing is not Standing.IN_PROGRESS:
        return plan
    return replace(plan, situation=replace(plan.situation, standing=Standing.ACCEPTED))
