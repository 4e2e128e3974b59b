"""What every step of one pass over a rollout under way needs, and why a step forward has to wait."""

from collections.abc import Iterator
from dataclasses import dataclass

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import Arm, RolloutSpec, StageStatus, TrafficStatus
from crossfade.decide.admission import objection
from crossfade.decide.apportion import apportioned, share_of
from crossfade.decide.capacity import carried, full, needed, step_pods, whole
from crossfade.decide.counting import is_fresh, spacing
from crossfade.decide.going_back import goes_back
from crossfade.decide.look import Look
from crossfade.decide.plan import Plan, Situation, Standing
from crossfade.decide.preflight import problem
from crossfade.decide.reading import is_read
from crossfade.decide.settle import serves
from crossfade.decide.shapes import Shape, Split, asked_for, intent
from crossfade.decide.stages import Step, same_step
from crossfade.decide.starting import Deadline, deadline, unlisted
from crossfade.decide.templates import Source, source_of
from crossfade.model.evidence import Counters, Evidence
from crossfade.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Way:
    """A rollout under way, as of this pass. `look` is None before the first stage."""

    snapshot: Snapshot
    spec: RolloutSpec
    stable: Arm
    candidate: Arm
    look: Look | None

    @property
    def ready(self) -> bool:
        """Whether the candidate has the pods for what it does now, and the Service by which requests find them."""
        return self.is_backed and self.candidate.ready >= self.needs

    @property
    def is_backed(self) -> bool:
        """Whether the candidate has the Service by which requests find it."""
        found = self.snapshot.revisions.get(self.candidate.revision)
        return found is not None and found.service is not None

    @property
    def goes_back(self) -> bool:
        """Whether the candidate served before, so that it needs no stages."""
        return goes_back(self.snapshot, self.candidate.revision)

    @property
    def hurries(self) -> bool:
        """Whether it goes back with the pods that are ready, be they too few: from a version that has none, or when the
        others had their time, or are in no EndpointSlice alone, for which nobody knows how long it takes."""
        end = self.deadline
        late = end is None or end.at < self.snapshot.now
        return self.goes_back and self.is_backed and self.candidate.ready > 0 and (late or self.stable.ready == 0)

    @property
    def deadline(self) -> Deadline | None:
        """Until when the candidate's pods may start; None while enough are ready, listed or not."""
        return deadline(self.spec.serving.startup, self.candidate)

    @property
    def needs(self) -> int:
        """Pods that the candidate must have ready for what it does now."""
        return needed(self.snapshot, self.candidate)

    @property
    def frozen(self) -> tuple[Reason, str] | None:
        """Why nothing goes forward, whatever the evidence says; a rollback is never frozen."""
        if self.spec.suspend:
            return Reason.SUSPENDED, "suspended"
        return (Reason.DEFINITION_OUTDATED, self.snapshot.unkept) if self.snapshot.unkept else None

    def pods(self, step: Step) -> int:
        """Pods that the candidate must have ready before it gets what the step gives."""
        return step_pods(self.spec, step, full(self.snapshot, self.spec))

    @property
    def stage(self) -> StageStatus | None:
        """The stage that the status speaks of."""
        return self.snapshot.rollout.status.stage

    @property
    def begun(self) -> bool:
        """Whether a stage was entered, and evidence is gathered."""
        return self.stage is not None and self.look is not None

    @property
    def step(self) -> Step | None:
        """The rung of the ladder that is the stage; None when an edit took it away."""
        return same_step(self.spec, self.stage.name, self.stage.index, self.given) if self.stage else None

    @property
    def given(self) -> Shape:
        """What the candidate is asked to get now."""
        return asked_for(self.snapshot.rollout.status.traffic)

    def split(self, shape: Shape) -> Split:
        """What the route says when the candidate is to get that: no more than its ready pods carry."""
        return apportioned(self.snapshot, self.stable, self.candidate, self.carried(shape))

    def intent(self, shape: Shape, pods: int) -> TrafficStatus:
        """What the status says of it when it is given to so many ready pods."""
        given = share_of(self.snapshot, self.candidate, self.split(shape))
        return intent(shape, pods).model_copy(update={"given": given})

    def told(self, shape: Shape) -> str:
        """The same in words, such as `5% of the requests` or `5% of the requests (by pods 1 of 10, so 10%)`."""
        given = self.intent(shape, 0).given
        words = f"{shape} of the requests"
        if given is None:
            return words
        return f"{words} (by pods {given.pods} of {given.of}, so {100 * given.pods / given.of:.3g}%)"

    def expected(self, shape: Shape) -> float:
        """Percent of all requests counted at both arms' pods that should be its own; 0 when that cannot be known."""
        given = self.intent(shape, 0).given
        return shape.expected if given is None else 100 * given.pods / given.of

    def carried(self, shape: Shape) -> Shape:
        """What the candidate's ready pods carry of that."""
        return carried(self.snapshot, self.stable, self.candidate, shape)

    def plan(self, reason: Reason, message: str, **changes: object) -> Plan:
        """Still in progress, with both arms recorded."""
        foresight = self.snapshot.foresight if self.look is None else None
        planned = {"plan": foresight.plan} if foresight else {}
        update = {"stable": self.stable, "candidate": self.candidate, **planned, **changes}
        return Plan(
            status=self.snapshot.rollout.status.model_copy(update=update),
            situation=Situation(Standing.IN_PROGRESS, reason, message),
            available=serves(self.snapshot, self.stable),
        )


def waits(way: Way, step: Step) -> tuple[Reason, str] | None:
    """Why the candidate gets no more requests yet. Before its first one, it must be possible to judge it."""
    evidence = way.snapshot.evidence
    if (frozen := way.frozen) is not None:
        reason, why = frozen
        return reason, f"{why} before {step.summary}" if way.spec.suspend else f"{step.summary} waits: {why}"
    if (shut := _closed(way) or no_way_back(way)) is not None:
        return shut[0], f"{step.summary} waits{shut[1]}"
    sources = {metric.name: source_of(metric, way.snapshot.templates) for metric in way.spec.analysis.metrics}
    if unknown := [source for source in sources.values() if isinstance(source, str)]:
        return Reason.METRIC_INVALID, f"{step.summary} waits: {'; '.join(unknown)}"
    if evidence is None or not is_fresh(evidence, way.snapshot.now):
        why = evidence.error if evidence and evidence.error else "Prometheus has not answered yet"
        return Reason.METRICS_UNAVAILABLE, f"{step.summary} waits for metrics: {why}"
    if way.look is not None:
        return None
    if problems := list(_problems(way, evidence)):
        return Reason.METRIC_INVALID, f"{step.summary} waits: {'; '.join(problems)}"
    if not scrape_interval(way):
        return Reason.NO_DATA, f"{step.summary} waits: {way.stable.model_version} was not scraped twice yet"
    if way.snapshot.foresight is None:
        return Reason.PLANNING, f"{step.summary} waits: the past of {way.stable.model_version} is being read"
    return None


def _closed(way: Way) -> tuple[Reason, str] | None:
    """What is wrong, as far as is known, with the way on which requests come in."""
    if (why := objection(way.snapshot)) is not None:
        return why.reason, f": {why.message}"
    if is_read(way.snapshot):
        return None
    return Reason.WAITING_FOR_GATEWAY, ": the Gateways of its route are being read"


def no_way_back(way: Way) -> tuple[Reason, str] | None:
    """Which pods of the stable version are missing to take everything back."""
    late = unlisted(way.snapshot.revisions.get(way.stable.revision))
    if way.stable.ready == 0:
        return Reason.NOT_SERVING, f" for {way.stable.model_version}, which has no ready pod to go back to{late}"
    if way.stable.ready < (back := needed(way.snapshot, way.stable)):
        short = f"{way.stable.ready} of {back} pods of {way.stable.model_version} are ready"
        what = "to take everything back" if back == needed(way.snapshot, whole(way.stable)) else "for its share"
        return Reason.WAITING_FOR_CAPACITY, f": {short}, and all must be {what}{late}"
    return None


def _problems(way: Way, evidence: Evidence) -> Iterator[str]:
    """What speaks against judging the metrics as they are written, seen by what they say of the stable version."""
    for metric in way.spec.analysis.metrics:
        source, read = source_of(metric, way.snapshot.templates), evidence.metrics.get(metric.name, Counters())
        found = problem(metric, source, read, way.stable.revision) if isinstance(source, Source) else source
        if found is not None:
            yield found


def scrape_interval(way: Way) -> float:
    """Seconds between two scrapes of the metric that is scraped least often; 0 when unknown."""
    evidence = way.snapshot.evidence
    return max((spacing(counters) for counters in evidence.metrics.values()), default=0.0) if evidence else 0.0
