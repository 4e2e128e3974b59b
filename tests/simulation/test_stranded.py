"""Would catch: a version that nobody wants and that alone can answer, from which nothing leads on; or a way on by which
a promise breaks.

The small world again, from where stable has lost its pod while a candidate has traffic: by every step from there the
promises hold, and from every state that is reached the end is reachable, once bad luck has had its part.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache

import pytest
from crossfade.decide import scene
from crossfade.model.order import Verb

from tests.simulation import small_adopted
from tests.simulation.small_world import SIGHTS, State, look_at, status_of
from tests.simulation.test_model_check import ALL, Explorer, serving, world_of

pytestmark = pytest.mark.matrix


@dataclass
class Onwards(Explorer):
    """All states that were reached, and what comes after each; pods that crash are `mended` some time."""

    mended: bool = True
    after: dict[State, tuple[State, ...]] = field(default_factory=dict)

    def successors(self, state: State) -> Iterator[tuple[State, str]]:
        """As in the larger exploration; and what was broken is mended."""
        found = [*super().successors(state), *((one, "a pod is mended") for one in self.repairs(state))]
        self.after[state] = tuple(one for one, _ in found)
        yield from found

    def repairs(self, state: State) -> Iterator[State]:
        """The state with one pod that crashes no more."""
        for at, one in enumerate(state.pods) if self.mended else ():
            if one.crashing:
                fine = replace(one, crashing=False)
                yield replace(state, pods=(*state.pods[:at], fine, *state.pods[at + 1 :]))

    def lead(self, firsts: Iterable[State], there: Callable[[State], bool]) -> int:
        """From each state that can be reached it must be possible to get `there`; how many states there are."""
        for first in firsts:
            if first not in self.reached:
                self.explore(first, ALL)
        before: dict[State, list[State]] = {}
        for state, later in self.after.items():
            for one in later:
                before.setdefault(one, []).append(state)
        good = {state for state in self.reached if there(state)}
        wave = [*good]
        while wave:
            wave = list({one for state in wave for one in before.get(state, ())} - good)
            good.update(wave)
        stuck = next((state for state in self.reached if state not in good), None)
        assert stuck is None, f"from here nothing leads on:\n{self.story(stuck, SIGHTS[0])}"
        print(f"{self.ladder}: {len(self.reached)} states")
        return len(self.reached)


def shares(state: State) -> dict[str, float]:
    """By version, what the stored route gives it; without the versions whose pod is not ready."""
    live = world_of(state).snapshot_of(state, SIGHTS[0], LADDER).route
    ready = {one.revision: one.version for one in state.pods if one.ready}
    return {ready[name]: live.share(name) for name in live.weights if name in ready} if live else {}


def is_over(state: State) -> bool:
    """Nothing is under way, and what is asked for serves everything, or was taken back and what was before does."""
    status = status_of(state.status)
    if status.candidate is not None or status.stable is None or not state.taken:
        return False
    end = status.outcome
    back = end is not None and end.result in ("RolledBack", "Aborted") and end.model_version == state.asks
    return shares(state) == {status.stable.model_version: 1.0} and (back or status.stable.model_version == state.asks)


def lost(state: State, version: str, *, crashing: bool) -> State:
    """The pod of a version is not ready any more, and may never be again."""
    pods = (replace(one, ready=0, crashing=crashing) if one.version == version else one for one in state.pods)
    return replace(state, pods=tuple(pods))


@cache
def promoted_second(first: State | None = None) -> State:
    """v2 was promoted over v1."""
    explorer = Explorer(LADDER)
    explorer.explore(serving(LADDER, first), ALL)
    return next(one for one in explorer.reached if '"previous":' in one.status)


@cache
def half_way(first: State | None = None) -> list[State]:
    """v3 has half of the requests of v2, and v1 may still be there or not."""
    explorer = Explorer(LADDER)
    explorer.explore(replace(promoted_second(first), asks="v3"), ALL)
    return [one for one in explorer.reached if shares(one) == {"v2": 0.5, "v3": 0.5}]


@cache
def going_back(first: State | None = None) -> list[State]:
    """v1 is asked for after v2, which lost its pod, and has everything again."""
    explorer = Explorer(LADDER)
    explorer.explore(lost(replace(promoted_second(first), asks="v1"), "v2", crashing=True), ALL)
    return [one for one in explorer.reached if shares(one) == {"v1": 1.0} and status_of(one.status).candidate]


def some(states: list[State], most: int) -> list[State]:
    """A few of them, from everywhere."""
    return states[:: max(len(states) // most, 1)]


LADDER = "back"


@pytest.fixture(autouse=True)
def any_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge is replaced by all that it could say."""
    monkeypatch.setattr(scene, "look_at", look_at)


def stranded(states: Iterable[State], version: str, *orders: tuple[Verb, str]) -> list[State]:
    """With the stable v2 lost for good, and another version asked for."""
    return [lost(replace(one, asks=version, orders=orders), "v2", crashing=True) for one in states]


def first_has_all(state: State) -> bool:
    """v1 is stable again."""
    return is_over(state) and shares(state) == {"v1": 1.0}


def fourth_has_its_place(state: State) -> bool:
    """v4 has what v3 had."""
    return shares(state).get("v4") == 0.5


def test_the_version_before_comes_back_although_stable_never_does() -> None:
    assert Onwards(LADDER, mended=False).lead(stranded(some(half_way(), 2), "v1"), first_has_all) > 100


def test_a_new_version_gets_the_place_of_the_other_although_stable_never_comes_back() -> None:
    assert Onwards(LADDER, mended=False).lead(stranded(some(half_way(), 1), "v4"), fourth_has_its_place) > 100


def test_a_third_version_in_mid_way_back_is_rolled_out_although_stable_never_comes_back() -> None:
    assert Onwards(LADDER, mended=False).lead(some(stranded(going_back(), "v3"), 1), is_over) > 100


def test_an_abort_ends_when_stable_has_a_pod() -> None:
    assert Onwards(LADDER).lead(stranded(half_way()[:1], "v3", ("abort", "a")), is_over) > 100


def test_an_abort_is_obeyed_when_the_route_is_gone_and_the_spec_cannot_be_read() -> None:
    """Nothing says then which route there should be."""
    (first, *_) = half_way()
    (state,) = stranded([replace(first, route="", taken=False)], "?", ("abort", "a"))
    (*_, (found, _)) = Explorer(LADDER).looked(state)
    assert '"result":"Aborted"' in found.status


@pytest.mark.slow
@pytest.mark.parametrize("route", ["ours", "theirs"])
@pytest.mark.parametrize("asks", ["v1", "v2", "v4", "abort"])
def test_it_ends_whatever_is_asked_for_when_pods_come_back(asks: str, route: str) -> None:
    states = half_way(small_adopted.beginning() if route == "theirs" else None)
    firsts = stranded(states, "v3", ("abort", "a")) if asks == "abort" else stranded(states, asks)
    assert Onwards(LADDER).lead(firsts, is_over) > 500


@pytest.mark.slow
@pytest.mark.parametrize("route", ["ours", "theirs"])
@pytest.mark.parametrize("asks", ["v1", "v4", "abort"])
def test_it_ends_after_one_more_misfortune(asks: str, route: str) -> None:
    states = some(half_way(small_adopted.beginning() if route == "theirs" else None), 2)
    firsts = stranded(states, "v1", ("abort", "a")) if asks == "abort" else stranded(states, asks)
    assert Onwards(LADDER).lead((replace(one, luck=1) for one in firsts), is_over) > 500


@pytest.mark.slow
@pytest.mark.parametrize("ladder", ["weights", "shapes", "pods", "impatient"])
def test_every_promise_holds_when_stable_is_lost_on_any_ladder_and_a_third_version_is_asked_for(ladder: str) -> None:
    before, after = Explorer(ladder), Explorer(ladder)
    before.explore(serving(ladder), ALL)
    for one in some([one for one in before.reached if status_of(one.status).candidate], 60):
        for asks in ("v1", "v2", "v3"):
            first = lost(replace(one, asks=asks, orders=(("abort", "a"),) if asks == "v2" else ()), "v1", crashing=True)
            if first not in after.reached:
                after.explore(first, ALL)
    print(f"{ladder}: {len(after.reached)} states")
    assert len(after.reached) > 500
