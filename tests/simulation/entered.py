"""Which states a rollout enters as it is played, and as what it is seen in each."""

from typing import Any

import pytest
from crossfade.api.conditions import Reason
from crossfade.decide import progress, rollout
from crossfade.decide.state import State, first_of

from tests.simulation.world import World

STATES: dict[str, State[Any]] = {one.name: one for one in rollout.STATES} | {one.name: one for one in progress.STEPS}


class Entered:
    """To be told after each pass of a world (`see`) what it decided, while `patch` is in force."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        """Listen to every choice of a state."""
        self.reasons: dict[str, set[Reason]] = {}
        self._passed: list[str] = []
        patch.setattr(rollout, "first_of", self._named)
        patch.setattr(progress, "first_of", self._named)

    def _named(self, states: tuple[State[Any], ...], seen: Any) -> State[Any]:
        state = first_of(states, seen)
        self._passed.append(state.name)
        return state

    def see(self, world: World) -> None:
        """One pass is over."""
        assert world.plan is not None
        for name in self._passed:
            self.reasons.setdefault(name, set())
        self.reasons[self._passed[-1]].add(world.plan.situation.reason)
        self._passed.clear()

    def untold(self) -> dict[str, set[Reason]]:
        """By state, the reasons that its table does not list."""
        return {name: left for name, seen in self.reasons.items() if (left := seen - _listed(STATES[name]))}


def _listed(state: State[Any]) -> set[Reason]:
    """What a state may be seen as; one that a gateway was waited for in is a standstill in the end."""
    also = STATES["Entering"].seen if "as above" in state.does or "as below" in state.does else ()
    listed = {*state.seen, *also}
    late = listed & {Reason.WAITING_FOR_GATEWAY, Reason.DRAINING}
    return listed | {Reason.NOT_ACKNOWLEDGED} if late else listed
