"""Prometheus: whether it answers, whether it scrapes pods as it must, and whether the Rollouts' metrics are there."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from statistics import median

from pydantic import ValidationError

from crossfade.api.v1alpha1.analysis import Metric
from crossfade.api.v1alpha1.metrictemplate import MetricTemplateSpec
from crossfade.decide.doubles import Owned, once
from crossfade.decide.templates import Source, is_of, source_of
from crossfade.doctor.facts import Facts, PrometheusFacts, counted, listed, place
from crossfade.doctor.finding import Finding, fault, ok, unseen, warning
from crossfade.doctor.rollouts import Found, rollouts_of
from crossfade.ports import RawSeries

DEFAULT = "default"
"""The name of the Prometheus of Rollouts that name none."""
ANY = ""
"""The name of what an operator is told of and could not be read: it may be of any name."""
UP = 'up{namespace!="",pod!="",revision!=""}'
"""What says which pods of revisions are scraped, and when."""
WINDOW_SECONDS = 300
"""So far back the operator reads, and so do we."""
_MOST_OFF, _SOME_OFF = 30.0, 3.0
"""Seconds: beyond the first nothing is read; whole seconds are all that HTTP's dates tell."""
_SLOW, _TOO_SLOW = 60.0, 150.0
_HOLD = "rollouts hold: no evidence is counted, and no step forward is taken"


def answering(facts: Facts) -> Iterator[Finding]:
    """Whether each Prometheus answers, by a clock that agrees with the API server's."""
    for one in facts.prometheuses:
        called = f"Prometheus at {one.address}"
        if one.trouble and one.gone:
            yield fault(f"{called}: {one.trouble}", _HOLD, f"correct {_field(one)} in the chart's values")
        elif one.trouble:
            yield unseen(f"{called}, asked {one.way}: {one.trouble}", _way_to(one))
        elif abs(one.off) > _MOST_OFF:
            yield fault(f"{called} has {_clock(one)}", f"{_HOLD}; nothing is read from it", _NTP)
        elif abs(one.off) > _SOME_OFF:
            yield warning(f"{called} has {_clock(one)}", "verdicts follow their scrapes later than they could", _NTP)
        else:
            yield ok(f"{called} answers, asked {one.way}, by a clock that is right")
    if not facts.prometheuses:
        yield unseen("no operator says which Prometheus it reads", "install the operator, or give --prometheus")


def _field(one: PrometheusFacts) -> str:
    return "`prometheus.address`" if one.name == DEFAULT else f"`{one.name}` of `prometheus.sources`"


def _way_to(one: PrometheusFacts) -> str:
    if one.name == DEFAULT:
        return "run it where that address is reached, or give an address that is by --prometheus"
    if one.name == ANY:
        return "be somebody who may get it, and see whether it is as docs/prometheus.md says"
    return (
        f"run it where that address is reached; where only the operator is let in, Rollouts that name `{one.name}` say"
        " `MetricsUnavailable` when it is not"
    )


_NTP = "set the clocks of the nodes by NTP"


def _clock(one: PrometheusFacts) -> str:
    return f"a clock that is {abs(one.off):.0f} s {'ahead of' if one.off > 0 else 'behind'} the API server's"


def scrapes(facts: Facts) -> Iterator[Finding]:
    """Whether the pods of each version that serves are scraped, with the labels that tell versions apart, and how
    often."""
    answering = [one for one in facts.prometheuses if not one.trouble]
    checked, missing = 0, list[Finding]()
    for one in rollouts_of(facts):
        prometheus = _judge_of(facts, one)
        if prometheus is None or prometheus.trouble:
            continue
        checked += len(one.serving)
        unscraped = (arm for arm in one.serving if not _is_scraped(prometheus, one.namespace, arm))
        missing += [_unscraped(one, arm, prometheus) for arm in unscraped]
    yield from missing
    yield from (_pace(one, facts.now) for one in answering if one.up)
    if not missing and answering and not any(one.up for one in answering):
        yield ok(f"{counted(checked, 'version')} in service, and no pod of one is scraped or needs to be")
    if not answering:
        yield unseen("what is scraped: no Prometheus answers", "see what `prometheus` says above")


def _judge_of(facts: Facts, one: Found) -> PrometheusFacts | None:
    """The Prometheus that the operator of the Rollout's namespace reads for it."""
    name = one.spec.analysis.prometheus or DEFAULT
    serving = [each for each in facts.prometheuses if not each.namespaces or one.namespace in each.namespaces]
    return next((each for wanted in (name, ANY) for each in serving if each.name == wanted), None)


def _is_scraped(prometheus: PrometheusFacts, namespace: str, revision: str) -> bool:
    windows = (found for found in prometheus.windows.values() if not isinstance(found, str))
    series = (one.labels for found in (prometheus.up, *windows) for one in found)
    return any((one.get("namespace"), one.get("revision")) == (namespace, revision) for one in series)


def _unscraped(one: Found, revision: str, prometheus: PrometheusFacts) -> Finding:
    return fault(
        f"{one} serves revision {revision}, and Prometheus at {prometheus.address} has no series with"
        f' namespace="{one.namespace}" and revision="{revision}"',
        _HOLD,
        "scrape the pods, and take over `namespace`, `pod` and the pod label `crossfade.dev/revision` as `revision`:"
        " the relabel_configs of docs/prometheus.md",
    )


def _pace(one: PrometheusFacts, now: float) -> Finding:
    gaps = [
        after[0] - before[0]
        for series in one.up
        for before, after in zip(series.samples, series.samples[1:], strict=False)
    ]
    latest = max((at for series in one.up for at, _ in series.samples), default=0.0)
    every = median(gaps) if gaps else float(WINDOW_SECONDS)
    pods = counted(len({series.labels.get("pod") for series in one.up}), "pod")
    cure = "set `scrape_interval` of the pods' job (or `interval` of the PodMonitor) to 15s or less"
    if not gaps and now + one.off - latest < _TOO_SLOW:
        seen = f"Prometheus at {one.address} has scraped {pods} of revisions once so far, so how often is not known"
        return unseen(seen, f"look again in two minutes; if it is still once, {cure}")
    seen = f"Prometheus at {one.address} scrapes {pods} of revisions every {every:.0f} s"
    if every > _TOO_SLOW:
        return fault(seen, "fewer than two scrapes are in the five minutes that are read, so nothing is counted", cure)
    if every > _SLOW:
        return warning(seen, "a bad version is taken back one or two scrapes after the evidence is there", cure)
    return ok(seen)


def queries(facts: Facts) -> Iterator[Finding]:
    """Whether what the Rollouts' metrics read is there, of each version that serves."""
    found, count, unread = list[Finding](), 0, 0
    for one in rollouts_of(facts):
        prometheus = _judge_of(facts, one)
        if facts.prometheuses and prometheus is None:
            found.append(_unknown(one, (each.name for each in facts.prometheuses)))
        elif prometheus is None or prometheus.trouble:
            unread += len(one.spec.analysis.metrics)
        for metric in one.spec.analysis.metrics:
            count += 1
            found += _metric(one, metric, templates_of(facts, one.namespace), prometheus)
    if unread:
        seen = f"what there is of {counted(unread, 'metric')} of Rollouts: no Prometheus answers"
        found.append(unseen(seen, "see what `prometheus` says above"))
    yield from found or [ok(f"{counted(count, 'metric')} of Rollouts can be read")]


def _unknown(one: Found, known: Iterable[str]) -> Finding:
    name = one.spec.analysis.prometheus or DEFAULT
    return fault(
        f"{one} is judged by Prometheus `{name}`, and its operator knows {listed(known)}",
        _HOLD,
        "add it to `prometheus.sources` of the chart, or correct `spec.analysis.prometheus`",
    )


def templates_of(facts: Facts, namespace: str) -> Mapping[str, MetricTemplateSpec]:
    """The MetricTemplates of a namespace by name, as far as this release can read them."""
    found = dict[str, MetricTemplateSpec]()
    for raw in facts.all("metrictemplates"):
        if place(raw)[0] == namespace:
            with suppress(ValidationError):
                found[place(raw)[1]] = MetricTemplateSpec.model_validate(raw["spec"])
    return found


def sought(source: Source) -> str:
    """The selector that a working server always has series of. One that counts only failures may well have none."""
    return source.total or source.buckets or source.series


def _metric(
    one: Found, metric: Metric, templates: Mapping[str, MetricTemplateSpec], prometheus: PrometheusFacts | None
) -> Iterator[Finding]:
    source, edit = source_of(metric, templates), f"kubectl --namespace {one.namespace} edit rollout {one.name}"
    if isinstance(source, str):
        cure = f"correct `spec.analysis.metrics[{metric.name}]`: {edit}"
        yield fault(f"{one}: {source}", _HOLD, cure)
        return
    window = prometheus.windows.get(sought(source)) if prometheus is not None else None
    if isinstance(window, str):
        yield fault(f"{one}: the metric {metric.name} cannot be read: {window}", _HOLD, f"correct its selector: {edit}")
    elif window is not None:
        if doubled := _doubled(one, source, window):
            cure = "leave one of the jobs, or ask what takes the doubles of two replicas out, such as Thanos Query"
            yield fault(f"{one}: the metric {metric.name}: {doubled}", _HOLD, cure)
        for revision in one.serving:
            if not any(_speaks_of(series, source, one.namespace, revision) for series in window):
                yield warning(
                    f"{one}: the metric {metric.name} has no series of revision {revision} in the last five minutes",
                    "without requests, or with another server than the selector means, a rollout would hold for"
                    " `NoData`",
                    f"send a request and look again; else compare `{sought(source)}` with the pod's /metrics: {edit}",
                )


def _doubled(one: Found, source: Source, window: Iterable[RawSeries]) -> str:
    """Which pod more than one scrape shows, as the operator would say it; empty when there is none."""
    mine = [
        Owned(revision, series.labels.get("pod", ""), series)
        for series in window
        for revision in one.serving
        if _speaks_of(series, source, one.namespace, revision)
    ]
    return once(mine, source.arm.label if source.arm else "").doubled


def _speaks_of(series: RawSeries, source: Source, namespace: str, revision: str) -> bool:
    if source.arm is not None:
        return is_of(source.arm, series.labels, namespace, revision)
    return (series.labels.get("namespace"), series.labels.get("revision")) == (namespace, revision)
