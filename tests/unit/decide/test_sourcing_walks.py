"""Would catch a promise of ModelSources that does not hold after an odd sequence of answers, failures and rollouts."""

from dataclasses import dataclass, field, replace
from typing import Any

from crossfade.decide.moving import Move
from crossfade.decide.sourcing import SourcePlan, plan_source
from crossfade.model.moments import moment
from crossfade.model.sourcing import Answer, SourceSnapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.decide.test_sourcing import NOW, end, means, rollout, snapshot, spec, stored

RESTS = {"ready": "True"}
STATES: list[dict[str, Any]] = [
    RESTS,
    {"ready": "False"},
    {"ready": "Unknown"},
    {"suspend": True},
    {"candidate": {"modelVersion": "vx", "revision": "r", "digest": "sha256:" + "c" * 64}},
]
STEPS = st.tuples(
    st.sampled_from(["1", "2", "3", "fails", "restart", "edit"]),
    st.floats(0.0, 90.0),
    st.sampled_from(STATES),
    st.booleans(),
)


def digest(name: str) -> str:
    return "sha256:" + name[-1].encode().hex().rjust(64, "0")


@dataclass
class World:
    """What is outside of a ModelSource: what was made, what the Rollout names and was taken back from."""

    look: SourceSnapshot
    made: dict[str, str] = field(default_factory=dict)
    named: str = "v0"
    ends: list[dict[str, Any]] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)
    stable: str = "v0"
    tried: bool = False
    last_asked: float | None = None
    edited: bool = True

    def carry_out(self, plan: SourcePlan, state: dict[str, Any]) -> None:
        if plan.make is not None:
            name, meant = plan.make["metadata"]["name"], plan.make["spec"]["source"]["mlflow"]
            assert name not in self.made, "made twice"
            assert meant["version"] not in self.made.values(), "one meaning, two versions"
            self.made[name] = meant["version"]
        if plan.move is not None:
            self.check_move(plan.move, plan, state)
            self.named = plan.move.model_version
            self.tried = self.named != self.stable  # what is stable already is rolled out no more
        if plan.ask:
            assert self.edited or self.last_asked is None or self.look.now >= self.last_asked + 60.0, "asked early"

    def check_move(self, move: Move, plan: SourcePlan, state: dict[str, Any]) -> None:
        observed = plan.status.observed
        assert observed is not None
        assert (move.model_version, plan.status.failure) == (observed.model_version, None)
        assert move.model_version in self.made
        assert state in ({"ready": "True"}, {"ready": "False"}), "moved while something was under way"
        assert move.model_version not in self.bad, "moved to what was taken back"

    def end_rollout(self, bad: bool) -> None:
        """The rollout to what is named is over; of all that ended the Rollout knows the last two."""
        self.ends.insert(0, end(self.named, "RolledBack" if bad else "Promoted", self.look.now))
        del self.ends[2:]
        if bad:
            self.bad.add(self.named)
            self.named = self.stable
        self.stable = self.named
        self.tried = False


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=14))
def test_whatever_happens(steps: list[tuple[str, float, dict[str, Any], bool]]) -> None:
    world = World(snapshot(spec=spec(moves={"rollout": "demo"})))
    for what, seconds, state, bad in steps:
        world.look = replace(world.look, now=world.look.now + seconds)
        if what == "restart":
            world.look = replace(world.look, answer=None, began=world.look.now)
        if what == "edit":
            world.look = replace(world.look, generation=world.look.generation + 1)
            world.edited = True
        for _ in range(4):
            one_look(world, what, state)
        if world.tried and state == RESTS:
            world.end_rollout(bad)
            one_look(world, what, state)


def one_look(world: World, what: str, state: dict[str, Any]) -> None:
    """Look once, carry it out, and answer what was asked."""
    held = rollout(world.named, history=world.ends, **state)
    name = world.look.status.observed.model_version if world.look.status.observed else ""
    known = stored(name, means(world.made[name]), digest(name)) if name in world.made else None
    look = replace(world.look, rollout=held, version=known)
    plan = plan_source(look)
    fresh = plan.status.observed
    if fresh is not None and fresh.model_version in world.made and fresh.model_version != name:
        there = stored(fresh.model_version, means(world.made[fresh.model_version]), digest(fresh.model_version))
        look = replace(look, version=there)
        plan = plan_source(look)
    world.carry_out(plan, state)
    status = plan.status.model_copy(update={"observed_generation": look.generation})
    world.look = replace(world.look, status=status)
    if plan.ask:
        failed = what not in ("1", "2", "3")
        said = {"error": "down"} if failed else {"meaning": means(what)}
        world.look = replace(world.look, answer=Answer(look.now, look.generation, None, **said))
        world.last_asked, world.edited = look.now, False
    elif status.next_check is not None:
        assert plan.look_again is not None
        assert look.now + plan.look_again >= moment(status.next_check) - 0.001
        assert look.now >= NOW
