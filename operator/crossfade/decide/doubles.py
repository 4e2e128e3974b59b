"""One counter that more than one scrape shows: counted once, and told while they go on side by side.

A scrape adds labels to what a server exposes, so the same counter is another series for each job, each port and each
replica of Prometheus that shows it. Series of one scrape are never doubles of each other: the server itself told them
apart, and it may well have a label `endpoint` or `service` of its own. They are known by the times of their samples,
for Prometheus spreads scrapes by their labels, to the millisecond; and by labels that no server has itself, where a
store keeps each sample several times.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from math import inf
from statistics import median

from crossfade.ports import RawSeries

_TARGETS = frozenset({"job", "instance", "prometheus"})
"""What only a scrape adds: Prometheus renames a server's own `job` and `instance`, and its operator adds the third."""
_ATTACHED = frozenset({"endpoint", "service", "container", "node", "monitor"})
"""What a ServiceMonitor or PodMonitor, or a Prometheus' `external_labels`, adds too, and a server may have as well."""
_RENAMED = "exported_"
"""How Prometheus renames a server's own label of a name that a scrape adds."""
_REPLICAS = ("replica", "replica__")
"""How a label ends by which replicas are told apart: `prometheus_replica`, `receive_replica`, `__replica__`."""
_GONE_SPACINGS = 2.5
"""A scrape that missed so many is over."""
_KNOWN_BY = ("job", "instance", "prometheus", "prometheus_replica", "receive_replica", "__replica__")
"""What is of two scrapes at the same times, too: what only a scrape adds, and what tells the copies of one sample
apart. A plain `replica` may be a server's own (Ray), and its idle replicas have the same values."""
_MOST_SHOWN = 40
_MOST_LABELS = 3


@dataclass(frozen=True, slots=True)
class Owned:
    """A series together with the revision and the pod that it counts for."""

    revision: str
    pod: str
    raw: RawSeries


@dataclass(frozen=True, slots=True)
class Once:
    """The series, each counter once. `doubled` is the sentence (without a full stop) about the first one that more than
    one scrape shows now, empty when there is none."""

    series: Sequence[Owned]
    doubled: str = ""


def once(found: Sequence[Owned], own: str = "") -> Once:
    """Two series of one pod are one counter if two scrapes show them and they are equal in all labels but those that a
    scrape adds; `own` is never one of these. Nor does a label tell them apart that only one of them has.

    What follows each other is joined. What goes on side by side is counted as the one that lasts longest shows it.
    Cost: linear in the series of pods that one scrape shows, and in the samples of others.
    """
    pods: dict[tuple[str, str, str], list[Owned]] = defaultdict(list)
    for one in found:
        pods[one.revision, *_process(one)].append(one)
    shown = [_scrapes(series) for series in pods.values()]
    if all(len(scrapes) == 1 for scrapes in shown):
        return Once(found)
    newest = max(_last(one) for one in found)
    parts = [_once(scrapes, own, newest) for scrapes in shown]
    told = next((part.doubled for part in parts if part.doubled), "")
    return Once([one for part in parts for one in part.series], told)


def _process(one: Owned) -> tuple[str, str]:
    """Whose counters these are. A gateway's series may not know their pod."""
    labels = one.raw.labels
    if labels.get("pod"):
        return labels.get("namespace", ""), labels["pod"]
    return "", labels.get("instance") or one.pod


def _scrapes(series: Sequence[Owned]) -> Sequence[Sequence[Owned]]:
    """The series of one pod by the scrape that shows them: those that have most of their times in common.

    Not any: after a standstill Prometheus begins several scrapes in one millisecond.
    """
    if len({frozenset([pair for pair in one.raw.labels.items() if _may_be_added(pair[0])]) for one in series}) == 1:
        return [series]
    alike: dict[tuple[Sequence[str], Sequence[float]], list[Owned]] = defaultdict(list)
    for one in series:
        alike[_target(one), _times(one)].append(one)
    found: list[list[Owned]] = []
    whose: dict[tuple[Sequence[str], float], int] = {}
    # The longest first: what was born or ended meanwhile has times of those that were there throughout.
    for (target, times), mine in sorted(alike.items(), key=lambda item: len(item[0][1]), reverse=True):
        keys = [(target, at) for at in times]
        place, common = next(iter(Counter(whose[key] for key in keys if key in whose).most_common(1)), (0, 0))
        if 2 * common <= len(keys):
            place = len(found)
            found.append([])
        found[place] += mine
        for key in keys:
            whose.setdefault(key, place)
    return found


def _target(one: Owned) -> tuple[str, ...]:
    return tuple(one.raw.labels.get(name, "") for name in _KNOWN_BY)


def _once(scrapes: Sequence[Sequence[Owned]], own: str, newest: float) -> Once:
    """The same for one pod; `newest` is when (unix s) anything was scraped last."""
    if len(scrapes) == 1:
        return Once(scrapes[0])
    labels = [[_exposed(one.raw.labels) for one in scrape] for scrape in scrapes]
    added = _added(labels) - {own}
    shared = _shared(one for scrape in labels for one in scrape)
    counters: dict[tuple[str, ...], dict[int, list[Owned]]] = defaultdict(lambda: defaultdict(list))
    for number, scrape in enumerate(scrapes):
        for one, its in zip(scrape, labels[number], strict=True):
            key = tuple(f"{name}={its[name]}" for name in shared[_name(its)] if name not in added)
            counters[key][number].append(one)
    going_on = {number for number, scrape in enumerate(scrapes) if _goes_on(scrape, newest)}
    kept, told = list[Owned](), ""
    for shown in counters.values():
        told = told or _doubled({number: each for number, each in shown.items() if number in going_on})
        each = [one for series in shown.values() for one in series]
        kept += each if any(len(series) > 1 for series in shown.values()) else [_joined(each)]
    return Once(kept, told)


def _exposed(labels: Mapping[str, str]) -> Mapping[str, str]:
    """The labels by the names that the server gave them, too: Prometheus renames one whose name a scrape adds."""
    return {**labels, **{name: labels[_RENAMED + name] for name in _ATTACHED if _RENAMED + name in labels}}


def _added(scrapes: Iterable[Sequence[Mapping[str, str]]]) -> frozenset[str]:
    """The labels that scrapes added: what a scrape adds all of its series have alike."""
    names, own = set[str](), set[str]()
    for scrape in scrapes:
        for (name, _), count in Counter(pair for labels in scrape for pair in labels.items()).items():
            names.add(name)
            if count < len(scrape):
                own.add(name)
    return _TARGETS | {name for name in names - own if _may_be_added(name)}


def _may_be_added(name: str) -> bool:
    return name in _ATTACHED or name.endswith(_REPLICAS) or name in _TARGETS


def _shared(labels: Iterable[Mapping[str, str]]) -> Mapping[str, Sequence[str]]:
    """The labels that all series of a name have, in order, by that name."""
    found: dict[str, set[str]] = {}
    for one in labels:
        found.setdefault(_name(one), set(one)).intersection_update(one)
    return {name: sorted(each) for name, each in found.items()}


def _name(labels: Mapping[str, str]) -> str:
    return labels.get("__name__", "")


def _goes_on(scrape: Sequence[Owned], newest: float) -> bool:
    """Whether the next sample of it is still to come. One that has a single sample so far may have just begun."""
    times = sorted({at for alike in {_times(one) for one in scrape} for at in alike})
    if len(times) < 2:
        return True
    return newest - times[-1] <= _GONE_SPACINGS * median(after - before for before, after in pairwise(times))


def _doubled(shown: Mapping[int, Sequence[Owned]]) -> str:
    """What is said of a counter that these scrapes show at the same time, if any two do."""
    spans = sorted((min(map(_first, each)), max(map(_last, each)), number) for number, each in shown.items() if each)
    for (_, end, one), (begin, _, other) in pairwise(spans):
        if begin <= end:
            return _told(shown[one][0], shown[other][0])
    return ""


def _told(one: Owned, other: Owned) -> str:
    before, after = one.raw.labels, other.raw.labels
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    differ = ", ".join(
        f"`{_short(name)}` ({_value(before, name)} and {_value(after, name)})" for name in names[:_MOST_LABELS]
    )
    more = f" and {len(names) - _MOST_LABELS} more" if len(names) > _MOST_LABELS else ""
    return (
        f"the pod {_process(one)[1][:100]} is scraped more than once, so its requests count as often: "
        f"series of `{_short(_name(before))}` differ in nothing but {differ}{more}; "
        "scrape it once, or narrow the selector to one of them (docs/prometheus.md)"
    )


def _value(labels: Mapping[str, str], name: str) -> str:
    return f'"{_short(labels[name])}"' if name in labels else "none"


def _short(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"


def _joined(series: Sequence[Owned]) -> Owned:
    """The one that lasts longest, and before it began what the others showed."""
    latest, *others = sorted(series, key=_last, reverse=True)
    pieces, begun = [latest.raw], _first(latest)
    for one in others:
        samples, histograms = one.raw.samples, one.raw.histograms
        until = bisect_left(histograms, begun, key=lambda sample: sample.at)
        pieces.append(RawSeries({}, samples[: bisect_left(samples, (begun, -inf))], histograms[:until]))
        begun = min(begun, _first(one))
    pieces.reverse()
    whole = (
        tuple(chain.from_iterable(piece.samples for piece in pieces)),
        tuple(chain.from_iterable(piece.histograms for piece in pieces)),
    )
    return replace(latest, raw=RawSeries(latest.raw.labels, *whole))


def _times(one: Owned) -> tuple[float, ...]:
    return (*[at for at, _ in one.raw.samples], *[sample.at for sample in one.raw.histograms])


def _first(one: Owned) -> float:
    samples, histograms = one.raw.samples, one.raw.histograms
    return min(samples[0][0] if samples else inf, histograms[0].at if histograms else inf)


def _last(one: Owned) -> float:
    samples, histograms = one.raw.samples, one.raw.histograms
    return max(samples[-1][0] if samples else -inf, histograms[-1].at if histograms else -inf)
