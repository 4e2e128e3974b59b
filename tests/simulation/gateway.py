"""The fake world's gateway: what it says of itself, and how it answers a rehearsal."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from crossfade.api import meta
from crossfade.decide.plan import Plan
from crossfade.model.gateway import GatewayFacts, Listener
from crossfade.model.rehearsal import Finding, Probe, Rehearsed
from crossfade.model.route import ParentFacts, RouteFacts
from crossfade.observe.rehearser import fault_of, tells
from crossfade.ports import Answer

from tests.simulation.routes import finds_copied

Json = dict[str, Any]
_PUBLIC = ("public", "gateways", None, None)


@dataclass
class Gateway:
    """Set the knobs. `features` is the published list, None for none; without an address nobody reaches it."""

    features: frozenset[str] | None = None
    class_name: str = "acme"
    addresses: tuple[str, ...] = ("10.0.0.1",)
    mirror_works: bool = True
    headers_work: bool = True
    marks: bool = True
    answers: bool = True
    rejects: str = ""
    ack_seconds: float = 0.1
    serve_seconds: float = 1.5
    listeners: tuple[Listener, ...] = (Listener("http", 80, "HTTP"),)
    absent: str = ""
    controller: str = "acme.test/controller"
    """Whose its class is. An entry of it in the status of a route has its name."""
    former: tuple[ParentFacts, ...] = ()
    """Entries that others, whose it was, have left in the status of the users' route; nobody takes them away."""
    others: dict[str, str] = field(default_factory=dict)
    """Names of further Gateways, each with what it says of a route: empty where it takes it."""
    others_closed: bool = False
    """Whether those show in their listeners that they take no route of the Rollout's namespace."""
    last_taken: dict[str, int] = field(default_factory=dict)
    """By Gateway, the generation of the users' route that it looked at last."""
    read_at: float | None = None
    reads: int = 0
    route: Json | None = None
    route_generation: int = 0
    route_written_at: float = 0.0
    routes_seen: list[Json] = field(default_factory=list)
    rehearsed: dict[str, Rehearsed] = field(default_factory=dict)

    def facts(self) -> tuple[GatewayFacts, ...]:
        """What the operator has read of it."""
        if self.read_at is None:
            return ()
        known = (self.read_at, self.class_name, self.features, self.addresses)
        own = {"trouble": self.absent, "absent": self.absent, "controller": "" if self.absent else self.controller}
        public = GatewayFacts("gateways", "public", *known, self.listeners, **own)
        door = Listener("http", 80, "HTTP", admits="Same" if self.others_closed else "Selector")
        found = (GatewayFacts("gateways", name, *known, (door,), controller=self.controller) for name in self.others)
        missing = GatewayFacts("gateways", "nowhere", self.read_at, trouble="not found", absent="it does not exist")
        return (public, *found, missing)

    def parents(
        self, route: Json, generation: int, backless: Collection[str] = (), *, taken: bool
    ) -> tuple[ParentFacts, ...]:
        """What the Gateways that a route names say of it, once they have taken it, or said before; `backless` are
        backends of it without a Service."""
        refs = route["spec"].get("parentRefs", ())
        if taken:
            self.last_taken = {ref["name"]: generation for ref in refs}
        own = (self._said(ref, self.last_taken[ref["name"]]) for ref in refs if ref["name"] in self.last_taken)
        said = (*self.former, *own)
        lost = f"no Service {' or '.join(sorted(backless))}"
        return (
            tuple(replace(one, resolved_refs=False, message=one.message or lost) for one in said) if backless else said
        )

    def _said(self, ref: Json, generation: int) -> ParentFacts:
        why = self.others.get(ref["name"], "")
        where = (ref["name"], ref["namespace"], ref.get("sectionName"), ref.get("port"))
        return ParentFacts(*where, not why, True, False, generation, why, self.controller)

    def goes_to(self, controller: str) -> None:
        """Its class is changed to one of another controller, which has looked at no route yet."""
        left = self.last_taken.items()
        self.former += tuple(self._said({"name": name, "namespace": "gateways"}, last) for name, last in left)
        self.last_taken, self.controller = {}, controller

    def write(self, body: Json | None, now: float) -> None:
        """The rehearsal's route is stored or deleted."""
        self.route, self.route_written_at = body, now
        if body is not None:
            self.route_generation += 1
            self.routes_seen.append(body)

    def seen(self, now: float) -> RouteFacts | None:
        """The rehearsal's route as the operator sees it."""
        if self.route is None:
            return None
        taken = now - self.route_written_at >= self.ack_seconds
        parents = (
            (ParentFacts(*_PUBLIC, not self.rejects, True, False, 1, self.rejects, self.controller),) if taken else ()
        )
        stored = self.route["spec"], self.route["metadata"]["labels"], self.route["kind"]
        return RouteFacts(1, {}, frozenset(), parents, *stored, written_at=self.route_written_at)

    def attend(self, plan: Plan, now: float) -> None:
        """Do in the background what the plan asks for."""
        if plan.scout:
            self.read_at, self.reads = now, self.reads + 1
        for one in plan.rehearse:
            if one.probes and now - self.route_written_at >= self.serve_seconds:
                found = tuple(wrong for p in one.probes if (wrong := self._finding(p)))
                self.rehearsed[one.key] = Rehearsed(now, found)

    def _finding(self, probe: Probe) -> Finding | None:
        answer = self._answer(probe)
        fault = fault_of(probe, answer) if self.answers else "it did not answer within 3 s"
        return Finding(probe, fault, self.answers and tells(probe, answer)) if fault else None

    def _answer(self, probe: Probe) -> Answer:
        rule = self._met(dict(probe.headers))
        if rule is not None and rule.get("filters") and not (self.mirror_works and finds_copied(self.route or {})):
            return Answer(500)
        if rule is None or not self.marks:
            return Answer(200)
        said: Mapping[str, str] = {
            one["name"]: one["value"]
            for filtered in rule["backendRefs"][0]["filters"]
            for one in filtered["responseHeaderModifier"]["set"]
        }
        return Answer(404, said[meta.HEADER_REVISION], said[meta.HEADER_REHEARSAL])

    def _met(self, headers: Mapping[str, str]) -> Json | None:
        """The rule of the rehearsal that a request meets; None when it meets those of the users."""
        for rule in self.route["spec"]["rules"] if self.route else ():
            wanted = {one["name"]: one["value"] for one in rule["matches"][0]["headers"]}
            if not self.headers_work or wanted.items() <= headers.items():
                return dict(rule)
        return None
