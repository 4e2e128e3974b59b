"""What must hold of the two Services of an adopted route, beside what holds for every Rollout."""

from crossfade.api import meta
from crossfade.decide.draining import undrained
from crossfade.decide.plan import Target, Weigh
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


def weights_that_are_refused_leave_stable_alone_all_the_same(one: Pass) -> None:
    adoption, live, stable = one.seen.adoption, one.seen.route, one.seen.rollout.status.stable
    for action in one.actions:
        if not isinstance(action, Weigh) or adoption is None or live is None or stable is None:
            continue
        served = {adoption.slots[name] for name, weight in action.weights.items() if weight}
        if served != {stable.revision} or not one.ready(stable.revision):
            continue
        pointed = {body["metadata"]["name"]: body["spec"]["selector"] for body in (by.body for by in action.otherwise)}
        selects = {name: selector[meta.LABEL_REVISION] for name, selector in pointed.items()}
        stored = slot_weights(adoption, live.spec)
        still = {{**adoption.slots, **selects}[name] for name, weight in stored.items() if weight}
        assert still <= {stable.revision}, f"where the weights are refused, {still} are served"
