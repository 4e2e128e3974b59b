"""A world whose route is somebody else's: two Services of fixed names, and another writer of its weights."""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from crossfade.api import meta
from crossfade.decide.plan import Action, Apply, Target, Weigh
from crossfade.decide.slots import revision_weights, slot_weights
from crossfade.model.moments import stamp
from crossfade.model.route import Adoption, ParentFacts, RouteFacts, Writer
from crossfade.model.snapshot import Snapshot

from tests.simulation.cases.story import Story
from tests.simulation.shop import BLUE, GREEN, RULE, adopting, rule, shop
from tests.simulation.world import KilledError

Json = dict[str, Any]


@dataclass
class Adopted(Story):
    """`theirs` is the spec of the route, None for none; `route` is what it comes to by now, by revision. While it is
    `frozen` the API server takes no weights of ours; a pass that has nothing else to do instead ends there."""

    spec: Json = field(default_factory=adopting)
    theirs: Json | None = field(default_factory=lambda: shop(rule(1, 0)))
    slots: dict[str, str | None] = field(default_factory=lambda: {BLUE: None, GREEN: None})
    writer: Writer | None = field(default_factory=lambda: Writer("git", "2027-01-15T07:59:00Z"))
    route_generation: int = 1
    our_weights: list[tuple[int, ...]] = field(default_factory=list)
    frozen: bool = False

    def __post_init__(self) -> None:
        """The route was there before the Rollout."""
        self._served_anew()

    # what others do

    def git_applies(self, *rules: Json, by: str = "kubectl-client-side-apply") -> None:
        """Another writer's route is stored."""
        self.tell(f"{by} applies {', '.join(_told(one) for one in rules) or 'a route without rules'}")
        self.theirs, self.writer = shop(*deepcopy(rules)), Writer(by, stamp(self.now)[:19] + "Z")
        self._rerouted()

    def another_rollout_writes(self) -> None:
        """Ours for another Rollout: the weights of its own rule are stored, and all others stay."""
        self.tell("Crossfade writes the weights of another rule, for Rollout other")
        self.writer = Writer("crossfade/other", stamp(self.now)[:19] + "Z", rollout="other")
        self._rerouted()

    def loses_its_route(self) -> None:
        """kubectl delete httproute."""
        self.tell("the route is deleted")
        self.theirs = None
        self._rerouted()

    # the world

    def _rerouted(self) -> None:
        self.route_generation, self.route_written_at = self.route_generation + 1, self.now
        self._served_anew()

    def _served_anew(self) -> None:
        """What the stored route gives to which revision, in the words of a managed one."""
        if self.theirs is None:
            self.route = None
            return
        given = revision_weights(self._adoption(), self.theirs)
        rules = [{"matches": [{}], "backendRefs": [{"name": name, "weight": w} for name, w in given.items()]}]
        self.route = {"kind": "HTTPRoute", "metadata": {"labels": {}}, "spec": {"rules": rules}}

    def _adoption(self) -> Adoption:
        version = f"{self.route_generation}" if self.theirs is not None else ""
        return Adoption("ml", "shop", RULE, dict(self.slots), version, self.writer)

    def _act(self, action: Action) -> None:
        if not (self.frozen and isinstance(action, Weigh)):
            super()._act(action)
            return
        if not action.otherwise:
            raise KilledError
        for one in action.otherwise:
            super()._act(one)

    def _store(self, action: Action) -> None:
        match action:
            case Apply(target=Target.SERVICE, body=body) if body["metadata"]["name"] in self.slots:
                self.slots[body["metadata"]["name"]] = body["spec"]["selector"][meta.LABEL_REVISION]
                self._served_anew()
            case Weigh(operations=operations):
                assert self.theirs is not None
                tests = {one["path"]: one["value"] for one in operations if one["op"] == "test"}
                assert tests["/metadata/resourceVersion"] == f"{self.route_generation}"
                self._weigh([one for one in operations if one["op"] == "replace"])
            case _:
                super()._store(action)

    def _weigh(self, operations: list[Json]) -> None:
        self.theirs = deepcopy(self.theirs)
        for one in operations:
            _, _, _, at, _, place, _ = one["path"].split("/")
            self.theirs["rules"][int(at)]["backendRefs"][int(place)]["weight"] = one["value"]
        self.writer = None
        self.our_weights.append(tuple(slot_weights(self._adoption(), self.theirs).values()))
        self._rerouted()

    def backends(self) -> dict[str, str]:
        """The revision whose pods each Service leads to: each has one of its own, and the two that the route names."""
        return super().backends() | {slot: name for slot, name in self.slots.items() if name is not None}

    def leading_to(self, name: str) -> tuple[str, ...]:
        """The Services by which requests find the pods of a revision; its own until the route names one."""
        return tuple(slot for slot, whose in self.slots.items() if whose == name) or (name,)

    def named_by_us(self) -> frozenset[str]:
        """Nobody: the route is not ours."""
        return frozenset()

    def snapshot(self) -> Snapshot:
        """All that a decision may see."""
        return replace(super().snapshot(), adoption=self._adoption())

    def _route(self) -> RouteFacts | None:
        if self.theirs is None:
            return None
        taken = self.gateway_up and self.now - self.route_written_at >= self.ack_seconds
        generation = self.route_generation if taken else self.route_generation - 1
        whole = None not in self.slots.values()
        parents = (
            ParentFacts("public", "gateways", None, None, True, whole, False, generation, "", self.gateway.controller),
        )
        weights = revision_weights(self._adoption(), self.theirs)
        stored = self.theirs, {}
        given = weights, frozenset(weights)
        return RouteFacts(self.route_generation, *given, parents, *stored, written_at=self.route_written_at)

    def end(self) -> str:
        """How it ended: also whose the Services are."""
        shown = ", ".join(f"{slot} {self.names.get(name or '', name)}" for slot, name in self.slots.items())
        return f"{super().end()}\nslots: {shown}"


def _told(rule: Json) -> str:
    weights = ", ".join(f"{one['name']} {one.get('weight', 1)}" for one in rule.get("backendRefs", ()))
    return f"the rule {rule.get('name', '(without a name)')} with {weights}"
