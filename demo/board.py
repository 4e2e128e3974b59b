"""What there is to show: steps with their times, and the endpoint with its traffic."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from demo.endpoint import Endpoint
from demo.traffic import Tally


@dataclass
class Step:
    """Something that is done; `ended` and `began` are on the monotonic clock, `note` is its latest news."""

    title: str
    began: float
    ended: float | None = None
    note: str = ""

    def seconds(self, now: float) -> float:
        """How long it took, or takes by now."""
        return (self.ended or now) - self.began


class Audience(Protocol):
    """Is told when something happens."""

    def began(self, step: Step) -> None:
        """A step began."""

    def noted(self, step: Step) -> None:
        """A step has news."""

    def ended(self, step: Step) -> None:
        """A step is done."""

    def changed(self, board: "Board") -> None:
        """The endpoint or the traffic changed."""


@dataclass
class Board:
    """All of it, and who looks at it."""

    endpoint: Endpoint
    tally: Tally
    audience: Audience
    began: float = field(default_factory=time.monotonic)
    steps: list[Step] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """A step that is done when the context ends well. Several may be under way."""
        step = Step(title, time.monotonic())
        self.steps.append(step)
        self.audience.began(step)
        yield step
        step.ended = time.monotonic()
        self.audience.ended(step)

    def note(self, step: Step, news: str) -> None:
        """Tell how a step goes."""
        step.note = news
        self.audience.noted(step)

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began
