"""The plan in words: what it promises stage by stage, and what nobody should hope for."""

from collections.abc import Iterator
from math import inf

from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.plan import PlanStage, PlanStatus
from crossfade.api.v1alpha1.strategy import Stage
from crossfade.decide.judge.dispersion import known
from crossfade.decide.judge.figures import counted, number, period, share, written
from crossfade.decide.judge.forecast import Catch, Forecast, Row, bad_share, is_judged, needed_for_proof
from crossfade.decide.judge.pace import is_told, limit_bound, used_bounds
from crossfade.decide.judge.replay import is_quiet
from crossfade.decide.judge.rules import MetricRules

_HOUR = 3600.0
_FEW_WINDOWS = 3
"""The cap on one window's evidence leaves no verdict to fewer."""
_POOR = 5.0
"""A stage that catches nothing smaller within its time is told so."""
_COARSE = 2.0
"""Neighbouring bounds further apart than this show a slowdown only by interpolation."""


def sentences(forecast: Forecast) -> tuple[str, ...]:
    """The summary, what false alarms are known, one sentence a stage and metric."""
    return (summary(forecast), false_alarms(forecast), *(_told(row) for row in forecast.rows))


def summary(forecast: Forecast) -> str:
    """How long an equal version takes, and what no verdict can be faster than."""
    floor = span(_FEW_WINDOWS * forecast.rules.step)
    median, late = forecast.promoted
    if not forecast.rows:
        return "nothing is known of the service's rates yet, so nothing can be planned"
    if median == inf:
        return f"an equal version would not be promoted by itself; no regression is caught sooner than in {floor}"
    most = f"{span(late)} in 95%" if late < inf else "the slowest would be held"
    return f"an equal version is promoted in {span(median)} ({most}); no regression is caught sooner than in {floor}"


def false_alarms(forecast: Forecast) -> str:
    """What the replay of the service's own past found, beside what is promised."""
    promised = share(1 - forecast.rules.confidence, 1)
    replay = forecast.replay
    if replay is None or not replay.replays:
        return f"false rollbacks: at most {promised} by design, not tried on this service's past"
    return (
        f"false rollbacks: {replay.alarms} in {counted(replay.replays, 'replay', 'replays')} of this service's own"
        f" past, so below {share(replay.upper, 1)} (95% confidence); {promised} is promised"
    )


def warnings(forecast: Forecast) -> tuple[str, ...]:
    """What cannot be promised, gravest first."""
    metrics = [metric for metric in forecast.rules.metrics if is_judged(metric)]
    found = [sentence for metric in metrics for sentence in _about(metric)]
    found += [sentence for stage in forecast.stages if (sentence := stage_warning(forecast, stage))]
    found += _never_small(forecast)
    if alone := dict.fromkeys(row.stage for row in forecast.rows if row.pods == 1):
        found.append(
            f"the candidate has one pod in {', '.join(alone)}: if the error rate of single pods swings by itself (by a"
            " CV of 100%), false rollbacks may exceed what is promised; two pods or more are safer"
        )
    replay = forecast.replay
    if replay is not None and not is_quiet(forecast.rules, replay):
        found.append(
            f"this service's own past would have been rolled back in {replay.alarms} of {replay.replays} replays, more"
            f" than the {share(1 - forecast.rules.confidence, 1)} promised: its pods differ too much for it"
        )
    return tuple(found)


def stage_warning(forecast: Forecast, stage: Stage) -> str:
    """Why this stage is hopeless, or empty."""
    rows = [row for row in forecast.rows if row.stage == stage.name]
    poor = [row for row in rows if row.smallest is None or row.smallest > _POOR * _least(forecast, row)]
    parts = [f"{row.metric}: {_blind(row)} within {span(row.horizon)}" for row in poor]
    ends = seconds(stage.max_duration) if stage.max_duration else inf
    needed = needed_for_proof(rows, stage)
    if needed > ends:
        after = f"after {span(needed)}" if needed < inf else "never"
        parts.append(
            f"its {span(ends)} are over before an equal version is proven good enough ({after} with this stage's"
            f" traffic alone): {stage.on_inconclusive} follows unless earlier stages brought proof"
        )
    gives = f" ({rows[0].gives})" if rows else ""
    return f"stage {stage.name}{gives}: {'; '.join(parts)}" if parts else ""


def plan_status(forecast: Forecast) -> PlanStatus:
    """The plan as status shows it: of each stage the slowest metric."""
    return PlanStatus(
        summary=summary(forecast)[:1024],
        false_alarms=false_alarms(forecast)[:1024],
        stages=[_stage_status(forecast, stage) for stage in forecast.stages],
    )


def _stage_status(forecast: Forecast, stage: Stage) -> PlanStage:
    rows = [row for row in forecast.rows if row.stage == stage.name]
    if not rows:
        return PlanStage(name=stage.name, warning="nothing is known of the service's rates yet")
    slowest = max(rows, key=lambda row: row.fivefold.median)
    needed = needed_for_proof(rows, stage)
    return PlanStage(
        name=stage.name,
        catches=times(max(row.smallest or inf for row in rows)),
        x2=span(max(row.double.median for row in rows)),
        x5=span(slowest.fivefold.median),
        bad_requests=None if slowest.fivefold.bad == inf else round(slowest.fivefold.bad),
        promotes=span(needed),
        warning=stage_warning(forecast, stage)[:1024],
    )


def times(ratio: float | None) -> str:
    """`x3.4`; `none` for what cannot be caught at all."""
    return "none" if ratio is None or ratio == inf else f"x{number(ratio)}"


def span(seconds_: float) -> str:
    """A time for people: `45 s`, `12 min`, `2.1 h`, `5.2 days`, `never`."""
    if seconds_ == inf:
        return "never"
    for unit, length, until in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds_ < until:
            value = seconds_ / length
            return f"{value:.0f} {unit}" if value >= 10 or unit == "s" else f"{value:.2g} {unit}"
    return f"{seconds_ / 86400:.2g} days"


def _told(row: Row) -> str:
    what = "slowdown" if row.kind == "latency" else "regression"
    seen = f"no {what}" if row.smallest is None else f"a {what} from {times(row.smallest)} on"
    proof = f"in {span(row.promotes)}" if row.promotes < inf else "never"
    return (
        f"{row.stage} ({row.gives}), {row.metric}: catches {seen} within {span(row.horizon)};"
        f" {_caught(2, row.double, row)}; {_caught(5, row.fivefold, row)}; finds an equal version good enough {proof}"
    )


def _caught(ratio: int, catch: Catch, row: Row) -> str:
    if catch.median == inf:
        return f"x{ratio} never"
    what = "slow" if row.kind == "latency" else "bad"
    bad = counted(round(catch.bad), f"{what} request", f"{what} requests")
    return f"x{ratio} in {span(catch.median)} ({span(catch.late)} in 95%), after {bad}"


def _least(forecast: Forecast, row: Row) -> float:
    """How many times the usual is the floor, below which nothing is a regression whatever the stage; at least 1."""
    metric = forecast.rules.by_name[row.metric]
    return 1.0 if metric.floor is None else max(1.0, metric.floor / bad_share(metric))


def _blind(row: Row) -> str:
    if row.smallest is None:
        return "even the worst regression is not caught"
    return f"no regression below {times(row.smallest)} is caught"


def _about(metric: MetricRules) -> Iterator[str]:
    """What a metric's history says against it."""
    history, at = metric.history, limit_bound(metric)
    if history.total and metric.limit is not None and at is None:
        yield f"{metric.name}: the histogram has no bucket bound at {period(metric.edge or 0)}, so it cannot be judged"
        return
    if not is_told(metric):
        yield f"{metric.name}: {_untold(metric)}"
        return
    if not known(history):
        yield (
            f"{metric.name}: nothing is known of the noise between pods (needs 2 pods and 40 scrapes of history),"
            " so the promised share of false rollbacks holds only if requests fail independently of each other"
        )
    if metric.limit is not None and at is not None and history.bad[at] >= metric.limit * history.total:
        yield (
            f"{metric.name}: stable itself has {share(history.bad[at], history.total)} where at most"
            f" {share(metric.limit, 1)} are allowed, so a candidate no better cannot be proven good enough by that"
        )
    if metric.kind == "latency":
        yield from _coarse(metric)
    elif metric.floor is not None and bad_share(metric, 5.0) <= metric.floor:
        yield (
            f"{metric.name}: five times the usual {share(bad_share(metric), 1)} is still below the floor of"
            f" {share(metric.floor, 1)}, so it is no regression; lower `absolute.floor` to catch it"
        )


def _untold(metric: MetricRules) -> str:
    if metric.history.total:
        return (
            "no bucket bound has between 0.2% and 60% of stable's requests beyond it (or fewer than 200 were seen),"
            " so its latency cannot be judged"
        )
    return "nothing is known of its rate, so nothing is planned for it"


def _coarse(metric: MetricRules) -> Iterator[str]:
    bounds = metric.history.bounds
    used = used_bounds(metric)
    wide = [(bounds[j - 1], bounds[j]) for j in used if j > 0 and bounds[j] > _COARSE * bounds[j - 1]]
    if wide:
        slower = written(round((metric.worse or 1) * 100 - 100))
        between = f"{period(wide[0][0])} to {period(wide[0][1])}"
        yield (
            f"{metric.name}: the buckets are coarse ({between}): what {slower}% slower means between two bounds is only"
            " interpolated; add bounds at most twice the one before"
        )


def _never_small(forecast: Forecast) -> Iterator[str]:
    """Where the heaviest stage needs more than an hour for half as many bad requests again, and what it would take."""
    for metric in forecast.rules.metrics:
        rows = [row for row in forecast.rows if row.metric == metric.name]
        if metric.kind != "ratio" or not rows or (metric.worse or inf) >= 1.5 or _least(forecast, rows[0]) >= 1.5:
            continue  # half as many again is no regression there
        fastest = min(rows, key=lambda row: row.half_more.median)
        if fastest.half_more.median <= _HOUR:
            continue
        base, rps = share(bad_share(metric), 1), written(forecast.service.of(metric.name))
        hopeless = f"{metric.name}: x1.5 at {base} base and {rps} requests/s cannot be caught within an hour"
        yield hopeless + _instead(forecast, metric, fastest)


def _instead(forecast: Forecast, metric: MetricRules, row: Row) -> str:
    takes = row.half_more.median
    if takes == inf:
        return " at any stage"
    needed = forecast.service.of(metric.name) * takes / _HOUR
    return f" at any stage: {row.stage} needs {span(takes)}, or about {number(needed)} requests/s"
