"""A service and what is wrong with its new version, as numbers: all that a simulation has to know."""

from dataclasses import dataclass

from crossfade.decide.judge.rules import Kind

CLASSIC = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The default buckets of the Prometheus client libraries, in seconds."""
FINE = tuple(0.005 * 2 ** (i / 4) for i in range(45))
"""Four buckets for each doubling, 5 ms to 10 s."""
NOISE = 60.0
"""How long (s) a pod stays as much better or worse than the others as it is, on average, when nothing else is said."""


@dataclass(frozen=True, slots=True)
class Pods:
    """How many an arm has; how unequal their rates of errors are (coefficient of variation), and for how long (s)."""

    stable: int = 4
    candidate: int = 2
    cv: float = 0.0
    lasts: float = NOISE


@dataclass(frozen=True, slots=True)
class Latency:
    """Lognormal latencies: `median` in seconds, `sigma` of the logarithm, and the histogram's bounds in seconds."""

    median: float = 0.08
    sigma: float = 0.6
    bounds: tuple[float, ...] = CLASSIC


@dataclass(frozen=True, slots=True)
class Shocks:
    """What hits both arms alike: `an_hour` times, errors `factor` as many, for `lasts` seconds."""

    an_hour: float = 0.0
    factor: float = 20.0
    lasts: float = 60.0


@dataclass(frozen=True, slots=True)
class Drift:
    """A sine in the rate of errors and, the other way round, of requests: relative amplitude, period in seconds."""

    amplitude: float = 0.0
    period: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Service:
    """What serves now. `errors` is the share of bad requests, `step` the scrape interval in seconds.

    `applied` is how much of the weight asked for the gateway really applies: 1 for all, 0 when nothing arrives.
    """

    rps: float = 50.0
    errors: float = 0.01
    step: float = 15.0
    pods: Pods = Pods()
    latency: Latency = Latency()
    shocks: Shocks = Shocks()
    drift: Drift = Drift()
    applied: float = 1.0

    def bounds(self, kind: Kind) -> tuple[float, ...]:
        """The bounds (s) of a metric's histogram; none for shares of bad requests."""
        return self.latency.bounds if kind == "latency" else ()


@dataclass(frozen=True, slots=True)
class Regression:
    """How the candidate differs: `errors` and `latency` times stable's, from `onset` seconds on."""

    errors: float = 1.0
    latency: float = 1.0
    onset: float = 0.0


SAME = Regression()
"""A candidate as good as stable."""
PLAIN = Service()
"""Nothing special."""
