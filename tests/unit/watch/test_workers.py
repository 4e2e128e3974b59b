"""Would catch workers that sleep through an addition, give up after a failure, or let slow looks hold up a breach."""

import asyncio
from collections import Counter

from crossfade.watch.queue import Key, Priority, WorkQueue
from crossfade.watch.workers import Workers

A, B = Key("Rollout", "ml", "a"), Key("Rollout", "ml", "b")


async def test_an_addition_wakes_an_idle_worker_and_a_requeue_comes_back() -> None:
    seen: Counter[Key] = Counter()
    twice = asyncio.Event()

    async def reconcile(key: Key) -> float | None:
        seen[key] += 1
        if seen[key] == 2:
            twice.set()
        return 0.01 if seen[key] == 1 else None

    clock = asyncio.get_running_loop().time
    queue = WorkQueue(clock, lambda: 0.0)
    running = asyncio.create_task(Workers(queue, reconcile, clock).run())
    await asyncio.sleep(0)
    queue.add(A)
    async with asyncio.timeout(60):
        await twice.wait()
    running.cancel()
    assert seen == {A: 2}


async def test_a_breach_is_looked_at_while_every_ordinary_worker_is_stuck() -> None:
    stuck, looked = asyncio.Event(), asyncio.Event()

    async def reconcile(key: Key) -> float | None:
        if key == B:
            looked.set()
        else:
            stuck.set()
            await asyncio.Event().wait()
        return None

    clock = asyncio.get_running_loop().time
    queue = WorkQueue(clock, lambda: 0.0)
    running = asyncio.create_task(Workers(queue, reconcile, clock, ordinary=1).run())
    async with asyncio.timeout(60):
        queue.add(A)
        await stuck.wait()
        queue.add(B, Priority.BREACH)
        await looked.wait()
    running.cancel()


async def test_a_failed_look_is_retried_with_a_delay() -> None:
    failed = asyncio.Event()

    async def reconcile(key: Key) -> float | None:
        failed.set()
        raise ValueError("the model of the world is wrong")

    clock = asyncio.get_running_loop().time
    queue = WorkQueue(clock, lambda: 0.0)
    running = asyncio.create_task(Workers(queue, reconcile, clock).run())
    begun = clock()
    async with asyncio.timeout(60):
        queue.add(A)
        await failed.wait()
    await asyncio.sleep(0)
    due = queue.next_due()
    running.cancel()
    assert due is not None
    assert begun + 0.5 < due <= clock() + 1.0


async def test_a_look_that_comes_at_once_is_as_urgent_as_the_one_before() -> None:
    """Else a rollback whose record was refused would wait behind all that is periodic."""
    taken, again = [], asyncio.Event()

    async def reconcile(key: Key) -> float | None:
        taken.append(key)
        if taken.count(A) == 2:
            again.set()
        return 0.0 if taken == [A] else None

    clock = asyncio.get_running_loop().time
    queue = WorkQueue(clock, lambda: 0.0)
    queue.add(B)
    queue.add(A, Priority.BREACH)
    running = asyncio.create_task(Workers(queue, reconcile, clock, ordinary=0).run())
    async with asyncio.timeout(60):
        await again.wait()
    running.cancel()
    assert taken == [A, A]
