"""What must hold of the two Services of an adopted route, beside what holds for every Rollout."""

from crossfade.api import meta
from crossfade.decide.draining import undrained
from crossfade.decide.plan import Target
from crossfade.decide.slots import slot_weights
from crossfade.decide.traffic import traffic_of

from tests.simulation.passes import Pass
from tests.simulation.writes import writes


def no_service_moves_under_its_requests(one: Pass) -> None:
    adoption, live, stable = one.seen.adoption, one.seen.route, one.seen.rollout.status.stable
    for action in one.actions if adoption else ():
        name = action.body["metadata"]["name"] if writes(action, Target.SERVICE) else ""
        if adoption is None or live is None or not writes(action, Target.SERVICE) or not adoption.slots.get(name):
            continue
        to = action.body["spec"]["selector"][meta.LABEL_REVISION]
        idle = slot_weights(adoption, live.spec)[name] == 0 and traffic_of(one.seen).untaken(one.seen) is None
        rescue = stable is not None and not one.ready(stable.revision) and one.ready(to)
        if rescue or (stable is not None and to == stable.revision):
            assert idle or one.ready(to), f"{name} is pointed at {to}, which cannot answer"
        else:
            assert idle, f"{name} is pointed at {to} under its requests"
            assert undrained(one.seen) == 0, f"{name} is pointed at {to} too soon"
