"""The judge: evidence in, verdict out. Threshold rules on counts, for as long as a stage lasts."""

from collections.abc import Sequence

from crossfade.api.v1alpha1.rollout import AnalysisStatus, Metric, MetricStatus
from crossfade.decide.counting import STALE_SECONDS, arms, last_seen, spacing
from crossfade.model.evidence import Counters, Evidence
from crossfade.model.moments import clock, stamp

_SILENT_SCRAPES = 5  # an arm not scraped for this many intervals is unseen, whatever was counted before


def judge(
    metrics: Sequence[Metric], evidence: Evidence | None, candidate: str, since: float, now: float
) -> AnalysisStatus:
    """Verdict over all metrics on the candidate's requests after `since` (unix seconds).

    Any regression rolls back, whatever else is missing; missing data holds; too little evidence continues; only when
    every metric passes on enough requests may the rollout advance.
    """
    if evidence is None or evidence.error is not None:
        why = "no evidence was read yet" if evidence is None else evidence.error
        text = f"metrics cannot be read: {why}; no weight moves"
        return AnalysisStatus(at=stamp(now), verdict="Hold", explanation=_short(text))
    if now - evidence.read_at > STALE_SECONDS:
        text = f"the last metrics are of {clock(evidence.read_at)}; no weight moves"
        return AnalysisStatus(at=stamp(now), verdict="Hold", explanation=text)
    verdicts = [_metric(m, evidence.metrics.get(m.name, Counters()), candidate, since, evidence) for m in metrics]
    for state, verdict in (("Regressed", "Rollback"), ("NoData", "Hold"), ("Undecided", "Continue")):
        found = [m for m in verdicts if m.state == state]
        if found:
            text = "; ".join(m.explanation for m in found)
            found_so = {"at": stamp(now), "verdict": verdict, "explanation": _short(text), "metrics": verdicts}
            return AnalysisStatus.model_validate(found_so)
    text = _short("; ".join(m.explanation for m in verdicts))
    return AnalysisStatus(at=stamp(now), verdict="Advance", explanation=text, metrics=verdicts)


def _metric(metric: Metric, counters: Counters, candidate: str, since: float, evidence: Evidence) -> MetricStatus:
    bad, total = arms(counters, (candidate,), since)[candidate]
    bad = min(bad, total)
    limit = float(metric.objective.absolute.max)
    seen = last_seen(counters, candidate)
    told = f"{metric.name}: {bad} of {total} candidate requests failed"
    if total >= metric.min_requests and bad > limit * total:
        state = "Regressed"
        text = f"{told} ({bad / total:.2%}), above the limit of {limit:.2%}"
    elif seen is None or evidence.read_at - seen > max(_SILENT_SCRAPES * spacing(counters), 5.0):
        state = "NoData"
        since_when = "never" if seen is None else f"not since {clock(seen)}"
        text = f"{metric.name}: the candidate's requests were {since_when} seen in Prometheus"
    elif total < metric.min_requests:
        state = "Undecided"
        text = f"{told}; {metric.min_requests} requests are needed to judge"
    else:
        state = "Passing"
        text = f"{told} ({bad / total:.2%}), within the limit of {limit:.2%}"
    return MetricStatus.model_validate(
        {"name": metric.name, "state": state, "bad": bad, "total": total, "explanation": _short(text)}
    )


def _short(text: str | None) -> str:
    return (text or "")[:1024]
