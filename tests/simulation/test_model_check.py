"""Would catch: a state, however odd the way into it, from which the planner breaks a promise or cannot come back.

Every state of a small world is visited, breadth first: whatever one look may find, whatever people order and edit,
whatever pods, gateway and route do meanwhile, and a kill between any two writes. `make test` has one ladder that is
left alone, `make test-long` the rest.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from types import ModuleType

import pytest
from crossfade.api import meta
from crossfade.decide import scene
from crossfade.decide.on_record import in_order
from crossfade.decide.plan import Plan
from crossfade.decide.rollout import plan_rollout

from tests.simulation import small_adopted, small_world
from tests.simulation.invariants import PROMISES
from tests.simulation.ladders import LADDERS
from tests.simulation.pass_promises import a_rollback_is_one_pass_away
from tests.simulation.passes import Pass
from tests.simulation.routes import is_service
from tests.simulation.small_world import SIGHTS, Pods, Sight, State, canonical, look_at, route_of, status_of

ALL = 10**9
LOOKS = 8
"""So many, a tick of the clock apart, are longer than a deletion may take."""
SMALLEST = "back"
ON_ADOPTED = [name for name in LADDERS if name not in ("shapes", "pods")]
Trail = tuple["State | None", str]


@dataclass
class Explorer:
    """All states that were reached, and from where, so that a broken promise can be told as a story."""

    ladder: str
    reached: dict[State, Trail] = field(default_factory=dict)
    passes: dict[State, tuple[tuple[State, str], ...]] = field(default_factory=dict)

    def explore(self, first: State, most: int) -> int:
        """Visit what can be reached from `first`, at most so many states; how many there were."""
        self.reached[first] = (None, "the beginning")
        wave = [first]
        while wave and len(self.reached) < most:
            after: list[State] = []
            for state in wave:
                for found, how in self.successors(state):
                    if found not in self.reached:
                        self.reached[found] = (state, how)
                        after.append(found)
            wave = after
        return len(self.reached)

    def successors(self, state: State) -> Iterator[tuple[State, str]]:
        """What the operator makes of it by each sight, then what the world makes of it."""
        for found, how in self.looked(state):
            yield replace(found, people=state.people, luck=state.luck), how
        for found in world_of(state).moves(state):
            yield found, "the world moves"

    def looked(self, state: State) -> tuple[tuple[State, str], ...]:
        """What one look makes of it; people and luck are left out, for the operator knows nothing of them."""
        plain = replace(state, people=0, luck=0)
        if plain not in self.passes:
            self.passes[plain] = tuple(self.looks(plain, state))
        return self.passes[plain]

    def looks(self, plain: State, state: State) -> Iterator[tuple[State, str]]:
        """One pass by each sight that can make a difference, with all its writes or only the first of them."""
        apply = world_of(plain).apply
        under_way = '"stage":' in plain.status
        for sight in SIGHTS if under_way else (SIGHTS[-1], *SIGHTS[:2]):
            plan = self.one_pass(plain, sight, state)
            found, (before, after) = plain, in_order(plan, status_of(plain.status))
            for action in before:
                found = apply(found, action)
                yield found, f"killed, {sight.name}"
            found = replace(found, status=canonical(plan.status))
            yield found, f"killed, {sight.name}"
            for action in after:
                found = apply(found, action)
                yield found, f"{plan.situation.reason}, {sight.name}"
            assert not left_nobody_behind(found), self.story(state, sight)

    def one_pass(self, plain: State, sight: Sight, state: State) -> Plan:
        """Plan, and hold the plan to the promises."""
        seen = world_of(plain).snapshot_of(plain, sight, self.ladder)
        try:
            one = Pass(seen, plan_rollout(seen))
            for promise in PROMISES:
                if promise.check is not a_rollback_is_one_pass_away or sight in SIGHTS[:2]:
                    promise.hold(one)
        except Exception as error:
            error.add_note(self.story(state, sight))
            raise
        return one.plan

    def story(self, state: State, sight: Sight) -> str:
        """The way to a state."""
        lines = [f"then a look: {sight.name}"]
        at: State | None = state
        while at is not None:
            before, how = self.reached[at]
            lines.append(f"{how} -> {_told(at)}")
            at = before
        return "\n".join(reversed(lines))


def left_nobody_behind(state: State) -> bool:
    """Whether no ready pod is behind the Service although stable has one."""
    stable, service = status_of(state.status).stable, route_of(state.route) if state.route else None
    if stable is None or service is None or state.deleting or not is_service(service):
        return False
    alone = service["spec"]["selector"].get(meta.LABEL_REVISION)
    ready = [one for one in state.pods if one.ready]
    behind = any(one.revision == alone or (alone is None and one.serves) for one in ready)
    return not behind and any(one.revision == stable.revision for one in ready)


def _marks(one: Pods) -> str:
    """`*` a ready pod, `~` in no slice yet, `!` crashing, `z` scaled away, `-` without a Service."""
    marks = {"*" * one.ready: one.ready, "~": one.late, "!": one.crashing, "z": not one.size, "-": not one.backend}
    return "".join(mark for mark, there in marks.items() if there)


def _told(state: State) -> str:
    pods = " ".join(one.version + _marks(one) for one in state.pods)
    flags = " ".join(name for name in ("suspend", "taken", "finalizer", "deleting") if getattr(state, name))
    return f"asks {state.asks} [{pods}] {flags} {dict(state.orders)} {state.status[:600]} {state.route[-330:-60]}"


def world_of(state: State) -> ModuleType:
    """What moves it: with a route of others other things do."""
    return small_adopted if state.slots else small_world


def serving(ladder: str, first: State | None = None) -> State:
    """v1 serves and is at rest."""
    explorer, state = Explorer(ladder), first or State()
    for _ in range(12):
        for found, _how in explorer.looks(state, state):
            last = found
        state = last
        pods = tuple(replace(one, ready=one.size, late=False) for one in state.pods)
        state = replace(state, pods=pods, taken=bool(state.route))
    return replace(state, asks="v2")


@pytest.fixture(autouse=True)
def any_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge is replaced by all that it could say."""
    monkeypatch.setattr(scene, "look_at", look_at)


def explored(ladder: str, people: int, luck: int, most: int, first: State | None = None) -> int:
    explorer = Explorer(ladder)
    states = explorer.explore(replace(serving(ladder, first), people=people, luck=luck), most)
    print(f"{ladder}: {states} states, {len(explorer.passes)} of them apart for the operator")
    return states


@pytest.mark.parametrize(
    "ladder", [SMALLEST, *(pytest.param(one, marks=pytest.mark.matrix) for one in LADDERS if one != SMALLEST)]
)
def test_every_promise_holds_in_every_state_of_a_rollout_that_is_left_alone(ladder: str) -> None:
    assert explored(ladder, 0, 0, ALL) > 250


def both_or_one(ladders: Iterable[str]) -> list[tuple[str, int, int]]:
    """How much people and bad luck may do on each: on the smallest an order and a misfortune, in whatever order they
    come; what one of them alone leads to is among it. On the others one of them: both take above half an hour each."""
    further = [(one, *counts) for one in ladders if one != SMALLEST for counts in ((1, 0), (0, 1))]
    return [(SMALLEST, 1, 1), *further]


def ends(explorer: Explorer, state: State) -> bool:
    """Whether a Rollout that is being deleted is let go by looks and the clock alone."""
    for _ in range(LOOKS):
        *_, (looked, _) = explorer.looked(state)
        if not looked.finalizer:
            return True
        state = next(world_of(looked).moves(looked))
    return False


def deleted_anywhere(ladder: str, luck: int, first: State | None = None) -> int:
    """In all states that a rollout comes to it is deleted, and in all that may come of that it ends."""
    explorer, going = Explorer(ladder), Explorer(ladder)
    explorer.explore(serving(ladder, first), ALL)
    for state in explorer.reached:
        going.explore(replace(state, deleting=True, luck=luck), ALL)
    for state in going.reached:
        assert ends(going, replace(state, luck=0)), going.story(state, SIGHTS[-1])
    print(f"{ladder}, deleted: {len(going.reached)} states, {len(going.passes)} of them apart for the operator")
    return len(going.reached)


@pytest.mark.matrix
@pytest.mark.parametrize("ladder", ON_ADOPTED)
def test_every_promise_holds_on_a_route_of_others(ladder: str) -> None:
    assert explored(ladder, 0, 0, ALL, small_adopted.beginning()) > 400


@pytest.mark.matrix
@pytest.mark.parametrize("ladder", ON_ADOPTED)
def test_every_promise_holds_after_one_misfortune_on_a_route_of_others(ladder: str) -> None:
    """Another writer is one of them."""
    explorer = Explorer(ladder)
    explorer.explore(serving(ladder, small_adopted.beginning()), ALL)
    after_one(explorer)


@pytest.mark.slow
@pytest.mark.parametrize(("ladder", "people", "luck"), both_or_one(ON_ADOPTED))
def test_every_promise_holds_on_a_route_of_others_with_people_and_bad_luck(ladder: str, people: int, luck: int) -> None:
    assert explored(ladder, people, luck, ALL, small_adopted.beginning()) > 3500


@pytest.mark.matrix
@pytest.mark.parametrize("ladder", LADDERS)
def test_a_deletion_always_ends(ladder: str) -> None:
    assert deleted_anywhere(ladder, 0) > 1000


@pytest.mark.matrix
@pytest.mark.parametrize("ladder", ON_ADOPTED)
def test_a_deletion_always_ends_on_a_route_of_others(ladder: str) -> None:
    assert deleted_anywhere(ladder, 0, small_adopted.beginning()) > 1000


@pytest.mark.slow
@pytest.mark.parametrize("ladder", LADDERS)
def test_a_deletion_always_ends_with_a_misfortune(ladder: str) -> None:
    assert deleted_anywhere(ladder, 1) > 4000


@pytest.mark.matrix
@pytest.mark.parametrize("ladder", LADDERS)
def test_every_promise_holds_after_one_order_or_misfortune_on_the_way(ladder: str) -> None:
    explorer = Explorer(ladder)
    explorer.explore(serving(ladder), ALL)
    after_one(explorer)


def after_one(explorer: Explorer) -> None:
    """From some of the states that were reached, one order or misfortune more."""
    on_the_way = list(explorer.reached)[:: len(explorer.reached) // 30]
    for state in on_the_way:
        for found in world_of(state).moves(replace(state, people=1, luck=1)):
            explorer.reached.setdefault(found, (state, "an order or a misfortune"))
            list(explorer.successors(found))
    print(f"{explorer.ladder}: {len(explorer.passes)} states apart for the operator")
    assert len(explorer.passes) > 700


def gone_back(people: int, luck: int, first: State | None = None) -> int:
    """From where v2 was just promoted and v1 is asked for again, its pod kept."""
    explorer = Explorer("back")
    explorer.explore(serving("back", first), ALL)
    promoted = next(one for one in explorer.reached if '"previous":' in one.status)
    again = Explorer("back")
    states = again.explore(replace(promoted, asks="v1", people=people, luck=luck), ALL)
    print(f"back again: {states} states, {len(again.passes)} of them apart for the operator")
    assert any('"result":"FastRolledBack"' in one.status for one in again.reached)
    return states


@pytest.mark.matrix
def test_every_promise_holds_on_the_way_back_with_a_misfortune() -> None:
    assert gone_back(0, 1) > 700


@pytest.mark.matrix
def test_every_promise_holds_on_the_way_back_on_a_route_of_others() -> None:
    assert gone_back(0, 0, small_adopted.beginning()) > 100


@pytest.mark.slow
def test_every_promise_holds_on_the_way_back_with_an_order_and_a_misfortune() -> None:
    assert gone_back(1, 1) > 4000


@pytest.mark.slow
@pytest.mark.parametrize(("ladder", "people", "luck"), both_or_one(LADDERS))
def test_every_promise_holds_in_every_state_with_people_and_bad_luck(ladder: str, people: int, luck: int) -> None:
    assert explored(ladder, people, luck, ALL) > 3500
