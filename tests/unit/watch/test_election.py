"""Would catch two replicas that write at once, one that waits too long for a dead one's Lease, and none that leads."""

import asyncio
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from crossfade.model.lease import Lease
from crossfade.ports import ClusterError
from crossfade.watch.election import LEASE_SECONDS, LONGEST_SECONDS, TRY_SECONDS, WRITE_SECONDS, Election
from crossfade.watch.tenure import Tenure
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.leases import LATEST_SECONDS, Line, Server
from tests.unit.fakes.time import run


class Told(Tenure):
    """Calls `on_extend` each time after it was extended: in no other moment may anybody begin to write."""

    on_extend: Callable[[], None] = staticmethod(lambda: None)

    def extend(self, until: float) -> None:
        super().extend(until)
        self.on_extend()


class Candidate:
    """A replica whose clock runs at `rate` and shows anything; it can be stopped, cut off, and ended as by SIGKILL."""

    def __init__(self, server: Server, name: str, rate: float = 1.0, trouble: float = 0.0, seed: int = 0) -> None:
        loop, offset = asyncio.get_running_loop(), 1e5 * (seed % 1000)
        self.name, self.rate, self.seed = name, rate, seed
        self.line = Line(server, Random(seed), trouble)
        clock, wall = lambda: offset + rate * loop.time(), FakeClock(1.8e9 + offset)
        self.tenure = Told(clock)
        self.election = Election(self.line, name, self.tenure, clock, wall)
        self.awake = asyncio.Event()
        self.awake.set()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        """As `Election.run`; who is stopped while it waits finds out only after its next request."""
        while True:
            await asyncio.sleep(await self.election.attempt())
            await self.awake.wait()

    @property
    def leads(self) -> bool:
        return self.tenure.left > 0

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def leave(self) -> None:
        await self.end()
        await self.election.release()


async def until(check: Callable[[], bool], seconds: float, step: float = 0.01) -> float:
    """Look every `step` seconds; the seconds that it took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while not check():
        assert loop.time() - begun < seconds, "it took too long"
        await asyncio.sleep(step)
    return loop.time() - begun


async def two(server: Server) -> tuple[Candidate, Candidate]:
    """A leader and one who stands by."""
    server.lease = Lease("", 1, "", "", 0, "0")
    first = Candidate(server, "first", seed=1)
    await until(lambda: first.leads, 1.0)
    second = Candidate(server, "second", seed=2)
    await asyncio.sleep(60.0)
    assert (first.leads, second.leads) == (True, False)
    return first, second


def test_a_dead_leader_is_followed_within_ten_seconds_and_not_before_its_time_is_over() -> None:
    async def scene() -> float:
        first, second = await two(Server())
        await first.end()
        return await until(lambda: second.leads, 15.0)

    assert LEASE_SECONDS - TRY_SECONDS < run(scene()) < 10.0


def test_a_leader_that_leaves_is_followed_at_once() -> None:
    async def scene() -> float:
        first, second = await two(Server())
        await first.leave()
        assert not first.leads
        return await until(lambda: second.leads, 15.0)

    assert run(scene()) < TRY_SECONDS + 0.3


def test_a_leader_that_leaves_while_it_renews_is_followed_at_once() -> None:
    async def scene() -> float:
        server, stored = Server(), asyncio.Event()
        first, second = await two(server)
        server.on_write = lambda *_: stored.set()
        await stored.wait()
        await first.leave()
        return await until(lambda: second.leads, 15.0)

    assert run(scene()) < TRY_SECONDS + 0.3


def test_a_leader_that_reaches_nobody_stops_writing_before_another_begins_and_does_not_begin_again() -> None:
    async def scene() -> tuple[float, float]:
        first, second = await two(Server())
        first.line.cut = True
        stopped = await until(lambda: not first.leads, 15.0)
        begun = stopped + await until(lambda: second.leads, 15.0)
        first.line.cut = False
        await asyncio.sleep(60.0)
        assert (first.leads, second.leads) == (False, True)
        return stopped, begun

    stopped, begun = run(scene())
    assert stopped <= WRITE_SECONDS
    assert begun - stopped > 1.5


def test_a_lone_leader_leads_again_as_soon_as_the_api_server_is_back() -> None:
    async def scene() -> float:
        first, second = await two(Server())
        await second.end()
        first.line.cut = True
        await asyncio.sleep(300.0)
        assert not first.leads
        first.line.cut = False
        return await until(lambda: first.leads, 15.0)

    assert run(scene()) < 3.5


def test_a_deleted_lease_is_not_taken_before_its_holder_has_stopped() -> None:
    async def scene() -> None:
        server = Server()
        first, second = await two(server)
        server.lease = None
        await until(lambda: second.leads or not first.leads, WRITE_SECONDS)
        assert not second.leads
        await until(lambda: first.leads != second.leads, LEASE_SECONDS + 2.0)

    run(scene())


def test_what_a_renewal_took_is_taken_off_what_may_be_written() -> None:
    """The others may have begun to count as soon as it was stored, which may have been right after it was sent."""

    class Slow(Line):
        async def _way(self) -> None:
            await asyncio.sleep(0.9)

    async def scene() -> float:
        clock = asyncio.get_running_loop().time
        tenure = Tenure(clock)
        line = Slow(Server(Lease("", 1, "", "", 0, "0")), Random(0))
        await Election(line, "first", tenure, clock, FakeClock()).attempt()
        return tenure.left

    assert run(scene()) == pytest.approx(WRITE_SECONDS - 1.8)


def test_a_leader_that_finds_another_in_the_lease_stops_at_once() -> None:
    async def scene() -> float:
        server = Server()
        first, second = await two(server)
        await second.end()
        assert server.lease is not None
        server.write(replace(server.lease, holder="somebody"))
        return await until(lambda: not first.leads, 15.0)

    assert run(scene()) < TRY_SECONDS + 0.5


@pytest.mark.parametrize("holder", ["somebody", ""])
@pytest.mark.parametrize(
    ("seconds", "rests"),
    [
        (-5, LEASE_SECONDS),
        (0, LEASE_SECONDS),
        (2, LEASE_SECONDS),
        (20, 20),
        (LONGEST_SECONDS, LONGEST_SECONDS),
        (1_000_000, LONGEST_SECONDS),
    ],
)
def test_a_lease_that_others_wrote_rests_as_long_as_it_says_within_reason(
    holder: str, seconds: int, rests: int
) -> None:
    """Another version of the operator may write for longer; a person may write any number, or nobody's name."""

    async def scene() -> float:
        server = Server()
        first, second = await two(server)
        await first.end()
        assert server.lease is not None
        server.write(replace(server.lease, holder=holder, seconds=seconds))
        return await until(lambda: second.leads, 2.0 * LONGEST_SECONDS)

    assert rests < run(scene()) < rests + TRY_SECONDS + 0.3


@dataclass
class Contested(Line):
    """Somebody else is faster in those of the writes, counted from 0, that `late_writes` has."""

    late_writes: Container[int] = ()
    sent: list[float] = field(default_factory=list)

    async def write(self, lease: Lease) -> Lease:
        self.sent.append(asyncio.get_running_loop().time())
        if len(self.sent) - 1 in self.late_writes:
            await self._way()
            raise ClusterError("the object has been modified", 409)
        return await super().write(lease)


async def contested(late: Container[int]) -> list[float]:
    """When one tries to store the Lease in the course of a minute."""
    clock = asyncio.get_running_loop().time
    line = Contested(Server(Lease("", 1, "", "", 0, "0")), Random(0), late_writes=late)
    task = asyncio.create_task(Election(line, "first", Tenure(clock), clock, FakeClock()).run())
    await asyncio.sleep(60.0)
    task.cancel()
    return line.sent


def test_who_is_always_too_late_does_not_flood_the_api_server() -> None:
    assert 50 < len(run(contested(range(1000)))) < 70


def test_who_was_too_late_once_looks_again_at_once_each_time() -> None:
    late = range(0, 20, 2)
    sent = run(contested(late))
    assert max(sent[at + 1] - sent[at] for at in late) < 0.3


def test_who_leads_is_in_the_lease_with_how_often_that_changed() -> None:
    async def scene() -> Lease | None:
        server = Server()
        first, second = await two(server)
        await first.leave()
        await until(lambda: second.leads, 15.0)
        return server.lease

    lease = run(scene())
    assert lease is not None
    assert (lease.holder, lease.seconds, lease.transitions) == ("second", LEASE_SECONDS, 2)


@pytest.mark.parametrize("ahead", [-86400.0, 86400.0])
def test_a_renewal_stamped_by_a_clock_that_is_a_day_off_is_a_renewal(ahead: float) -> None:
    """What others' clocks say is for people: `seed` sets them a day apart, and here one jumps as well."""

    async def scene() -> None:
        first, second = await two(Server())
        first.election._wall.at += ahead  # type: ignore[attr-defined]
        for _ in range(600):
            await asyncio.sleep(0.1)
            assert (first.leads, second.leads) == (True, False)

    run(scene())


Plan = tuple[int, float, list[float], list[tuple[int, str, float]]]
PLANS: st.SearchStrategy[Plan] = st.tuples(
    st.integers(0, 2**32),
    st.floats(0.0, 0.6),
    st.lists(st.floats(0.9, 1.1), min_size=2, max_size=3),
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["cut", "mend", "stop", "wake", "kill", "leave", "delete"]),
            st.floats(0, 20),
        ),
        max_size=12,
    ),
)


@dataclass
class Scene:
    """Candidates of whom never two may write. What was seen of two is in `faults`: an error would end a candidate."""

    trouble: float
    server: Server = field(default_factory=Server)
    found: list[Candidate] = field(default_factory=list)
    """Those who run; who was killed or left may still be within its tenure."""
    everybody: list[Candidate] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.on_write = self._written

    def join(self, name: str, rate: float, seed: int) -> Candidate:
        one = Candidate(self.server, name, rate, self.trouble, seed)
        one.tenure.on_extend = self._begun
        self.everybody.append(one)
        return one

    async def do(self, deed: str, at: int) -> None:
        """Delete the Lease, cut or mend a candidate's line, stop or wake it, or put another process in its place."""
        who = self.found[at]
        if deed == "delete":
            self.server.lease = None
        elif deed in ("cut", "mend"):
            who.line.cut = deed == "cut"
        elif deed in ("stop", "wake"):
            (who.awake.clear if deed == "stop" else who.awake.set)()
        else:
            await (who.end() if deed == "kill" else who.leave())
            self.found[at] = self.join(f"{who.name}'", who.rate, who.seed + 7)

    async def peace(self) -> None:
        """Nothing goes wrong any more, and all late requests have come."""
        self.trouble = 0.0
        for one in self.found:
            one.line.cut, one.line.trouble = False, 0.0
            one.awake.set()
        await asyncio.sleep(LATEST_SECONDS)

    def leaders(self) -> list[str]:
        return [one.name for one in self.everybody if one.leads]

    def _begun(self) -> None:
        if len(leaders := self.leaders()) > 1:
            self.faults.append(f"at {asyncio.get_running_loop().time():.2f} these may write: {leaders}")

    def _written(self, old: Lease | None, new: Lease) -> None:
        if old is not None and old.holder != new.holder and (others := set(self.leaders()) - {new.holder}):
            self.faults.append(f"{new.holder} took the Lease while these may write: {others}")


def check(plan: Plan) -> None:
    seed, trouble, rates, deeds = plan

    async def play() -> list[str]:
        scene = Scene(trouble)
        scene.found = [scene.join(f"c{at}", rate, seed + at) for at, rate in enumerate(rates)]
        for at, deed, pause in deeds:
            await scene.do(deed, at % len(rates))
            await asyncio.sleep(pause)
        await scene.peace()
        await until(lambda: bool(scene.leaders()), 2 * LEASE_SECONDS / 0.9, step=0.1)
        await asyncio.sleep(10.0)
        return scene.faults

    assert run(play()) == []


@given(PLANS)
@settings(max_examples=50)
def test_never_two_may_write_by_true_time_and_soon_one_does(plan: Plan) -> None:
    """Clocks a tenth off, lost and late requests, cuts, stops, deaths, deletions; then peace, and one leads."""
    check(plan)


@pytest.mark.slow
@given(PLANS)
@settings(max_examples=1_000)
def test_never_two_may_write_whatever_happens(plan: Plan) -> None:
    """The same for long."""
    check(plan)
