"""The same rollouts when everything comes in another order: looks early, late, repeated, cut short; pods, gateways and
EndpointSlices that take their time; scrapes seen by halves; an operator that is restarted, and may not have heard of
the last write of the status, or killed between two writes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random
from types import MappingProxyType

from crossfade.decide.plan import Action
from crossfade.model.evidence import Evidence, Series
from crossfade.model.ledger import Ledger

from tests.simulation.cases.story import Story, When
from tests.simulation.cases.theirs import Adopted
from tests.simulation.slices import End
from tests.simulation.world import SCRAPE, World

_HALF = SCRAPE / 2
_LATEST = 1.0
"""The operator is waked by events and scrapes: longer than this (s) nothing goes unseen."""
_BETWEEN_KILLS = 6.0


@lru_cache(maxsize=4096)
def _drawn(name: str, least: float, most: float) -> float:
    """The same for the same name however often it is asked for, which each look does."""
    return Random(name).uniform(least, most)


@dataclass
class Shuffled(Story):
    """All that may differ from run to run is drawn from `seed`."""

    seed: int = 0
    patience: float = 10.0
    looked_at: float = 0.0
    killed_at: float = 0.0
    dice: Random = field(default_factory=Random)
    shown: Evidence | None = None

    def __post_init__(self) -> None:
        """The dice fall the same for the same seed."""
        self.dice = Random(self.seed)
        self.start_seconds = 0.0

    def run(self, seconds: float, until: Callable[[World], bool] | None = None) -> "Shuffled":
        """Traffic and scrapes keep their time; looks come whenever they come, between them too."""
        end = self.now + seconds
        while self.now < end and not (until and until(self)):
            grid = self.now + _HALF
            if self.dice.random() < 0.25:
                self.now += self.dice.uniform(0.05, 0.45)
                self._look()
            self.now = grid
            self._others(_HALF)
            if self.dice.random() < 0.6 or self.now - self.looked_at >= _LATEST:
                self._look()
        return self

    def reaches(self, when: When, within: float = 300.0) -> "Shuffled":
        """Go on until it is so; it may take a little longer here."""
        super().reaches(when, within + self.patience)
        return self

    def rests(self, seconds: float = 60.0) -> "Shuffled":
        """Let time pass; a little more of it, so that what is under way can end here too."""
        super().rests(seconds + self.patience / 2)
        return self

    def _look(self) -> None:
        """One look, as it should be or not."""
        self.looked_at, kind = self.now, self.dice.random()
        if kind < 0.06:
            self.restart(behind=int(kind * 1000) % 2 == 0)  # half of them, and no die more
        elif kind < 0.12 and self.crash_after is None and self.now - self.killed_at > _BETWEEN_KILLS:
            self.killed_at = self.now
            self.crash_after = self.dice.randrange(4)
            self.reconcile()
            self.crash_after = None
            return
        elif kind < 0.25:
            self._once()  # and no second thought
            return
        self.reconcile()
        if kind > 0.9:
            self.reconcile()

    def ready(self, name: str) -> int:
        """Each pod takes its own time to start."""
        born = enumerate(self.revisions[name].born)
        started = sum(_drawn(f"{self.seed} {name} {pod}", 0.5, 6.0) <= self.now - at for pod, at in born)
        return min(super().ready(name), started)

    def late(self, end: End) -> float:
        """Each pod is listed at its own time, not in the order in which they are ready."""
        return self.slice_seconds + _drawn(f"{self.seed} {end}", 0.0, 2.0)

    def _act(self, action: Action) -> None:
        before = self.route_generation
        super()._act(action)
        if self.route_generation != before and max(self.serve_seconds, self.ack_seconds) < 10:
            self.ack_seconds = self.dice.uniform(0.0, 1.5)
            self.serve_seconds = self.ack_seconds + self.dice.uniform(0.1, 1.5)

    def _evidence(self, ledger: Ledger | None) -> Evidence | None:
        """Sometimes what was read at the last look; else each pod's newest scrape only once it has arrived."""
        read = super()._evidence(ledger)
        if read is None or read.error is not None:
            self.shown = None
            return read
        if self.shown is not None and self.dice.random() < 0.2 and self.now - self.shown.read_at < 3:
            return self.shown
        counters = read.metrics["errors"]
        bad, total = (tuple(map(self._arrived, series)) for series in (counters.bad, counters.total))
        self.shown = replace(read, metrics={"errors": replace(counters, bad=bad, total=total)})
        return self.shown

    def _arrived(self, one: Series) -> Series:
        at = one.samples[-1][0]
        lag = _drawn(f"{self.seed} {one.pod} {at}", -0.5, 0.9)
        return one if at + lag <= self.now else replace(one, samples=one.samples[:-1])


@dataclass
class AdoptedShuffled(Shuffled, Adopted):
    """The same with a route of others."""

    def __post_init__(self) -> None:
        """Both worlds begin."""
        Shuffled.__post_init__(self)
        Adopted.__post_init__(self)


SHUFFLED: Mapping[type[Story], type[Shuffled]] = MappingProxyType({Story: Shuffled, Adopted: AdoptedShuffled})
"""By the world that a case is of."""
