"""The ledger's life: begun with the first stage, kept in memory from look to look, and in status for a restart."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import astuple

from crossfade.api.v1alpha1.common import as_written
from crossfade.api.v1alpha1.rollout import AnalysisStatus, Arm, RolloutSpec, RolloutStatus
from crossfade.decide.judge.checkpoint import decode, decode_traffic, encode, encode_traffic
from crossfade.model.ledger import History, Ledger, MetricLedger, TrafficLedger
from crossfade.model.moments import moment, stamp

_USUAL_STEP = 15.0
"""The scrape interval (s) of a rollout whose first stage was recorded without one."""


_LONGEST_HISTORY = 4096
"""Characters that the status has room for: hundreds of buckets."""


def fingerprint(spec: RolloutSpec, candidate: Arm) -> str:
    """Of what the evidence is about: another candidate or another analysis needs evidence of its own."""
    about = {"analysis": as_written(spec.analysis), "revision": candidate.revision}
    return hashlib.sha256(json.dumps(about, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def begun(spec: RolloutSpec, candidate: Arm, now: float, step: float, histories: Mapping[str, History]) -> Ledger:
    """An empty ledger: nothing before `now` (unix s) counts but as history. `step` is the scrape interval (s), 0 if
    unknown."""
    since = moment(stamp(now))  # as it will be read back
    metrics = {metric.name: MetricLedger(end=since) for metric in spec.analysis.metrics}
    return Ledger(metrics, TrafficLedger(), fingerprint(spec, candidate), since, step or _USUAL_STEP, histories)


def recorded(analysis: AnalysisStatus, ledger: Ledger) -> AnalysisStatus:
    """The figures together with the checkpoint that belongs to them."""
    metrics = [metric.model_copy(update=_of_metric(ledger, metric.name)) for metric in analysis.metrics]
    whole = f"{ledger.asked} {ledger.step!r} {encode_traffic(ledger.traffic)}"
    return analysis.model_copy(update={"since": stamp(ledger.since), "checkpoint": whole, "metrics": metrics})


def _of_metric(ledger: Ledger, name: str) -> dict[str, str]:
    mine, history = ledger.metrics.get(name), ledger.histories.get(name)
    known = json.dumps(astuple(history), separators=(",", ":")) if history else ""
    return {
        "checkpoint": encode(mine) if mine else "",
        "history": known if len(known) <= _LONGEST_HISTORY else "",
    }


def forgotten(analysis: AnalysisStatus | None) -> AnalysisStatus | None:
    """The figures of a rollout that ended: nobody goes on from them, but what they rest on can be read again."""
    if analysis is None:
        return None
    metrics = [metric.model_copy(update={"checkpoint": ""}) for metric in analysis.metrics]
    return analysis.model_copy(update={"checkpoint": "", "metrics": metrics})


def remembered(status: RolloutStatus, memory: Ledger | None) -> Ledger | None:
    """What is known of a rollout under way: the newer `memory` if it is of the same rollout, else the checkpoint."""
    analysis = status.analysis
    if status.stage is None or analysis is None or analysis.since is None:
        return None
    asked, _, rest = analysis.checkpoint.partition(" ")
    since = moment(analysis.since)
    if memory is not None and (memory.asked, memory.since) == (asked, since):
        return memory
    step, _, traffic = rest.partition(" ")
    try:
        metrics = {
            metric.name: decode(metric.checkpoint) if metric.checkpoint else MetricLedger(end=since)
            for metric in analysis.metrics
        }
        histories = {metric.name: history_of(metric.history) for metric in analysis.metrics if metric.history}
        return Ledger(metrics, decode_traffic(traffic), asked, since, float(step), histories)
    except (TypeError, ValueError):
        return None  # edited by hand; evidence is gathered anew


def history_of(text: str) -> History:
    """What was recorded. Raises TypeError or ValueError for anything else."""
    kappa, bounds, bad, *rest = json.loads(text)
    return History(kappa, tuple(bounds), tuple(bad), *rest)
