"""From a metric to what is read for it: its own selectors, a MetricTemplate's, or those of a built-in one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crossfade.api.v1alpha1.analysis import Metric
from crossfade.api.v1alpha1.metrictemplate import ArmLabel, MetricTemplateSpec, TimedHistogram
from crossfade.api.v1alpha1.objective import Objective
from crossfade.decide.builtin import BUILT_IN
from crossfade.decide.judge.rules import Kind

_MILLISECOND = 0.001


@dataclass(frozen=True, slots=True)
class Source:
    """What is read for one metric, as PromQL instant selectors; empty for those that its kind does not have.

    `scale` times a bound of the histogram is seconds. `arm` says how series of others than our pods tell the arms.
    """

    kind: Kind
    bad: str = ""
    total: str = ""
    buckets: str = ""
    series: str = ""
    arm: ArmLabel | None = None
    scale: float = 1.0

    @property
    def selectors(self) -> tuple[str, ...]:
        """Those that have to be asked, in the order bad, total, buckets, series."""
        return tuple(selector for selector in (self.bad, self.total, self.buckets, self.series) if selector)


def is_of(arm: ArmLabel, labels: Mapping[str, str], namespace: str, revision: str) -> bool:
    """Whether a series with these labels speaks of the revision. Plain text: nobody's pattern runs here.

    A name at either end must be whole, or the namespace `ml` would be found in `staging-ml`.
    """
    sought = arm.contains.replace("{namespace}", namespace).replace("{revision}", revision)
    value = labels.get(arm.label, "")
    at = value.find(sought)
    while at >= 0:
        end = at + len(sought)
        cut_before = arm.contains.startswith("{") and _goes_on(value[max(at - 1, 0) : at])
        cut_after = arm.contains.endswith("}") and _goes_on(value[end : end + 1])
        if not (cut_before or cut_after):
            return True
        at = value.find(sought, at + 1)
    return False


def _goes_on(letter: str) -> bool:
    """Whether a name of Kubernetes may have this letter, or none, inside."""
    return letter.isalnum() or letter == "-"


def source_of(metric: Metric, templates: Mapping[str, MetricTemplateSpec]) -> Source | str:
    """Where the metric is read, or the sentence (without a full stop) that says why that cannot be known.

    `templates` are the MetricTemplates of the Rollout's namespace, by name.
    """
    if metric.template is None:
        return _read(metric)
    spec = BUILT_IN.get(metric.template) or templates.get(metric.template)
    if spec is None:
        return _unknown(metric, templates)
    source = _read(spec)
    misfit = _misfit(source.kind, metric.objective)
    if misfit is not None:
        return f"the metric {metric.name!r} names the template {metric.template!r}, which is {misfit}"
    return source


def kinds_of(metrics: Iterable[Metric], templates: Mapping[str, MetricTemplateSpec]) -> Mapping[str, Kind]:
    """The kind of each metric by name; those whose source cannot be known are left out."""
    found = {metric.name: source_of(metric, templates) for metric in metrics}
    return {name: source.kind for name, source in found.items() if isinstance(source, Source)}


def _read(given: Metric | MetricTemplateSpec) -> Source:
    """The one member that the type requires."""
    arm = given.arm if isinstance(given, MetricTemplateSpec) else None
    if given.ratio is not None:
        return Source("ratio", bad=given.ratio.bad, total=given.ratio.total, arm=arm)
    if given.latency is not None:
        timed = isinstance(given.latency, TimedHistogram) and given.latency.unit == "Milliseconds"
        return Source("latency", buckets=given.latency.buckets, arm=arm, scale=_MILLISECOND if timed else 1.0)
    return Source("gauge", series=given.gauge.series if given.gauge is not None else "", arm=arm)


def _unknown(metric: Metric, templates: Mapping[str, MetricTemplateSpec]) -> str:
    own = f"this namespace has {', '.join(sorted(templates))}" if templates else "this namespace has none of its own"
    return (
        f"the metric {metric.name!r} names the template {metric.template!r}, which does not exist: "
        f"{own}; built in are {', '.join(sorted(BUILT_IN))}"
    )


def _misfit(kind: Kind, aims: Objective) -> str | None:
    """What is wrong between the kind of a template and the objective; the API server cannot see it."""
    if kind == "gauge":
        return None if aims.rule is not None else "a gauge: its objective must be a `rule`"
    if aims.rule is not None:
        return f"a {kind}: its objective must be `relative`, `absolute` or both, for a `rule` is of gauges"
    if kind == "ratio" and (aims.is_slower_by or aims.has_quantile):
        return "a ratio of bad requests: its objective must not have `slowerBy` or `quantile`"
    if kind == "latency" and (aims.is_of_errors or aims.has_floor or aims.has_share):
        return "a latency: its objective must have `slowerBy`, or `max` with `quantile`, or both, and nothing else"
    return None
