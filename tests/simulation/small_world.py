"""A world so small that all of its states can be visited: one pod an arm, or two where stable may have fewer than carry
everything; a clock of five seconds, bounded bad luck.

The judge is replaced by whatever it could say: at each look the verdict, the share and the answer of Prometheus are
free. So what holds here holds for every judge. Times are kept as ages, so that a state is a state whenever it comes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

from crossfade.api import meta
from crossfade.api.v1alpha1 import RolloutSpec, RolloutStatus
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.rollout import AnalysisStatus, Arm, Outcome
from crossfade.decide.going_back import served
from crossfade.decide.judge.engine import Judgement, Overall
from crossfade.decide.look import Look, first_look
from crossfade.decide.plan import ROUTES, Action, Apply, Delete, Label, Scale, Target
from crossfade.decide.shapes import expected_by
from crossfade.decide.workloads import ports
from crossfade.model.claim import Rival, Wanted
from crossfade.model.evidence import Counters, Evidence, Series
from crossfade.model.gateway import GatewayFacts, Listener
from crossfade.model.ledger import Ledger
from crossfade.model.moments import moment, stamp
from crossfade.model.order import Order, Verb
from crossfade.model.rehearsal import Rehearsed
from crossfade.model.route import ParentFacts, RouteFacts
from crossfade.model.snapshot import Foresight, Platform, RolloutFacts, Snapshot, VersionFacts
from crossfade.model.workload import PodFacts, RevisionFacts

from tests.simulation.api_server import written
from tests.simulation.ladders import LADDERS
from tests.simulation.routes import is_service, reached, weights
from tests.simulation.world import spec

MOST = 2
"""Pods of an arm, where it has more than one."""
NOW, TICK, OLDEST = 1_800_000_000.0, 5.0, 15.0
"""The one moment at which everything is looked at; how far the clock goes at once; ages beyond are all the same (s)."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look finds beside the objects: whether Prometheus answers, whether the share shows, the verdict, and
    whether others have the requests."""

    name: str
    answers: bool = True
    shows: bool = True
    verdict: Overall = "Continue"
    shut: bool = False


SIGHTS = (
    Sight("dark", answers=False, verdict="Hold"),
    Sight("unseen", shows=False),
    Sight("undecided"),
    Sight("good", verdict="Advance"),
    Sight("worse", verdict="Rollback"),
    Sight("shut", verdict="Advance", shut=True),
)
_WHY = {"Hold": "NoData", "Continue": "Undecided", "Advance": "NonInferior", "Rollback": "Regressed"}


@dataclass(frozen=True, slots=True)
class SeenEvidence(Evidence):
    """Evidence that brings the verdict with it."""

    verdict: Overall = "Hold"


@dataclass(frozen=True, slots=True)
class Pods:
    """One revision: its version, and what its few pods do: of `size`, which is 0 when somebody has scaled it away, so
    many are ready; they are `late` while no EndpointSlice lists them yet."""

    revision: str
    version: str
    digest: str
    size: int = 1
    ready: int = 0
    crashing: bool = False
    backend: bool = False
    serves: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """One state of the world. `status` is as stored, `route` the stored spec or None, both as values that compare.

    `people` and `luck` are how many more things people and bad luck may still do. With a route of others `slots` are
    the revisions that its two Services select, and it may be `ours` that was written last.
    """

    asks: str = "v1"
    suspend: bool = False
    status: str = "{}"
    pods: tuple[Pods, ...] = ()
    route: str = ""
    taken: bool = False
    finalizer: bool = False
    orders: tuple[tuple[Verb, str], ...] = ()
    deleting: bool = False
    waited: float = 0.0
    people: int = 0
    luck: int = 0
    slots: tuple[str | None, ...] = ()
    ours: bool = False


@lru_cache(maxsize=100_000)
def status_of(text: str) -> RolloutStatus:
    """A stored status."""
    return RolloutStatus.model_validate_json(text)


@lru_cache(maxsize=10_000)
def route_of(text: str) -> Json:
    """A stored route, as `_stored` wrote it."""
    return dict(_ROUTES[text])


_ROUTES: dict[str, Json] = {}


def stored(route: Json) -> str:
    """A name for this content of a route."""
    text = f"{route['spec']}{route.get('metadata', {}).get('annotations', '')}"
    _ROUTES[text] = route
    return text


@cache
def spec_of(strategy: str, version: str, suspend: bool) -> RolloutSpec:
    """The spec of this world, with one of its ladders."""
    way: Json = {"traffic": {"replicas": {}}} if strategy == "pods" else {}
    serving = {"replicas": MOST if strategy == "matched" else 1, "startup": {"timeout": "10s"}}
    whole = spec(version, strategy=LADDERS[strategy], suspend=suspend, serving=serving, **way)
    return RolloutSpec.model_validate(whole)


def look_at(snapshot: Snapshot) -> Look | None:
    """In place of the judge: the look that the sight brings, before the first stage none."""
    rollout, read = snapshot.rollout, snapshot.evidence
    status = rollout.status
    if rollout.spec is None or status.stage is None or status.stable is None or status.candidate is None:
        return None
    assert isinstance(read, SeenEvidence)
    ground = _ground(snapshot, rollout.spec, status.candidate)
    told = Judgement(read.verdict, _WHY[read.verdict], ("errors",), {"errors": "Undecided"})  # type: ignore[arg-type]
    return replace(ground, judgement=told, trouble=read.error or "")


class AnyLook(Look):
    """A look whose figures are of no interest."""

    def told(self) -> AnalysisStatus:
        """The verdict alone."""
        return AnalysisStatus(verdict=self.judgement.overall, at=stamp(NOW), explanation=self.judgement.overall)


_GROUNDS: dict[tuple[int, str], AnyLook] = {}


def _ground(snapshot: Snapshot, read: RolloutSpec, candidate: Arm) -> AnyLook:
    """The look before anything counted, made once for each spec and candidate."""
    key = (id(read), candidate.revision)  # specs are kept, so their ids are theirs
    if key not in _GROUNDS:
        first = first_look(snapshot, read, candidate, TICK)
        _GROUNDS[key] = AnyLook(first.now, first.rules, first.ledger, first.judgement)
    return _GROUNDS[key]


class AllTried(dict[str, Rehearsed]):
    """Whatever was to be rehearsed went well."""

    def get(self, key: str, default: Any = None) -> Any:
        """All of it, just now."""
        return Rehearsed(NOW)

    def __getitem__(self, key: str) -> Rehearsed:
        return Rehearsed(NOW)

    def __contains__(self, key: object) -> bool:
        return True


_RIVALS = (Rival("HTTPRoute", "web", "shop", Wanted("gateways", "public", "", "PathPrefix", "/")),)
_GATEWAY = GatewayFacts("gateways", "public", NOW, "acme", None, ("10.0.0.1",), (Listener("http", 80, "HTTP"),))


# the world as facts


def snapshot_of(state: State, sight: Sight, strategy: str) -> Snapshot:
    """All that the operator sees in this state, by this sight."""
    status = status_of(state.status)
    read = None if state.asks == "?" else spec_of(strategy, state.asks, state.suspend)
    rollout = RolloutFacts(
        name="fraud",
        namespace="ml",
        uid="u-1",
        generation=1,
        deleting=state.deleting,
        deleting_since=NOW - state.waited,
        finalizer=state.finalizer,
        orders={verb: Order(token) for verb, token in state.orders},
        spec=read,
        spec_error="it cannot be read" if read is None else "",
        status=status,
    )
    return Snapshot(
        now=NOW,
        rollout=rollout,
        platform=Platform("crossfade:test"),
        version=None if read is None else _version(state.asks),
        revisions={one.revision: _facts(at, one, listed=_listed(state, one)) for at, one in enumerate(state.pods)},
        route=_route(state),
        evidence=_evidence(state, status, sight),
        foresight=Foresight(),
        ledger=Ledger(),
        gateways=(_GATEWAY,),
        rehearsed=AllTried(),
        rivals=_RIVALS if sight.shut else (),
        stable_version=_version(status.stable.model_version) if status.stable else None,
    )


@lru_cache(maxsize=8)
def _version(version: str) -> VersionFacts:
    resolved = Resolved(
        uri=f"models:/fraud/{version}",
        immutable_uri=f"s3://b/{version}",
        digest="sha256:" + version.encode().hex().ljust(64, "0"),
        files=1,
        size_bytes=1,
        resolved_at="2026-01-01T00:00:00Z",
    )
    return VersionFacts(version, resolved)


def _listed(state: State, one: Pods) -> bool:
    """Whether requests find its pod; of stable, and of whoever a route of our own names, it is believed while it has no
    Service, and so no slice is known."""
    route = route_of(state.route) if state.route else None
    if route is not None and is_service(route):
        return True
    if one.backend or one.revision in state.slots:
        return not one.late
    stable = status_of(state.status).stable
    serves = reached(route) if route is not None and not state.slots else ()
    return one.revision in serves or (stable is not None and stable.revision == one.revision)


def _facts(at: int, one: Pods, *, listed: bool) -> RevisionFacts:
    crash = "CrashLoopBackOff" if one.crashing else None
    pods = tuple(
        PodFacts(f"{one.revision}-{turn}", turn < one.ready, 0, crash, serves=one.serves, listed=listed)
        for turn in range(one.size)
    )
    leads = {"selector": {meta.LABEL_REVISION: one.revision}, "ports": ports()}
    backend = {"metadata": {"name": one.revision}, "spec": leads} if one.backend else None
    counts = (one.size, one.ready if listed else 0)
    return RevisionFacts(one.revision, one.version, one.digest, *counts, NOW + at, pods, {}, backend)


def _route(state: State) -> RouteFacts | None:
    if not state.route:
        return None
    route = route_of(state.route)
    backless = any(one.revision in reached(route) and not one.backend for one in state.pods)
    parent = ParentFacts("public", "gateways", None, None, True, not backless, False, 2 if state.taken else 1)
    spec, labels = route["spec"], route["metadata"]["labels"]
    return RouteFacts(2, weights(route), reached(route), (parent,), spec, labels, route["kind"])


def _evidence(state: State, status: RolloutStatus, sight: Sight) -> Evidence:
    if not sight.answers:
        return SeenEvidence(NOW, {}, "Prometheus does not answer", verdict="Hold")
    part = expected_by(status.traffic) / 100 if status.candidate and sight.shows else 0.0
    if status.traffic and status.traffic.match and sight.shows:
        part = 0.1  # a cohort comes
    counts = {one.revision: 10_000.0 * (1 - part) for one in state.pods[:1]}
    if status.stable and status.candidate:
        counts = {status.stable.revision: 10_000.0 * (1 - part), status.candidate.revision: 10_000.0 * part}
    if not sight.shows:
        counts = dict.fromkeys(counts, 0.0)
    scrapes = (NOW - 2 * TICK, NOW - TICK, NOW)
    total = tuple(
        Series(name, f"{name}-0", tuple((at, rate * turn) for turn, at in enumerate(scrapes)))
        for name, rate in counts.items()
    )
    bad = tuple(replace(one, samples=tuple((at, 0.0) for at, _ in one.samples)) for one in total)
    return SeenEvidence(NOW, {"errors": Counters(bad, total)}, verdict=sight.verdict)


# what changes it


def apply(state: State, action: Action) -> State:
    """One write has come through."""
    match action:
        case Apply(target=Target.DEPLOYMENT, body=body):
            notes = body["metadata"]["annotations"]
            arm = notes[meta.ANNOTATION_MODEL_VERSION], notes[meta.ANNOTATION_DIGEST]
            made = Pods(body["metadata"]["name"], *arm, body["spec"]["replicas"])
            return replace(state, pods=(*state.pods, made))
        case Label(name=name, serves=serves):
            return _with(state, name.removesuffix("-0"), serves=serves)
        case Apply(target=Target.SERVICE, body=body) if is_service(body) and body["metadata"]["name"] == "fraud":
            return replace(rerouted(state), route=stored(_written(state, body)), taken=False)
        case Apply(target=Target.SERVICE, body=body):
            return _with(state, body["metadata"]["name"], backend=True)
        case Apply(target=target, body=body) if target in ROUTES:
            return replace(rerouted(state), route=stored(_written(state, body)), taken=False)
        case Apply(target=Target.ROLLOUT, body=body):
            return replace(state, finalizer=bool(body["metadata"]["finalizers"]))
        case Delete(target=Target.SERVICE, name=name):
            return _with(state, name, backend=False)
        case Delete(target=Target.DEPLOYMENT, name=name):
            return replace(state, pods=tuple(one for one in state.pods if one.revision != name))
        case Scale(name=name, replicas=replicas):
            return _scaled(state, name, replicas)
    assert isinstance(action, Delete) or action.target is Target.BUDGET, action
    return state


def _written(state: State, body: Json) -> Json:
    return written(route_of(state.route) if state.route else None, body)


def _scaled(state: State, name: str, replicas: int) -> State:
    assert 1 <= replicas <= MOST, f"{name} is scaled to {replicas}"
    (ready,) = (one.ready for one in state.pods if one.revision == name)
    return _with(state, name, size=replicas, ready=min(ready, replicas))


def rerouted(state: State) -> State:
    """A route of a new generation: no gateway is known to have taken it."""
    status = status_of(state.status)
    return replace(state, status=canonical(status.model_copy(update={"route": None})))


def _with(state: State, revision: str, **changes: Any) -> State:
    return replace(
        state, pods=tuple(replace(one, **changes) if one.revision == revision else one for one in state.pods)
    )


def canonical(status: RolloutStatus, later: float = 0.0) -> str:
    """The status without what no decision looks at, `later` seconds later."""

    def aged(text: str | None) -> str | None:
        return None if text is None else stamp(max(moment(text) - later, NOW - OLDEST))

    update: Json = {"analysis": None, "plan": None, "began": None, "history": _line(status)}
    if status.previous is not None:
        update["previous"] = status.previous.model_copy(update={"until": aged(status.previous.until)})
    for arm in ("stable", "candidate"):
        if (one := getattr(status, arm)) is not None:
            update[arm] = one.model_copy(update={"unready_since": aged(one.unready_since)})
    if (stage := status.stage) is not None:
        times = {"acknowledged_at": aged(stage.acknowledged_at), "proven_at": aged(stage.proven_at)}
        update["stage"] = stage.model_copy(update={"entered_at": stamp(NOW), **times})
    if status.traffic is not None:
        update["traffic"] = status.traffic.model_copy(update={"observed": None})
    if status.route is not None:
        taken = {"generation": 2, "acknowledged_at": aged(status.route.acknowledged_at)}
        update["route"] = status.route.model_copy(update=taken)
    if status.written is not None and status.written.stored_at is not None:
        update["written"] = status.written.model_copy(update={"stored_at": stamp(NOW)})
    if status.outcome is not None:
        update["outcome"] = status.outcome.model_copy(
            update={"message": "-", "at": stamp(NOW), "cause": "-", "began": None}
        )
    update["leaving"] = status.leaving and status.leaving.model_copy(update={"message": "-"})
    plain = {"message": "-", "at": stamp(NOW)}
    update["handled"] = [one.model_copy(update=plain) for one in status.handled]
    return status.model_copy(update=update).model_dump_json(by_alias=True, exclude_none=True)


def _line(status: RolloutStatus) -> list[Outcome]:
    """As much of the history as a decision makes something of: who served before whom, two versions of it."""
    ends = {end.revision: end for end in reversed(status.history)}
    plain = {"result": "Promoted", "message": "-", "cause": "-", "at": stamp(NOW), "began": None}
    return [ends[name].model_copy(update=plain) for name in served(status.history)[:2]]


def moves(state: State) -> Iterator[State]:
    """What the world does by itself, then what people and bad luck may do as long as they have not done enough."""
    yield replace(
        state,
        status=canonical(status_of(state.status), TICK),
        waited=min(state.waited + TICK * 5, 75.0) if state.deleting else 0.0,
    )
    if state.route and not state.taken and _may_be_taken(state):
        yield replace(state, taken=True)
    for one in state.pods:
        if one.ready < one.size and not one.crashing:
            yield _with(state, one.revision, ready=one.ready + 1)
        if one.late:
            yield _with(state, one.revision, late=False)
    if state.people and not state.deleting:
        yield from _people(replace(state, people=state.people - 1))
    if state.luck:
        yield from luck_of(replace(state, luck=state.luck - 1))


def _may_be_taken(state: State) -> bool:
    """EndpointSlices are right only once the pods that a Service says have the label."""
    named = weights(route := route_of(state.route))
    return not is_service(route) or len(named) < 2 or {one.revision for one in state.pods if one.serves} == {*named}


def _people(state: State) -> Iterator[State]:
    yield from (replace(state, asks=other) for other in ("v1", "v2", "v3", "?") if other != state.asks)
    yield replace(state, suspend=not state.suspend)
    yield replace(state, deleting=True)
    given = dict(state.orders)
    for verb in ("abort", "advance", "retry", "skip-stage"):
        token = "b" if given.get(verb) == "a" else "a"
        yield replace(state, orders=tuple(sorted({**given, verb: token}.items())))


def luck_of(state: State) -> Iterator[State]:
    """Bad luck with pods, their EndpointSlices, Services and Deployments, and the route."""
    by_slices = not (state.route and is_service(route_of(state.route)))
    for one in state.pods:
        if one.ready:
            yield _with(state, one.revision, ready=one.ready - 1, serves=False, late=False)  # another pod in its place
        if by_slices and not one.crashing and one.size and not one.late:
            yield _with(state, one.revision, ready=one.size, late=True)
        if not one.crashing:
            yield _with(state, one.revision, ready=0, crashing=True, late=False)
        yield from _at_the_children_of(one, state)
    if not state.route:
        return
    yield replace(rerouted(state), route="", taken=False)
    yield from _rewritten(state)


def _at_the_children_of(one: Pods, state: State) -> Iterator[State]:
    """Somebody deletes the Service, scales the Deployment away or deletes it. Its Service stays then; it is found, and
    written again, with the Deployment."""
    if one.backend:
        yield _with(state, one.revision, backend=False)
    if one.size:
        yield _with(state, one.revision, size=0, ready=0, crashing=False, serves=False, late=False)
    yield replace(state, pods=tuple(other for other in state.pods if other is not one))


def _rewritten(state: State) -> Iterator[State]:
    """Somebody gives everything, or what the other had, to another revision; and adds a host, or moves the port."""
    route = route_of(state.route)
    named, others = weights(route), [one.revision for one in state.pods if one.revision not in weights(route)]
    if is_service(route):
        for name in [max(named, key=[*named].index)] if len(named) == 2 else others:
            yield _routed(state, {**route["spec"], "selector": {meta.LABEL_REVISION: name}})
        return
    first = route["spec"]["rules"][0]
    if len(named) == 2:
        there, here = first["backendRefs"]
        yield _ruled(state, [{**there, "weight": here["weight"]}, {**here, "weight": there["weight"]}])
        return
    for name in others:
        (alone,) = first["backendRefs"]
        yield _ruled(state, [{**alone, "weight": 50}, {**alone, "name": name, "weight": 50}])


def _ruled(state: State, backends: list[Json]) -> State:
    route = route_of(state.route)
    first, *rest = route["spec"]["rules"]
    return _routed(state, {**route["spec"], "rules": [{**first, "backendRefs": backends}, *rest]})


def _routed(state: State, spec: Json) -> State:
    moved: Json = {"ports": [{**one, "port": 8080} for one in ports()]}
    added = moved if "selector" in spec else {"hostnames": ["other.example"]}
    return replace(rerouted(state), route=stored({**route_of(state.route), "spec": spec | added}), taken=False)
