"""Stable's past as windows of stable alone, from the raw counters of hours."""

from collections.abc import Sequence
from dataclasses import replace

from crossfade.decide.counting import spacing_of
from crossfade.decide.judge.readings import requests
from crossfade.decide.judge.rules import Kind
from crossfade.decide.judge.windows import rounds
from crossfade.model.evidence import Counters
from crossfade.model.ledger import MetricLedger, Window


def past_of(counters: Counters, kind: Kind, revision: str, step: float) -> list[Window]:
    """All rounds of the revision's pods, oldest first; `step` is the scrape interval in seconds.

    The first sample of all is where counting starts. Windows whose pods do not agree on buckets are left out.
    """
    first = [one.samples[0][0] for one in requests(counters, kind) if one.revision == revision and one.samples]
    if not first:
        return []
    begun = MetricLedger(end=min(first))
    found = (window for window, _ in rounds(counters, kind, "", revision, begun, step, 0))
    return [replace(window, stable=window.candidate, candidate=()) for window in found if not window.fault]


def scrape_interval(counters: Counters, kind: Kind) -> float:
    """The seconds between two scrapes; 0 when there were not two."""
    return spacing_of(requests(counters, kind))


def rate_of(windows: Sequence[Window]) -> float:
    """Requests a second; 0 when there are not two windows."""
    if len(windows) < 2:
        return 0.0
    counted = sum(pod.total for window in windows[1:] for pod in window.stable)
    return counted / (windows[-1].end - windows[0].end)
