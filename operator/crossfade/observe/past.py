"""Reads the past of a Rollout's stable version from Prometheus: what it is usually like, before anything is judged."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from crossfade.decide.judge.past import past_of, rate_of, scrape_interval
from crossfade.decide.judge.readings import requests
from crossfade.decide.judge.rules import Kind
from crossfade.decide.templates import Source
from crossfade.model.evidence import Counters
from crossfade.model.ledger import Window
from crossfade.observe.answers import Answer, Place, Watched, counters_of
from crossfade.ports import Metrics

_LIVE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Past:
    """Windows and requests a second by metric, of `stable`, scraped every `step` seconds (0: unknown).

    `faults` say why a metric is missing.
    """

    stable: str = ""
    step: float = 0.0
    windows: Mapping[str, Sequence[Window]] = field(default_factory=dict)
    rps: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


async def read_past(
    metrics: Metrics, place: Place, sources: Mapping[str, Source | str], stable: str | None, seconds: int, now: float
) -> Past:
    """The last so many seconds. Without `stable`, the revision of this Rollout's that is live and has most samples.

    Raises MetricsError.
    """
    asked = dict[str, Answer]()
    for source in sources.values():
        for selector in source.selectors if isinstance(source, Source) and source.kind != "gauge" else ():
            if selector not in asked:
                asked[selector] = Answer(now, await metrics.window(selector, seconds))
    return await asyncio.to_thread(_taken_apart, place, sources, asked, stable)  # hours of samples: seconds of work


def _taken_apart(
    place: Place, sources: Mapping[str, Source | str], asked: Mapping[str, Answer], stable: str | None
) -> Past:
    stable = stable or _live(place, asked.values())
    if not stable:
        return Past(faults=(f"Prometheus shows no revision of {place[1]} in the namespace {place[0]}",))
    counters, faults = _counters(Watched(place, sources, frozenset((stable,))), asked)
    steps = [scrape_interval(one, _kind(sources[name])) for name, one in counters.items()]
    step = max(steps, default=0.0)
    windows = {name: past_of(one, _kind(sources[name]), stable, step) for name, one in counters.items() if step}
    rps = {name: rate_of(found) for name, found in windows.items()}
    return Past(stable, step, windows, rps, tuple(faults))


def _counters(one: Watched, asked: Mapping[str, Answer]) -> tuple[dict[str, Counters], list[str]]:
    """What can be counted, by metric, and why the rest cannot."""
    found, faults = dict[str, Counters](), list[str]()
    for name, source in one.sources.items():
        if isinstance(source, str):
            faults.append(source)
        elif source.kind != "gauge":
            counters = counters_of(one, name, source, [asked[selector] for selector in source.selectors])
            if isinstance(counters, str):
                faults.append(counters)
            elif requests(counters, source.kind):
                found[name] = counters
            else:
                (stable,) = one.revisions
                faults.append(f"the metric {name!r} has no series of {stable} in Prometheus")
    return found, faults


def _kind(source: Source | str) -> Kind:
    return source.kind if isinstance(source, Source) else "gauge"


def _live(place: Place, answers: Iterable[Answer]) -> str:
    """The revision whose pods were scraped most among those scraped lately; empty when there is none."""
    samples, newest = Counter[str](), dict[str, float]()
    for answer in answers:
        for (namespace, revision), series in answer.arms.items():
            if namespace != place[0] or not revision.startswith(f"{place[1]}-"):
                continue
            times = [s[0] for one in series for s in one.raw.samples] + [
                h.at for one in series for h in one.raw.histograms
            ]
            samples[revision] += len(times)
            newest[revision] = max([newest.get(revision, 0.0), *times])
    latest = max(newest.values(), default=0.0)
    live = [revision for revision, at in newest.items() if at > latest - _LIVE_SECONDS]
    return max(live, key=lambda revision: samples[revision], default="")
