"""The ledger's life: begun with the first stage, kept in memory from look to look, and in status for a restart."""

import hashlib
import json

from crossfade.api.v1alpha1.common import as_written
from crossfade.api.v1alpha1.rollout import AnalysisStatus, Arm, RolloutSpec, RolloutStatus
from crossfade.decide.judge.checkpoint import decode, decode_traffic, encode, encode_traffic
from crossfade.model.ledger import Ledger, MetricLedger, TrafficLedger
from crossfade.model.moments import moment, stamp

_USUAL_STEP = 15.0
"""The scrape interval (s) of a rollout whose first stage was recorded without one."""


def fingerprint(spec: RolloutSpec, candidate: Arm) -> str:
    """Of what the evidence is about: another candidate or another analysis needs evidence of its own."""
    about = {"analysis": as_written(spec.analysis), "revision": candidate.revision}
    return hashlib.sha256(json.dumps(about, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def begun(spec: RolloutSpec, candidate: Arm, now: float, step: float) -> Ledger:
    """An empty ledger: nothing before `now` (unix s) counts. `step` is the scrape interval in seconds, 0 if unknown."""
    since = moment(stamp(now))  # as it will be read back
    metrics = {metric.name: MetricLedger(end=since) for metric in spec.analysis.metrics}
    return Ledger(metrics, TrafficLedger(), fingerprint(spec, candidate), since, step or _USUAL_STEP)


def recorded(analysis: AnalysisStatus, ledger: Ledger) -> AnalysisStatus:
    """The figures together with the checkpoint that belongs to them."""
    metrics = [
        metric.model_copy(update={"checkpoint": encode(ledger.metrics[metric.name])})
        if metric.name in ledger.metrics
        else metric
        for metric in analysis.metrics
    ]
    whole = f"{ledger.asked} {ledger.step!r} {encode_traffic(ledger.traffic)}"
    return analysis.model_copy(update={"since": stamp(ledger.since), "checkpoint": whole, "metrics": metrics})


def forgotten(analysis: AnalysisStatus | None) -> AnalysisStatus | None:
    """The figures of a rollout that ended: nobody goes on from them."""
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
        return Ledger(metrics, decode_traffic(traffic), asked, since, float(step))
    except ValueError:
        return None  # edited by hand; evidence is gathered anew
