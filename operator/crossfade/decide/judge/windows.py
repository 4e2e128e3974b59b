"""Rounds of scrapes: raw counters in, windows out, each increment in exactly one of them.

A round ends when every live candidate pod has been scraped once more, at the latest of those samples. The end, and for
each pod that is late the time up to which it was counted, is the whole bookkeeping, so the same samples give the same
windows whenever and in however many pieces they are read, as long as the readings reach back to four steps before the
end of the last round (and before a pod's warm-up); where they do not, what is unknown is left out, never invented.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import inf

from crossfade.decide.judge.engine import fold
from crossfade.decide.judge.increments import Pod, pods_of
from crossfade.decide.judge.readings import LIVE_STEPS, TWICE, Behind, Readings, requests
from crossfade.decide.judge.rules import Kind, MetricRules, Rules
from crossfade.decide.judge.traffic import fold_traffic
from crossfade.model.evidence import Counters
from crossfade.model.ledger import Ledger, MetricLedger, TrafficLedger, Window

_MISSED_STEPS = 1.5
"""A pod that is scraped later than this after a round misses the next one."""
_SILENT_STEPS = 5
_SILENT_SECONDS = 5.0


def rounds(
    counters: Counters,
    kind: Kind,
    stable: str,
    candidate: str,
    ledger: MetricLedger,
    step: float,
    weight: float,
    warmup: float = 0.0,
    metric: MetricRules | None = None,
) -> Iterator[tuple[Window, Behind]]:
    """Every complete round after `ledger.end` (unix s), oldest first, with the `behind` that follows from it.

    `step` is the scrape interval (s). Counts of a pod born under our eyes are left out for its first `warmup` seconds.
    `metric` says which value of a gauge is the worst, and which bound of a long histogram must stay.
    """
    series = requests(counters, kind)
    arms = pods_of(series, (stable, candidate))
    pods = arms[candidate].values()
    newest = max([one.samples[-1][0] for one in series if one.samples], default=-inf)
    began, behind = ledger.end, ledger.behind
    end = _end(pods, newest, began, step)
    readings = None
    while end is not None:
        readings = readings or Readings(counters, kind, arms, step, warmup, metric, ledger.bounds)
        window, behind = readings.window(began, end, weight, behind)
        yield window, behind
        began, end = end, _end(pods, newest, end, step)


def catch_up(
    rules: Rules,
    ledger: Ledger,
    readings: Mapping[str, Counters],
    stable: str,
    candidate: str,
    *,
    weight: float,
    since: float | None,
    now: float,
) -> tuple[Ledger, frozenset[str]]:
    """The ledger after all rounds that are complete, and the metrics of which nothing new is seen.

    A metric whose ledger has no end yet begins at `since`, when the route's weight was acknowledged (unix s); without
    it the traffic is not looked at. Silent is a metric if no sample of the candidate, or of the stable version that it
    is compared with, is newer than five steps (at least 5 s) before `now`; a threshold rule compares with nobody.
    Of pods that are scraped twice nothing is folded until they are not: it is there then.
    """
    metrics, traffic = dict(ledger.metrics), ledger.traffic
    measure = _measure(rules, readings)
    for metric in rules.metrics:
        counters, mine = readings.get(metric.name, Counters()), metrics.get(metric.name, MetricLedger())
        before = mine if mine.end else replace(mine, end=since or 0.0)
        if not before.end:
            continue
        if counters.doubled:
            metrics[metric.name] = replace(before, fault=TWICE)
            continue
        asked = (counters, metric.kind, stable, candidate, before, rules.step, weight)
        found = list(rounds(*asked, rules.warmup, metric))
        if since is not None and metric.name == measure:
            warm = rounds(*asked) if rules.warmup else found  # who warms up gets requests all the same
            traffic = _seen(rules, traffic, weight, since, before, warm)
            traffic = _unvisited(rules, traffic, weight, since, before.end, (counters, metric.kind, stable, candidate))
        metrics[metric.name] = before
        for window, behind in found:
            metrics[metric.name] = replace(fold(rules, metric.name, metrics[metric.name], window), behind=behind)
    return replace(ledger, metrics=metrics, traffic=traffic), _silent(rules, readings, (stable, candidate), now)


def _silent(rules: Rules, readings: Mapping[str, Counters], arms: tuple[str, str], now: float) -> frozenset[str]:
    """The metrics of which an arm that is judged has no sample newer than five steps before `now`."""
    since = now - max(_SILENT_STEPS * rules.step, _SILENT_SECONDS)
    silent = set()
    for metric in rules.metrics:
        series = requests(readings.get(metric.name, Counters()), metric.kind)
        heard = {one.revision for one in series if one.samples and one.samples[-1][0] > since}
        if not heard.issuperset(arms if metric.rule is None else arms[1:]):
            silent.add(metric.name)
    return frozenset(silent)


def _measure(rules: Rules, readings: Mapping[str, Counters]) -> str | None:
    """The metric by whose requests the split is measured: the first that counts any."""
    return next(
        (m.name for m in rules.metrics if m.kind != "gauge" and requests(readings.get(m.name, Counters()), m.kind)),
        None,
    )


def _seen(
    rules: Rules,
    traffic: TrafficLedger,
    weight: float,
    since: float,
    before: MetricLedger,
    found: Iterable[tuple[Window, Behind]],
) -> TrafficLedger:
    """The traffic's ledger after these rounds. What another metric measured before is not counted again."""
    began, late = before.end, before.behind
    for window, behind in found:
        if began >= traffic.end:
            traffic = fold_traffic(rules, traffic, weight, since, window, _counted_from(window, late))
        began, late = window.end, behind
    return traffic


def _counted_from(window: Window, late: Behind) -> float:
    """From when (unix s) the pods of the window that had been late were counted; infinite when none had."""
    counted = {one.pod for one in (*window.stable, *window.candidate)}
    return min((until for key, until in late if key.partition("/")[2] in counted), default=inf)


def _unvisited(
    rules: Rules,
    traffic: TrafficLedger,
    weight: float,
    since: float,
    began: float,
    asked: tuple[Counters, Kind, str, str],
) -> TrafficLedger:
    """The traffic's ledger when nobody counts for the candidate: a server's counters appear with its first request.

    Then the stable pods' scrapes make the rounds.
    """
    counters, kind, stable, candidate = asked
    if any(one.revision == candidate for one in requests(counters, kind)):
        return traffic
    start = max(began, traffic.end)
    swapped = rounds(counters, kind, candidate, stable, MetricLedger(end=start), rules.step, weight)
    alone = ((replace(window, stable=window.candidate, candidate=()), behind) for window, behind in swapped)
    return _seen(rules, traffic, weight, since, MetricLedger(end=start), alone)


def _end(pods: Iterable[Pod], newest: float, began: float, step: float) -> float | None:
    """When the round after `began` ended; None while it lasts.

    Pods that were live at `began` are waited for until a sample of anybody proves that they missed it. A pod that was
    not is not known to come, so it cannot hold a round open, lest rounds depend on when one looks.
    """
    first, latest, missing = inf, -inf, False
    for pod in pods:
        after = pod.first_after(began)
        first = min(first, after)
        if pod.last_until(began) < began - LIVE_STEPS * step:
            continue
        if after <= began + _MISSED_STEPS * step:
            latest = max(latest, after)
        else:
            missing = True
    if missing and newest <= began + _MISSED_STEPS * step:
        return None
    if latest > -inf:
        return latest
    return first if first < inf else None
