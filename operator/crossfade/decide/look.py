"""One look at the evidence: what was remembered, what was scraped since, and what both say of the candidate."""

from dataclasses import dataclass

from crossfade.api.v1alpha1.rollout import AnalysisStatus, Arm, RolloutSpec
from crossfade.decide.counting import STALE_SECONDS
from crossfade.decide.judge.describe import analysis_status
from crossfade.decide.judge.engine import Judgement, judge
from crossfade.decide.judge.rules import Rules, rules_of
from crossfade.decide.judge.windows import catch_up
from crossfade.decide.memory import begun, fingerprint, recorded
from crossfade.decide.shapes import expected_by
from crossfade.decide.templates import kinds_of
from crossfade.model.evidence import Evidence
from crossfade.model.ledger import Ledger
from crossfade.model.moments import clock, moment
from crossfade.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Look:
    """The verdict as of `now` (unix seconds). `trouble` says why nothing new could be read, empty when it could, and
    `doubled` which pods are scraped more than once where that is what holds."""

    now: float
    rules: Rules
    ledger: Ledger
    judgement: Judgement
    trouble: str = ""
    doubled: str = ""

    @property
    def gist(self) -> frozenset[str]:
        """What is recorded at once when it changes; figures alone may wait."""
        states = (f"{name} {state}" for name, state in self.judgement.states.items())
        return frozenset((self.judgement.overall, self.ledger.asked, *states))

    def told(self) -> AnalysisStatus:
        """The verdict for people, with the checkpoint that a restarted operator goes on from."""
        told = analysis_status(self.rules, self.ledger, self.judgement, self.now)
        if (said := self.trouble or self.doubled) and self.judgement.overall == "Hold":
            told = told.model_copy(update={"explanation": f"{said}; no weight moves"[:1024]})
        return recorded(told, self.ledger)


def first_look(snapshot: Snapshot, spec: RolloutSpec, candidate: Arm, step: float) -> Look:
    """The look with which the first stage begins, before anything counts; `step` is the scrape interval (s)."""
    histories = snapshot.foresight.histories if snapshot.foresight else {}
    ledger = begun(spec, candidate, snapshot.now, step, histories)
    rules = _rules(snapshot, spec, ledger)
    return Look(snapshot.now, rules, ledger, judge(rules, ledger))


def look_at(snapshot: Snapshot) -> Look | None:
    """Fold what was scraped since the last look into the ledger, and judge. None before the first stage."""
    spec, status, ledger = snapshot.rollout.spec, snapshot.rollout.status, snapshot.ledger
    if spec is None or status.stage is None or status.stable is None or status.candidate is None:
        return None
    if ledger is None or ledger.asked != fingerprint(spec, status.candidate):
        known = ledger or Ledger()
        ledger = begun(spec, status.candidate, snapshot.now, known.step, known.histories)
    rules, read = _rules(snapshot, spec, ledger), snapshot.evidence or Evidence(0.0)
    ledger, silent = catch_up(
        rules,
        ledger,
        read.metrics,
        status.stable.revision,
        status.candidate.revision,
        weight=expected_by(status.traffic),
        since=moment(status.stage.acknowledged_at) if status.stage.acknowledged_at else None,
        now=read.read_at,
    )
    if snapshot.now - read.read_at > STALE_SECONDS:
        silent = frozenset(rules.by_name)
    judgement = judge(rules, ledger, silent)
    return Look(snapshot.now, rules, ledger, judgement, _trouble(snapshot), _doubled(judgement, read))


def _doubled(judgement: Judgement, read: Evidence) -> str:
    """Which pods are scraped more than once, of the first metric that cannot be judged for it."""
    about = judgement.about if judgement.why == "Invalid" else ()
    told = ((name, read.metrics[name].doubled) for name in about if name in read.metrics)
    return next((f"the metric {name!r} cannot be judged: {said}" for name, said in told if said), "")


def _trouble(snapshot: Snapshot) -> str:
    """Why Prometheus' silence means nothing just now; empty when it answered lately."""
    evidence = snapshot.evidence
    if evidence is None:
        return "metrics cannot be read: no evidence was read yet"
    if evidence.error is not None:
        return f"metrics cannot be read: {evidence.error}"
    if snapshot.now - evidence.read_at > STALE_SECONDS:
        return f"the last metrics are of {clock(evidence.read_at)}"
    return ""


def gist(analysis: AnalysisStatus) -> frozenset[str]:
    """The same of figures that were recorded."""
    states = (f"{metric.name} {metric.state}" for metric in analysis.metrics)
    return frozenset((analysis.verdict, analysis.checkpoint.partition(" ")[0], *states))


def inconclusive(look: Look) -> str:
    """What is said of a stage that lasted its time without a decision."""
    return f"its maxDuration is over, and the evidence says neither worse nor good enough: {look.told().explanation}"


def _rules(snapshot: Snapshot, spec: RolloutSpec, ledger: Ledger) -> Rules:
    kinds = kinds_of(spec.analysis.metrics, snapshot.templates)
    return rules_of(spec.analysis, spec.strategy.stages, ledger.step, kinds, ledger.histories)
