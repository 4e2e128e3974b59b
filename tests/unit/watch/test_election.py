"""Would catch two replicas that write at once, one that waits too long for a dead one's Lease, and none that leads."""

import asyncio
from collections.abc import Callable
from random import Random

import pytest
from crossfade.model.lease import Lease
from crossfade.watch.election import LEASE_SECONDS, TRY_SECONDS, WRITE_SECONDS, Election
from crossfade.watch.tenure import Tenure
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.leases import LATEST_SECONDS, Line, Server
from tests.unit.fakes.time import run


class Candidate:
    """A replica whose clock runs at `rate` and shows anything; it can be stopped, cut off, and ended as by SIGKILL."""

    def __init__(self, server: Server, name: str, rate: float = 1.0, trouble: float = 0.0, seed: int = 0) -> None:
        loop, offset = asyncio.get_running_loop(), 1e5 * (seed % 1000)
        self.name, self.rate, self.seed = name, rate, seed
        self.line = Line(server, Random(seed), trouble)
        self.tenure = Tenure(lambda: offset + rate * loop.time())
        clock, wall = lambda: offset + rate * loop.time(), FakeClock(1.8e9 + offset)
        self.election = Election(self.line, name, self.tenure, clock, wall)
        self.task = asyncio.create_task(self.election.run())

    @property
    def leads(self) -> bool:
        return self.tenure.left > 0

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def leave(self) -> None:
        await self.end()
        await self.election.release()


async def until(check: Callable[[], bool], seconds: float) -> float:
    """Wait in steps of a hundredth; the seconds that it took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while not check():
        assert loop.time() - begun < seconds, "it took too long"
        await asyncio.sleep(0.01)
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
        while first.leads:
            assert not second.leads
            await asyncio.sleep(0.01)
        await until(lambda: first.leads != second.leads, LEASE_SECONDS + 2.0)

    run(scene())


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


_PLANS = st.tuples(
    st.integers(0, 2**32),
    st.floats(0.0, 0.6),
    st.lists(st.floats(0.9, 1.1), min_size=2, max_size=3),
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["cut", "mend", "kill", "leave", "delete"]), st.floats(0, 20)),
        max_size=12,
    ),
)


async def do(deed: str, found: list[Candidate], at: int, server: Server) -> None:
    """Cut or mend a candidate's line, delete the Lease, or put another process in the candidate's place."""
    who = found[at]
    if deed == "delete":
        server.lease = None
    elif deed in ("cut", "mend"):
        who.line.cut = deed == "cut"
    else:
        await (who.end() if deed == "kill" else who.leave())
        found[at] = Candidate(server, f"{who.name}'", who.rate, who.line.trouble, who.seed + 7)


@given(_PLANS)
@settings(max_examples=200, deadline=None)
def test_never_two_may_write_by_true_time_and_soon_one_does(
    plan: tuple[int, float, list[float], list[tuple[int, str, float]]],
) -> None:
    """Clocks a tenth off, lost and late requests, cuts, deaths, leaves and deletions; then peace, and one leads."""
    seed, trouble, rates, deeds = plan

    async def scene() -> None:
        server = Server()
        found = [Candidate(server, f"c{at}", rate, trouble, seed + at) for at, rate in enumerate(rates)]
        everybody = list(found)

        def check(*_: object) -> None:
            assert sum(one.leads for one in everybody) <= 1, [one.tenure.left for one in everybody]

        def taken(old: Lease | None, new: Lease) -> None:
            if old is not None and old.holder != new.holder:
                assert not [one.name for one in everybody if one.leads and one.name != new.holder]

        server.on_write = taken
        for at, deed, pause in deeds:
            await do(deed, found, at % len(found), server)
            everybody += [one for one in found if one not in everybody]
            for _ in range(int(pause * 20)):
                await asyncio.sleep(0.05)
                check()
        for one in found:
            one.line.cut, one.line.trouble = False, 0.0
        await asyncio.sleep(LATEST_SECONDS)  # until all late requests have come
        await until(lambda: any(one.leads for one in found), 2 * LEASE_SECONDS / 0.9)
        for _ in range(200):
            await asyncio.sleep(0.05)
            check()

    run(scene())
