"""A table of states: guard and action of each in words and as code, so that what is read is what runs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from crossfade.api.conditions import Reason
from crossfade.decide.plan import Plan

Seen = TypeVar("Seen")
Known = TypeVar("Known")

PODS = (
    Reason.STARTING,
    Reason.NO_ROOM,
    Reason.PULLING_IMAGE,
    Reason.DOWNLOADING,
    Reason.LOADING,
    Reason.WARMING_UP,
)
"""While pods are waited for: what the slowest of them is at."""


@dataclass(frozen=True, slots=True)
class State(Generic[Seen]):
    """One state: when a Rollout is in it, what is done then, and what is seen of it.

    `does` may have several lines. `seen` are the reasons that Ready may show, none where another table goes on; `code`
    is where to read on.
    """

    name: str
    when: str
    does: str
    seen: tuple[Reason, ...]
    code: Callable[..., object]
    applies: Callable[[Seen], bool]
    plan: Callable[[Seen], Plan]


def first_of(states: Iterable[State[Seen]], seen: Seen) -> State[Seen]:
    """The first state that applies; the last one of a table always does."""
    return next(state for state in states if state.applies(seen))


def sure(found: Known | None) -> Known:
    """What the state's own guard has made sure of."""
    if found is None:
        raise ValueError("a state was entered whose guard does not hold")
    return found
