"""What the judge remembers between two looks: sums over the grid, counts, and the end of the last round."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PodCount:
    """What one pod did in one window: requests, and how many of them went beyond each bound."""

    pod: str
    total: int
    bad: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """One round of scrapes, `end` in unix seconds. `bounds` (s) are those of `PodCount.bad`, empty for bad requests.

    `weight` is the percent of the requests that the candidate should get, 0 if unknown; `value` that of a gauge,
    instead of counts. `fault` says why the arms cannot be compared; the counts then have totals alone.
    """

    end: float
    stable: tuple[PodCount, ...]
    candidate: tuple[PodCount, ...]
    bounds: tuple[float, ...] = ()
    weight: float = 0
    value: float | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of one arm: requests, and those beyond each bound."""

    total: int = 0
    bad: tuple[int, ...] = ()

    def plus(self, total: int, bad: Sequence[int]) -> "Totals":
        """These and those; a longer list of bounds is as good as zeros before."""
        mine = self.bad or (0,) * len(bad)
        return Totals(self.total + total, tuple([a + b for a, b in zip(mine, bad, strict=True)]))


@dataclass(frozen=True, slots=True)
class Stratum:
    """Counts of one stage for the interval, events divided by their dispersion; `candidate`/`stable` by used bound."""

    weight: float
    candidate_total: int = 0
    stable_total: int = 0
    candidate: tuple[float, ...] = ()
    stable: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Calm:
    """How stable does in calm windows, for how many windows now both arms have jumped, and how many more to wait."""

    bad: int = 0
    total: int = 0
    run: int = 0
    cooling: int = 0

    @property
    def shaken(self) -> bool:
        """Whether nothing should be concluded just now."""
        return self.cooling > 0


@dataclass(frozen=True, slots=True)
class MetricLedger:
    """Memory of one metric. `used` are indices of `bounds`; the sums by used bound follow its order.

    `worse`, `over_floor` and `over_limit` are sums by grid point, `milder` and `lower` logarithms. `crossed` is the end
    of the window in which the evidence first reached the threshold; it stays, for the error rate covers every look.
    """

    end: float = 0.0
    looks: int = 0
    left: float = 1.0
    bounds: tuple[float, ...] = ()
    used: tuple[int, ...] = ()
    worse: tuple[tuple[float, ...], ...] = ()
    over_floor: tuple[float, ...] = ()
    over_limit: tuple[float, ...] = ()
    milder: tuple[tuple[float, ...], ...] = ()
    lower: tuple[float, ...] = ()
    stable: Totals = Totals()
    candidate: Totals = Totals()
    strata: tuple[Stratum, ...] = ()
    calm: Calm = field(default_factory=Calm)
    broken: tuple[bool, ...] = ()
    crossed: float = 0.0
    value: float | None = None
    fault: str = ""
    behind: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TrafficLedger:
    """Memory of one stage: counts after the grace, log likelihoods. `since` (unix s) its weight is acknowledged."""

    weight: float = 0
    since: float = 0.0
    end: float = 0.0
    candidate: int = 0
    total: int = 0
    logs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """What the service was like before the rollout: variance between pods beyond Poisson, and its rates.

    `kappa` is a squared coefficient of variation; `phi` is the least variance over mean to count with, whatever the
    counts are. `total` requests of `pods` pods were seen in `windows` windows, `bad` of them per bound of `bounds`.
    """

    kappa: float = 0.0
    bounds: tuple[float, ...] = ()
    bad: tuple[int, ...] = ()
    total: int = 0
    phi: float = 1.0
    pods: int = 0
    windows: int = 0


NOTHING_KNOWN = History()


@dataclass(frozen=True, slots=True)
class Ledger:
    """Memory of a whole rollout, by metric, and of the traffic's split.

    It belongs to one candidate and one `spec.analysis`, of which `asked` is the fingerprint; evidence counts from
    `since` (unix s) on, and `step` (s) is the scrape interval as it was then. `histories` are those of before.
    """

    metrics: Mapping[str, MetricLedger] = field(default_factory=dict)
    traffic: TrafficLedger = field(default_factory=TrafficLedger)
    asked: str = ""
    since: float = 0.0
    step: float = 0.0
    histories: Mapping[str, History] = field(default_factory=dict)
