"""The small world with a route of others: two Services, a rule whose weights anybody may write, and who wrote last."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache

from crossfade.api import meta
from crossfade.api.v1alpha1 import RolloutSpec
from crossfade.api.v1alpha1.rollout import Traffic
from crossfade.decide.plan import Action, Apply, Target, Weigh
from crossfade.decide.slots import revision_weights
from crossfade.model.route import Adoption, ParentFacts, RouteFacts, Writer
from crossfade.model.snapshot import Snapshot

from tests.simulation import small_world
from tests.simulation.shop import BLUE, GREEN, adopting, rule, shop
from tests.simulation.small_world import Json, Sight, State, rerouted, route_of, stored

_TRAFFIC = Traffic.model_validate(adopting()["traffic"])
_GIT = Writer("git", "2026-01-01T00:00:00Z")
_PARENT = ParentFacts("public", "gateways", None, None, True, True, False, 2)


def beginning() -> State:
    """Git's route is there, and nothing else."""
    return State(slots=(None, None), route=stored({"spec": shop(rule(1, 0))}), taken=True)


@cache
def _spec(strategy: str, version: str, suspend: bool) -> RolloutSpec:
    """One for each, for the judge is told by it what it judges."""
    plain = small_world.spec_of(strategy, version, suspend)
    return plain.model_copy(update={"traffic": _TRAFFIC})


def snapshot_of(state: State, sight: Sight, strategy: str) -> Snapshot:
    """All that the operator sees in this state, by this sight."""
    plain = small_world.snapshot_of(replace(state, route=""), sight, strategy)
    read = None if plain.rollout.spec is None else _spec(strategy, state.asks, state.suspend)
    slots = dict(zip((BLUE, GREEN), state.slots, strict=True))
    version = "7" if state.route else ""
    adoption = Adoption("ml", "shop", "model", slots, version, None if state.ours else _GIT)
    rollout = replace(plain.rollout, spec=read)
    return replace(plain, rollout=rollout, adoption=adoption, route=_route(state, adoption))


def _route(state: State, adoption: Adoption) -> RouteFacts | None:
    if not state.route:
        return None
    found = route_of(state.route)["spec"]
    given = revision_weights(adoption, found)
    parent = replace(_PARENT, resolved_refs=None not in state.slots, observed_generation=2 if state.taken else 1)
    return RouteFacts(2, given, frozenset(given), (parent,), found, {})


def apply(state: State, action: Action) -> State:
    """One write has come through. A Service that is pointed anew lists whom it selects a little later."""
    match action:
        case Apply(target=Target.SERVICE, body=body) if body["metadata"]["name"] in (BLUE, GREEN):
            slots = dict(zip((BLUE, GREEN), state.slots, strict=True))
            slots[body["metadata"]["name"]] = to = body["spec"]["selector"][meta.LABEL_REVISION]
            pods = tuple(
                replace(one, late=one.ready > 0) if one.revision == to and to not in state.slots else one
                for one in state.pods
            )
            return replace(state, slots=tuple(slots.values()), pods=pods)
        case Weigh(weights=weights):
            found = deepcopy(route_of(state.route)["spec"])
            for one in found["rules"][0]["backendRefs"]:
                one["weight"] = weights[one["name"]]
            return replace(rerouted(state), route=stored({"spec": found}), taken=False, ours=True)
    return small_world.apply(state, action)


def moves(state: State) -> Iterator[State]:
    """What the world, people and bad luck may do; bad luck also writes weights, and takes route and Services away."""
    yield from small_world.moves(replace(state, luck=0))
    if not state.luck:
        return
    after = replace(state, luck=state.luck - 1)
    for found in small_world.luck_of(replace(after, route="")):
        yield replace(found, route=state.route, taken=state.taken)
    for weights in ((1, 0), (1, 1), (0, 1)):
        yield _written(after, shop(rule(*weights)))
    yield _written(after, shop(rule(1, 1), {"name": "another", "backendRefs": []}))
    yield _written(after, shop(rule(1, 1, name="another")))
    if state.route:
        yield replace(rerouted(after), route="", taken=False)
    for at, slot in enumerate(state.slots):
        if slot is not None:
            yield replace(after, slots=tuple(None if other == at else one for other, one in enumerate(state.slots)))


def _written(state: State, spec: Json) -> State:
    return replace(rerouted(state), route=stored({"spec": spec}), taken=False, ours=False)
