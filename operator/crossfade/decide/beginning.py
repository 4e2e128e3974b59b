"""The first version of an endpoint: there is nothing to compare with, so it serves as soon as it is ready."""

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.capacity import needed
from crossfade.decide.children import counted, ensure, finalizer, removal
from crossfade.decide.draining import undrained
from crossfade.decide.plan import Event, Plan, Situation, Standing
from crossfade.decide.records import ended, outcome
from crossfade.decide.shapes import alone
from crossfade.decide.signals import hard_signal
from crossfade.decide.starting import deadline, waiting
from crossfade.decide.state import sure
from crossfade.decide.traffic import traffic_of
from crossfade.model.snapshot import Snapshot


def begin(snapshot: Snapshot, arm: Arm, resolved: Resolved) -> Plan:
    """Pods, then the route, then the pointer."""
    rollout, spec = snapshot.rollout, snapshot.rollout.spec
    if spec is None:
        raise ValueError("a first version needs a readable spec")
    arm = counted(snapshot, arm)
    children = (*finalizer(rollout, wanted=True), *ensure(snapshot, spec, arm, resolved))
    gone = () if undrained(snapshot) else removal(snapshot, [arm.revision, *_serving(snapshot)])
    status = rollout.status.model_copy(update={"candidate": arm})
    if arm.ready == 0 or arm.ready < needed(snapshot, arm):
        return Plan(status=status, situation=_starting(snapshot, arm), first=children, then=gone, look_again=30.0)
    traffic, wanted = traffic_of(snapshot), alone(arm.revision)
    slots = traffic.backends(snapshot, arm)
    route = () if slots else traffic.writes(snapshot, wanted)
    waiting, trouble = traffic.untaken(snapshot), traffic.trouble(snapshot, wanted)
    if slots or route or waiting or trouble:
        said = waiting if waiting and snapshot.route else f"the route is being pointed at {arm.model_version}"
        situation = Situation(Standing.IN_PROGRESS, Reason.WAITING_FOR_GATEWAY, said)
        return Plan(status=status, situation=trouble or situation, first=(*children, *slots), then=(*route, *gone))
    message = f"{arm.model_version} is the first version and serves all requests"
    return Plan(
        status=ended(status, arm, outcome(snapshot, arm, "Promoted", "FirstVersion", message)),
        situation=Situation(Standing.DONE, Reason.PROMOTED, message),
        first=children,
        then=gone,
        events=(Event(Reason.PROMOTED, message),),
        available=True,
        look_again=0.0,
    )


def _serving(snapshot: Snapshot) -> list[str]:
    return list(snapshot.route.reached) if snapshot.route else []


def _starting(snapshot: Snapshot, arm: Arm) -> Situation:
    found, spec, wanted = snapshot.revisions.get(arm.revision), snapshot.rollout.spec, needed(snapshot, arm)
    signal = hard_signal(found, spec, arm, in_traffic=False, needed=wanted, now=snapshot.now) if found else None
    if signal is not None:
        message = f"{arm.model_version} does not start: {signal.message}; there is no earlier version to return to"
        return Situation(Standing.FAILED, Reason.NOT_SERVING, message)
    end = deadline(sure(spec).serving.startup, arm)
    return Situation(Standing.IN_PROGRESS, *waiting(arm, found, wanted, until=end.at if end else None))
