"""A fake clock and a fake world: enough of a cluster, a gateway and Prometheus to replay rollouts in milliseconds."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from math import inf
from typing import Any

from crossfade.api import meta
from crossfade.api.v1alpha1 import ModelVersionStatus, RolloutSpec, RolloutStatus
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.rollout import Cause
from crossfade.decide.memory import remembered
from crossfade.decide.on_record import in_order
from crossfade.decide.plan import ROUTES, Action, Apply, Delete, Label, Plan, Scale, Target
from crossfade.decide.rollout import plan_rollout
from crossfade.decide.warming import WARMER
from crossfade.model.claim import Rival
from crossfade.model.evidence import Counters, Evidence, Series
from crossfade.model.ledger import Ledger
from crossfade.model.order import Order, Verb
from crossfade.model.route import RouteFacts
from crossfade.model.snapshot import Foresight, Platform, RolloutFacts, Snapshot, VersionFacts
from crossfade.model.workload import Loss, PodFacts, RevisionFacts
from crossfade.status.conditions import conditions

from tests.simulation.api_server import written
from tests.simulation.behind import ChangedError, Record
from tests.simulation.gateway import Gateway
from tests.simulation.members import Members
from tests.simulation.revision import Revision
from tests.simulation.routes import beside, finds_copied, is_service, mirrors, reached, weights
from tests.simulation.slices import End, Slices
from tests.simulation.specs import OBJECTIVE, analysis, spec

START = 1_800_000_000.0
SCRAPE = 1.0
NAME = "fraud"
ENTRIES = (*ROUTES, Target.SERVICE)
_READ_SECONDS = 300.0


@dataclass
class World:
    """Set the knobs, `run` it, and read `lines`: the transcript of all that was decided and done."""

    spec: dict[str, Any] = field(default_factory=spec)
    error_rate: dict[str, float] = field(default_factory=dict)
    crashes: set[str] = field(default_factory=set)
    wrong_bytes: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    room: dict[str, int] = field(default_factory=dict)
    """By version, how many of its pods can be ready at all."""
    starts: dict[str, tuple[Cause, str]] = field(default_factory=dict)
    """By version, what its pods that are not ready wait for, and what is seen of it."""
    losses: dict[str, str] = field(default_factory=dict)
    """By version, what became of a pod of it just now."""
    load: dict[str, int] = field(default_factory=dict)
    """By version, how many pods its autoscaler holds right."""
    unscraped: set[str] = field(default_factory=set)
    skew: int = 0
    rate: float = 200.0
    cohort_rate: float = 0.0
    start_seconds: float = 3.0
    ack_seconds: float = 0.1
    serve_seconds: float = 1.5
    slice_seconds: float = 0.0
    """After which EndpointSlices list a pod that is ready."""
    prometheus_up: bool = True
    retention: float = inf
    doubled: str = ""
    """What is said of pods that two scrapes show at the same time."""
    gateway_up: bool = True
    versions: set[str] = field(default_factory=lambda: {"v1", "v2", "v3"})
    now: float = START
    generation: int = 1
    uid: str = "u-1"
    orders: dict[Verb, Order] = field(default_factory=dict)
    deleting: bool = False
    deleting_since: float = 0.0
    finalizer: bool = False
    status: RolloutStatus = field(default_factory=RolloutStatus)
    record: Record = field(default_factory=Record)
    revisions: dict[str, Revision] = field(default_factory=dict)
    route: dict[str, Any] | None = None
    route_generation: int = 0
    ours: int = 0
    """The generation of the route that the operator remembers to have written."""
    route_written_at: float = START
    served: dict[str, int] = field(default_factory=dict)
    extra: dict[str, float] = field(default_factory=dict)
    broken: bool = False
    lines: list[str] = field(default_factory=list)
    writes: int = 0
    failed_by_route: float = 0.0
    crash_after: int | None = None
    seen: Snapshot | None = None
    plan: Plan | None = None
    acted: list[Action] = field(default_factory=list)
    ledger: Ledger | None = None
    foresight: Foresight | None = field(default_factory=Foresight)
    gateway: Gateway = field(default_factory=Gateway)
    rivals: tuple[Rival, ...] = ()
    left_behind: RouteFacts | None = None
    members: Members = field(default_factory=Members)
    slices: Slices = field(default_factory=Slices)
    checks: list[Callable[["World"], None]] = field(default_factory=list)
    read: tuple[dict[str, Any], RolloutSpec] | None = field(default=None, repr=False)
    """The spec that was read last, and what it says: most looks find the same."""

    # what people do

    def ask(self, version: str) -> None:
        """Change `spec.modelVersion`."""
        self.edit(modelVersion=version)

    def edit(self, **changes: Any) -> None:
        """Change the spec; the generation rises as in the API server."""
        self.spec = {**self.spec, **changes}
        self.generation += 1

    def order(self, verb: Verb, token: str = "1", by: str = "ann", reason: str = "") -> None:
        """kubectl annotate."""
        self.orders[verb] = Order(token, by, reason)

    def delete(self) -> None:
        """kubectl delete."""
        self.deleting, self.deleting_since = True, self.now

    # running

    def run(self, seconds: float, until: Callable[["World"], bool] | None = None) -> "World":
        """Let time pass in steps of half a scrape, reconciling at each until nothing more is written."""
        end = self.now + seconds
        while self.now < end and not (until and until(self)):
            self.now += SCRAPE / 2
            self._others(SCRAPE / 2)
            self.reconcile()
        return self

    def reconcile(self) -> None:
        """Reconcile until a pass writes and reads nothing; a plan that never comes to rest is an error."""
        for _ in range(20):
            before = self.writes, self.gateway.reads, self.record.refusals
            self._once()
            if (self.writes, self.gateway.reads, self.record.refusals) == before:
                return
        raise AssertionError("the plan never comes to rest:\n" + "\n".join(self.lines[-20:]))

    def _once(self) -> None:
        self.seen = snapshot = self.record.seen(self)
        self.plan = plan = plan_rollout(snapshot)
        self.ledger, self.acted = plan.ledger, []
        try:
            before, after = in_order(plan, snapshot.rollout.status)
            if before:
                self.record.compare(self)
            for action in before:
                self._act(action)
            self._record(plan)
            for action in after:
                self._act(action)
        except ChangedError:
            self.lines.append(f"{self.now - START:6.1f} CHANGED meanwhile: looked at again")
            return
        except KilledError:
            self.crash_after = self.ledger = None
            self.record.catches_up()
            self.lines.append(f"{self.now - START:6.1f} KILLED")
        self.gateway.attend(plan, self.now)
        for check in self.checks:
            check(self)

    def _record(self, plan: Plan) -> None:
        known = self.record.known(self)
        found = conditions(plan.situation, (), known.conditions, self.generation, self.now)
        differs = plan.status != known or found != known.conditions
        if differs:
            self.record.compare(self)
        said = f"{plan.situation.standing.value} {plan.situation.reason}: {plan.situation.message}"
        if not self.lines or not self.lines[-1].endswith(said):
            self.lines.append(f"{self.now - START:6.1f} {said}")
        if differs and plan.status != self.status:  # one that is behind wants what it takes for the record
            self._write()
        if differs:
            told = plan.status.model_copy(update={"conditions": found, "observed_generation": self.generation})
            self.record.former, self.status = self.status, RolloutStatus.of(told.to_json())

    def _write(self) -> None:
        if self.crash_after is not None:
            if self.crash_after == 0:
                raise KilledError
            self.crash_after -= 1
        self.writes += 1

    def _act(self, action: Action) -> None:
        self._write()
        if isinstance(action, Delete):
            self._delete(action)
        elif isinstance(action, Label):
            self.members.label(action, self.revisions)
            self.route_written_at = self.now
        elif isinstance(action, Apply) and action.body["metadata"]["name"] == NAME and action.target in ENTRIES:
            self._write_entry(action.body)
        else:
            self._store(action)
        self.acted.append(action)
        what = action.target.value if isinstance(action, Apply) else action.name
        self.lines.append(f"{self.now - START:6.1f}   {type(action).__name__} {what}: {action.why}")

    def _write_entry(self, body: dict[str, Any]) -> None:
        """The users' route, or the Service that stands for it; what changes nothing makes no new generation."""
        before, self.route = self.route, written(self.route, body)
        if self.route is not before:
            self.route_generation, self.route_written_at = self.route_generation + 1, self.now
        self.ours = self.route_generation

    def _store(self, action: Apply | Scale) -> None:
        match action:
            case Apply(target=Target.DEPLOYMENT, body=body):
                name, notes = body["metadata"]["name"], body["metadata"]["annotations"]
                arm = (notes[meta.ANNOTATION_MODEL_VERSION], notes[meta.ANNOTATION_DIGEST])
                self.revisions[name] = Revision(arm, [self.now] * body["spec"]["replicas"], self.now, body)
            case Apply(target=Target.SERVICE, body=body):
                found = self.revisions[body["metadata"]["name"]]
                found.service = written(found.service, body)
            case Apply(target=Target.AUTOSCALER, body=body):
                found = self.revisions[body["metadata"]["name"]]
                found.autoscaler = written(found.autoscaler, body)
            case Apply(target=Target.BUDGET, body=body):
                found = self.revisions[body["metadata"]["name"]]
                found.budget = written(found.budget, body)
            case Apply(target=target, body=body) if target in ROUTES:
                self.gateway.write(body, self.now)
            case Apply(target=Target.ROLLOUT, body=body):
                self.finalizer = bool(body["metadata"]["finalizers"])
            case Scale(name=name, replicas=replicas):
                idle = self.revisions[name].replicas == 0
                assert self.revisions[name].autoscaler is None or idle, f"{name} is scaled by two"
                self.revisions[name].scale(replicas, self.now)

    def _delete(self, action: Delete) -> None:
        if action.target in ROUTES:
            self.gateway.write(None, self.now)
            return
        revision = self.revisions[action.name]
        match action.target:
            case Target.DEPLOYMENT:
                assert (revision.service, revision.autoscaler, revision.budget) == (None, None, None), "left over"
                del self.revisions[action.name]
            case Target.SERVICE:
                revision.service = None
            case Target.AUTOSCALER:
                revision.autoscaler = None
            case Target.BUDGET:
                revision.budget = None

    def _others(self, seconds: float) -> None:
        """What users and other controllers do meanwhile."""
        self._traffic(seconds)
        for revision in self.revisions.values():
            revision.autoscale(self.load.get(revision.arm[0], 0), self.now)

    def _traffic(self, seconds: float) -> None:
        """Requests arrive, are split as the gateway serves by now, and are scraped on the full second."""
        self._follow()
        self.slices.follow(self)
        total = sum(self.served.values()) or 1
        for name, weight in self.served.items():
            count = self.rate * seconds * weight / total
            revision = self.revisions.get(name)
            if revision is None or not self.found(name) or self.broken or name in self.backless():
                self.failed_by_route += count
                continue
            failing = self.error_rate.get(revision.arm[0], 0.0)
            revision.good += count * (1 - failing)
            revision.bad += count * failing
        for name, part in self.extra.items():  # copies, and requests with the cohort's headers
            if name in self.revisions and self.found(name):
                failing = self.error_rate.get(self.revisions[name].arm[0], 0.0)
                self.revisions[name].good += self.rate * seconds * part * (1 - failing)
                self.revisions[name].bad += self.rate * seconds * part * failing
        if self.prometheus_up and (self.now - START) % SCRAPE == 0:
            for revision in self.revisions.values():
                if revision.good + revision.bad > 0 and revision.arm[0] not in self.unscraped:
                    revision.samples[0].append((self.now, float(round(revision.bad))))
                    revision.samples[1].append((self.now, float(round(revision.good + revision.bad))))

    def _follow(self) -> None:
        """What was written is served, after a while."""
        if self.route is not None and is_service(self.route):
            self.members.follow(self, self.route)
        elif self.route is not None and self.now - self.route_written_at >= self.serve_seconds:
            self.served, self.extra = weights(self.route), beside(self.route, self.cohort_rate / (self.rate or 1.0))
            if len(self.served) == 2:  # what a gateway that does not keep to the weights would serve
                stable, candidate = self.served
                self.served[stable] -= self.skew
                self.served[candidate] += self.skew
            broken = mirrors(self.route) and not self.gateway.mirror_works
            self.broken = broken or not finds_copied(self.route)

    def restart(self, *, behind: bool = False) -> None:
        """The operator ends, and with it what it remembered; the next one may not know the last write of the status."""
        self.record.catches_up()
        if behind:
            self.record.falls_behind(self.now)
        self.ledger = self.gateway.read_at = None
        self.ours = 0
        self.gateway.rehearsed.clear()

    # the world as facts

    def ready(self, name: str) -> int:
        """Ready pods of a revision."""
        revision = self.revisions[name]
        broken = revision.arm[0] in self.crashes | self.wrong_bytes
        broken = broken or name in self.dead
        old_enough = sum(self.now - born >= self.start_seconds for born in revision.born)
        return 0 if broken else min(old_enough, self.room.get(revision.arm[0], old_enough))

    def late(self, end: End) -> float:
        """Seconds after which the EndpointSlices list a pod that is ready."""
        return self.slice_seconds

    def backends(self) -> dict[str, str]:
        """The revision whose pods each Service leads to."""
        return {name: name for name, one in self.revisions.items() if one.service is not None}

    def leading_to(self, name: str) -> tuple[str, ...]:
        """The Services by which requests find the pods of a revision."""
        return (name,)

    def named_by_us(self) -> frozenset[str]:
        """Whom a route of our own names."""
        return reached(self.route)

    def found(self, name: str) -> frozenset[str]:
        """Names of the ready pods that requests find."""
        if self.route is not None and is_service(self.route):
            return frozenset(f"{name}-{at}" for at in range(self.ready(name)))
        return frozenset().union(*(self.slices.lists(one, name) for one in self.leading_to(name)))

    def seen_ends(self, name: str) -> frozenset[str]:
        """The same as the operator sees it: while it knows of no slice it believes the pods of stable, and of whom its
        own route names."""
        unknown = self.slices.known.isdisjoint(self.leading_to(name))
        stable = self.status.stable is not None and self.status.stable.revision == name
        believes = unknown and (stable or name in self.named_by_us())
        return frozenset(f"{name}-{at}" for at in range(self.ready(name))) if believes else self.found(name)

    def backless(self) -> frozenset[str]:
        """Revisions that the route names and that have no Service: who is sent there is answered with an error. A
        Service alone leads to the pods of all, and stays when a Deployment is deleted."""
        named = frozenset() if self.route is None or is_service(self.route) else reached(self.route)
        return frozenset(name for name, one in self.revisions.items() if name in named and one.service is None)

    def pods(self, version: str) -> int:
        """Pods that a version should have."""
        return sum(one.replicas for one in self.revisions.values() if one.arm[0] == version)

    def share(self, version: str) -> int:
        """Percent that the stored route gives to a model version."""
        return sum(
            w for n, w in weights(self.route).items() if n in self.revisions and self.revisions[n].arm[0] == version
        )

    def snapshot(self) -> Snapshot:
        """All that a decision may see."""
        self.slices.follow(self)
        if self.read is None or self.read[0] != self.spec:
            self.read = deepcopy(self.spec), RolloutSpec.model_validate(self.spec)
        read, ledger = self.read[1], remembered(self.status, self.ledger)
        rollout = RolloutFacts(
            name=NAME,
            namespace="ml",
            uid=self.uid,
            generation=self.generation,
            deleting=self.deleting,
            deleting_since=self.deleting_since,
            finalizer=self.finalizer,
            orders=dict(self.orders),
            spec=read,
            spec_error="",
            status=self.status,
        )
        return Snapshot(
            now=self.now,
            rollout=rollout,
            platform=Platform("crossfade:test"),
            version=self._version(read.model_version),
            revisions={name: self.facts_of(name) for name in self.revisions},
            route=self._route(),
            evidence=self._evidence(ledger),
            foresight=self.foresight,
            ledger=ledger,
            gateways=self.gateway.facts(),
            rehearsal=self.gateway.seen(self.now),
            rehearsed=self.gateway.rehearsed,
            rivals=self.rivals,
            left_behind=self.left_behind,
            stable_version=self._version(self.status.stable.model_version) if self.status.stable else None,
        )

    def _version(self, name: str) -> VersionFacts | None:
        if name not in self.versions:
            return None
        digest = "sha256:" + name.encode().hex().ljust(64, "0")
        resolved = Resolved(
            uri=f"models:/fraud/{name}",
            immutable_uri=f"s3://b/{name}",
            digest=digest,
            files=1,
            size_bytes=1,
            resolved_at="2026-01-01T00:00:00Z",
        )
        return VersionFacts(name, resolved)

    def facts_of(self, name: str) -> RevisionFacts:
        """One revision as the operator sees it."""
        r = self.revisions[name]
        count, (version, digest), found = self.ready(name), r.arm, self.seen_ends(name)
        crashed = version in self.crashes and self.now - r.created_at > 1
        refused = version in self.wrong_bytes and self.now - r.created_at > 1
        cause, told = self.starts.get(version, (None, ""))
        warmed = any(one["name"] == WARMER for one in r.deployment["spec"]["template"]["spec"]["initContainers"])
        pods = tuple(
            PodFacts(
                f"{name}-{i}",
                i < count,
                0,
                "CrashLoopBackOff" if crashed else None,
                "",
                3 if refused else None,
                None if i < count else cause,
                "" if i < count else told,
                i < count if warmed else None,
                serves=self.members.serves(name, i, r),
                listed=f"{name}-{i}" in found,
            )
            for i in range(r.replicas)
        )
        children = (r.deployment, r.service, r.autoscaler, r.budget)
        lost = Loss(self.losses[version], self.now) if version in self.losses else None
        return RevisionFacts(name, version, digest, r.replicas, len(found), r.created_at, pods, *children, lost=lost)

    def _route(self) -> RouteFacts | None:
        if self.route is None:
            return None
        if is_service(self.route):
            return self.members.facts(self, self.route)
        taken = self.gateway_up and self.now - self.route_written_at >= self.ack_seconds
        generation = self.route_generation if taken else self.route_generation - 1
        parents = self.gateway.parents(self.route, generation, self.backless(), taken=taken) if generation else ()
        stored = self.route["spec"], self.route["metadata"]["labels"], self.route["kind"]
        given = weights(self.route), reached(self.route)
        return RouteFacts(self.route_generation, *given, parents, *stored, self.ours, self.route_written_at)

    def _evidence(self, ledger: Ledger | None) -> Evidence | None:
        if not self.prometheus_up:
            return Evidence(self.now, {}, "Prometheus at http://p:9090 does not answer")
        known = min((one.end for one in ledger.metrics.values()), default=self.now) if ledger else self.now
        since = max(min(self.now - _READ_SECONDS, known - 3 * SCRAPE), self.now - self.retention)
        found = {
            name: [tuple(one for one in samples if one[0] >= since) for samples in revision.samples]
            for name, revision in self.revisions.items()
        }
        bad, total = (tuple(Series(n, f"{n}-0", s[i]) for n, s in found.items() if s[i]) for i in (0, 1))
        return Evidence(self.now, {"errors": Counters(bad, total, doubled=self.doubled)})


class KilledError(Exception):
    """The operator was killed between two writes."""


def promoted(world: World) -> bool:
    """The spec's version is stable and nothing is under way."""
    stable = world.status.stable
    return stable is not None and stable.model_version == world.spec["modelVersion"] and world.status.candidate is None


def serving(version: str = "v1", **knobs: Any) -> World:
    """A world in which `version` serves everything."""
    world = World(**{"spec": spec(version), **knobs}).run(30, until=promoted)
    assert promoted(world), "\n".join(world.lines)
    return world


__all__ = [
    "OBJECTIVE",
    "ModelVersionStatus",
    "World",
    "analysis",
    "beside",
    "mirrors",
    "promoted",
    "reached",
    "serving",
    "spec",
    "weights",
]
