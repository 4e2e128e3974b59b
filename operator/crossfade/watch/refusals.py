"""What one registry refused to be told: each has a time of its own, so that what is new is told at once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from crossfade.model.writing import Deed
from crossfade.observe.retries import rest_after, spread


@dataclass(frozen=True, slots=True)
class _Refusal:
    times: int
    due: float
    why: str


class Refusals:
    """Times are seconds of one clock that never goes back; `jitter` gives a number from 0 to 1."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._known: dict[Deed, _Refusal] = {}

    def keep(self, wanted: Iterable[Deed]) -> None:
        """Forget what nobody wants to tell any more."""
        self._known = {deed: self._known[deed] for deed in wanted if deed in self._known}

    def note(self, done: Iterable[Deed], refused: Mapping[Deed, str], now: float) -> None:
        """Take in what came of an attempt, with the reason of each refusal."""
        for deed in done:
            self._known.pop(deed, None)
        for deed, why in refused.items():
            times = self._known[deed].times + 1 if deed in self._known else 1
            due = now + spread(rest_after(times), self._jitter)
            self._known[deed] = _Refusal(times, due, why)

    def due(self, wanted: Iterable[Deed], now: float) -> tuple[Deed, ...]:
        """What may be told now: all that was not refused, or long enough ago."""
        return tuple(deed for deed in wanted if deed not in self._known or self._known[deed].due <= now)

    def next(self) -> float:
        """When the first of them is due again; 0 where there is none."""
        return min((one.due for one in self._known.values()), default=0.0)

    @property
    def standing(self) -> tuple[str, float]:
        """Why the first is refused, and within how many seconds it is tried again at most; empty where none is."""
        first = next(iter(self._known.values()), None)
        return (first.why, rest_after(first.times)) if first is not None else ("", 0.0)
