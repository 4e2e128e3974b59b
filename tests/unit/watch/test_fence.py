"""Would catch a write that is sent or goes on when another replica may write already, and one cut off early."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from crossfade.ports import PODS, ROUTES, ClusterError
from crossfade.watch.fence import Fence
from crossfade.watch.tenure import Tenure
from crossfade.watch.terms import serve

from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.time import run

BODY = {"metadata": {"namespace": "ml", "name": "fraud"}}


class SlowCluster(FakeCluster):
    """Takes `seconds`, or until `connected`, before a write is sent."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds
        self.connected: asyncio.Future[None] | None = None

    async def apply(self, kind: object, body: object, *, force: bool) -> dict[str, object]:  # type: ignore[override]
        """See ports.Cluster."""
        await asyncio.sleep(self.seconds)
        if self.connected is not None:
            await self.connected
        self.writes.append(("apply", "HTTPRoute", "fraud"))
        return {}


def fenced(cluster: FakeCluster, left: float) -> tuple[Fence, Tenure]:
    clock = asyncio.get_running_loop().time
    tenure = Tenure(clock)
    tenure.extend(clock() + left)
    return Fence(cluster, tenure), tenure


async def apply(fence: Fence) -> None:
    await fence.apply(ROUTES[0], BODY, force=True)


@asynccontextmanager
async def refused(told: str) -> AsyncIterator[None]:
    with pytest.raises(ClusterError, match=told):
        yield


def test_nothing_is_written_when_it_is_over() -> None:
    async def scene() -> list[tuple[str, str, str]]:
        cluster = SlowCluster()
        fence, tenure = fenced(cluster, 5.0)
        await apply(fence)
        tenure.end()
        calls: list[Callable[[], object]] = [
            lambda: apply(fence),
            lambda: fence.apply_status(ROUTES[0], BODY),
            lambda: fence.scale(ROUTES[0], "ml", "fraud", 1),
            lambda: fence.mark(ROUTES[0], "ml", "fraud", {}, {}),
            lambda: fence.patch(ROUTES[0], "ml", "fraud", [], "crossfade/fraud"),
            lambda: fence.make(PODS, BODY),
            lambda: fence.delete(ROUTES[0], "ml", "fraud"),
            lambda: fence.create_event("ml", BODY),
            lambda: fence.count_event("ml", "fraud.1", 2, "now"),
        ]
        for call in calls:
            async with refused("does not hold the lease"):
                await call()  # type: ignore[misc]
        return cluster.writes

    assert len(run(scene())) == 1


async def test_none_is_deleted_but_the_one_that_was_meant() -> None:
    cluster = FakeCluster()
    uid = cluster.create({"apiVersion": "v1", "kind": "Pod", **BODY})["metadata"]["uid"]
    fence, _ = fenced(cluster, 5.0)
    await fence.delete(PODS, "ml", "fraud", "of-another")
    assert len(cluster.objects) == 1
    await fence.delete(PODS, "ml", "fraud", uid)
    assert not cluster.objects


def test_what_is_under_way_when_it_ends_is_cut_off_then() -> None:
    async def scene() -> tuple[float, int]:
        cluster = SlowCluster(60.0)
        fence, _ = fenced(cluster, 5.0)
        async with refused("cut off"):
            await apply(fence)
        return asyncio.get_running_loop().time(), len(cluster.writes)

    assert run(scene()) == (5.0, 0)


def test_a_slow_write_goes_on_while_the_tenure_is_extended() -> None:
    async def scene() -> int:
        cluster = SlowCluster(9.0)
        fence, tenure = fenced(cluster, 5.0)
        write = asyncio.create_task(apply(fence))
        for _ in range(9):
            await asyncio.sleep(1.0)
            tenure.extend(asyncio.get_running_loop().time() + 5.0)
        await write
        return len(cluster.writes)

    assert run(scene()) == 1


def test_a_cancelled_worker_leaves_its_write_to_be_answered() -> None:
    async def scene() -> tuple[bool, bool, int]:
        cluster = SlowCluster(2.0)
        fence, _ = fenced(cluster, 5.0)
        worker = asyncio.create_task(apply(fence))
        await asyncio.sleep(1.0)
        worker.cancel()
        return await fence.answered(0.5), await fence.answered(5.0), len(cluster.writes)

    assert run(scene()) == (False, True, 1)


async def test_a_process_that_was_paused_while_it_connected_sends_nothing() -> None:
    """In real time: the loop stands still as under SIGSTOP, and then finds the connection made and the tenure over."""
    cluster = SlowCluster()
    loop = asyncio.get_running_loop()
    cluster.connected = made = loop.create_future()
    fence, _ = fenced(cluster, 1.0)
    write = asyncio.create_task(apply(fence))
    await asyncio.wait({write}, timeout=0.0)
    time.sleep(1.1)  # noqa: ASYNC251 - the pause itself
    loop.call_soon(made.set_result, None)
    async with refused("cut off"):
        await write
    assert made.done()
    assert cluster.writes == []


def test_the_work_is_done_in_each_term_and_in_no_other_time() -> None:
    async def scene() -> list[tuple[str, float]]:
        clock = asyncio.get_running_loop().time
        told = list[tuple[str, float]]()

        async def work() -> None:
            told.append(("begun", clock()))
            try:
                await asyncio.sleep(1000.0)
            finally:
                told.append(("ended", clock()))

        tenure = Tenure(clock)
        serving = asyncio.create_task(serve(tenure, work))
        await asyncio.sleep(3.0)
        tenure.extend(clock() + 5.0)
        await asyncio.sleep(4.0)
        tenure.extend(clock() + 5.0)
        await asyncio.sleep(10.0)
        tenure.extend(clock() + 5.0)
        await asyncio.sleep(1.0)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return told

    assert run(scene()) == [("begun", 3.0), ("ended", 12.0), ("begun", 17.0), ("ended", 18.0)]


def test_work_that_fails_ends_the_operator() -> None:
    async def scene() -> None:
        async def work() -> None:
            raise ValueError("a fault")

        tenure = Tenure(asyncio.get_running_loop().time)
        tenure.extend(5.0)
        await serve(tenure, work)

    with pytest.raises(ValueError, match="a fault"):
        run(scene())
