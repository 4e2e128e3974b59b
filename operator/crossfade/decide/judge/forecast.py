"""The plan: what each stage will catch, how soon, at the cost of how many bad requests, and how soon it lets go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.strategy import Scale, Stage
from crossfade.decide.capacity import pods_for
from crossfade.decide.judge.pace import (
    Flow,
    is_caught,
    is_told,
    shares,
    used_bounds,
    windows_to_accept,
    windows_to_catch,
)
from crossfade.decide.judge.replay import Replay, with_histories
from crossfade.decide.judge.rules import History, Kind, MetricRules, Rules
from crossfade.decide.shapes import NOTHING, Shape, shape_of

MEDIAN, POWER, LATE = 0.0, 0.8416, 1.6449
"""Normal quantiles of 50, 80 and 95 %."""
HORIZON_SECONDS = 1800.0
"""What a stage without `maxDuration` is asked to catch things within."""
_LONGEST_SECONDS = 14 * 86400.0
_SLOWEST = 50.0


@dataclass(frozen=True, slots=True)
class Volume:
    """What the service gets: requests a second in all (`by_metric` where a metric counts others), pods of all."""

    rps: float
    pods: int = 1
    by_metric: Mapping[str, float] = field(default_factory=dict)

    def of(self, metric: str) -> float:
        """Requests a second that the metric counts."""
        return self.by_metric.get(metric, self.rps)


@dataclass(frozen=True, slots=True)
class Catch:
    """Seconds until a regression is caught, in half and in 95 % of rollouts (inf for never within two weeks), and the
    candidate's bad or slow requests until then, in half of them."""

    median: float
    late: float
    bad: float


@dataclass(frozen=True, slots=True)
class Row:
    """One metric in one stage, as if the rollout began with it, with so many `pods` of the candidate.

    Times are in seconds, inf for never within two weeks.

    `smallest` regression is caught in 80 % of rollouts within `horizon`, None when none is; as a ratio of shares of bad
    requests, or of times for a latency. An equal version is proven good enough after `promotes` or `promotes_late`.
    """

    stage: str
    gives: str
    pods: int
    metric: str
    kind: Kind
    required: bool
    horizon: float
    smallest: float | None
    half_more: Catch
    double: Catch
    fivefold: Catch
    promotes: float
    promotes_late: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """The whole plan: rows by stage and metric. `promoted` are the seconds from the first stage's proof to promotion of
    an equal version, in half and in 95 % of rollouts; inf when it would be held."""

    rules: Rules
    stages: tuple[Stage, ...]
    service: Volume
    rows: tuple[Row, ...]
    promoted: tuple[float, float]
    replay: Replay | None


def plan_of(
    rules: Rules, stages: Sequence[Stage], service: Volume, replay: Replay | None = None, scale: Scale = 100
) -> Forecast:
    """The plan for a service whose rates the rules' histories tell. Metrics of which nothing is told have no row, nor
    have stages of which nobody can know how many requests they get. Weights are parts of `scale`.

    Evidence of earlier stages counts in later ones, which the rows leave out and `promoted` does not.
    """
    silent = {metric.name: History() for metric in rules.metrics if service.of(metric.name) <= 0}
    rules = with_histories(rules, silent)  # a past in which nobody asks tells nothing
    told = [metric for metric in rules.metrics if is_judged(metric) and is_told(metric)]
    shapes = [(stage, shape_of(stage, scale) or NOTHING) for stage in stages]
    rows = tuple(
        _row(rules, stage, shape, metric, service) for stage, shape in shapes if shape.expected for metric in told
    )
    foreseen = tuple(stage for stage, shape in shapes if shape.expected)
    promoted = tuple(_promoted(rules, foreseen, rows, late=late) for late in (False, True))
    return Forecast(rules, foreseen, service, rows, (promoted[0], promoted[1]), replay)


def is_judged(metric: MetricRules) -> bool:
    """Whether evidence decides: not for plain thresholds, nor for what is only shown."""
    return metric.rule is None and metric.role != "Observe"


def bad_share(metric: MetricRules, times: float = 1.0) -> float:
    """The candidate's share of bad requests, or of those beyond the last bound that is watched."""
    return shares(metric, times, used_bounds(metric)[-1:])[0].candidate


def flow_of(rules: Rules, metric: MetricRules, shape: Shape, service: Volume) -> Flow:
    """Requests of both arms in one window; a copy is taken from nobody."""
    requests = service.of(metric.name) * rules.step
    ours = shape.shadow or shape.percent
    return Flow(requests * ours / 100, requests * (100 - shape.percent) / 100, pods_for(shape, service.pods))


def _row(rules: Rules, stage: Stage, shape: Shape, metric: MetricRules, service: Volume) -> Row:
    flow = flow_of(rules, metric, shape, service)
    horizon = seconds(stage.max_duration) if stage.max_duration else HORIZON_SECONDS
    most = round(_LONGEST_SECONDS / rules.step)

    def catch(times: float) -> Catch:
        median, late = (windows_to_catch(rules, metric, flow, times, z, most) for z in (MEDIAN, LATE))
        bad = inf if median is None else median * flow.candidate * bad_share(metric, times)
        return Catch(_seconds(rules, median), _seconds(rules, late), bad)

    half, late = (windows_to_accept(rules, metric, flow, chance, most) for chance in (0.5, 0.95))
    return Row(
        stage=stage.name,
        gives=str(shape),
        pods=flow.pods,
        metric=metric.name,
        kind=metric.kind,
        required=metric.role == "Required",
        horizon=horizon,
        smallest=_smallest(rules, metric, flow, int(horizon / rules.step)),
        half_more=catch(1.5),
        double=catch(2.0),
        fivefold=catch(5.0),
        promotes=_seconds(rules, half),
        promotes_late=_seconds(rules, late),
    )


def _smallest(rules: Rules, metric: MetricRules, flow: Flow, windows: int) -> float | None:
    """By bisection; evidence rises with the ratio. At most all requests bad, or fifty times as slow."""
    low, high = 1.0, _SLOWEST if metric.kind == "latency" else 1 / bad_share(metric)
    if not is_caught(rules, metric, flow, high, POWER, windows):
        return None
    while high - low > 0.02 * low:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if is_caught(rules, metric, flow, middle, POWER, windows) else (middle, high)
    return high


def _promoted(rules: Rules, stages: Sequence[Stage], rows: Sequence[Row], *, late: bool) -> float:
    """Seconds for an equal version through all stages. The mean of the evidence grows evenly, so shares of the needed
    time add up over stages; a stage that ends without proof goes on only with `onInconclusive: Advance`."""
    if any(m.role == "Required" and is_judged(m) and not is_told(m) for m in rules.metrics):
        return inf
    done, total = 0.0, 0.0
    for stage in stages:
        needed = needed_for_proof(rows, stage, late=late)
        stays = max(seconds(stage.min_duration), (1 - done) * needed if done < 1 else 0.0)
        longest = seconds(stage.max_duration) if stage.max_duration else inf
        if stays > longest and stage.on_inconclusive != "Advance":
            return inf
        total += min(stays, longest)
        done = 1.0 if stays <= longest else done + longest / needed
    return total


def needed_for_proof(rows: Sequence[Row], stage: Stage, *, late: bool = False) -> float:
    """Seconds until all required metrics of an equal version are proven good enough at this stage's traffic alone."""
    mine = [row for row in rows if row.stage == stage.name and row.required]
    return max((row.promotes_late if late else row.promotes for row in mine), default=0.0)


def _seconds(rules: Rules, windows: int | None) -> float:
    return inf if windows is None else windows * rules.step
