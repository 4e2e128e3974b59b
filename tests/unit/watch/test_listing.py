"""Would catch an operator that does not start without the Gateway API, or that never learns that it is there; and one
kind that cannot be listed keeping everybody from a rollback."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from math import inf
from typing import Any

import pytest
from crossfade.ports import ROUTES, ClusterError
from crossfade.telemetry.metrics import UNLISTED
from crossfade.watch import listing
from crossfade.watch.listing import Listing
from crossfade.watch.queue import WorkQueue
from crossfade.watch.world import World


class Server:
    """Lists nothing of any kind, 404 for those that are `absent`, 403 for those that are `forbidden`, and never answers
    for those that are `slow`."""

    def __init__(self, *absent: str) -> None:
        self.absent = set(absent)
        self.forbidden: set[str] = set()
        self.slow: set[str] = set()
        self.asked = 0
        self.down = False

    async def request(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        self.asked += 1
        kind = path.rpartition("/")[2]
        if self.down:
            raise ClusterError("no answer")
        if kind in self.absent:
            raise ClusterError("the server could not find the requested resource", 404)
        if kind in self.forbidden:
            raise ClusterError("forbidden", 403)
        if kind in self.slow:
            await asyncio.Event().wait()
        return {"items": [], "metadata": {"resourceVersion": "1"}}


def listing_of(server: Server) -> Listing:
    return Listing(server, World(WorkQueue(lambda: 0.0, lambda: 0.5)), [])  # type: ignore[arg-type]


async def test_a_cluster_without_the_gateway_api_is_known_all_the_same() -> None:
    known = listing_of(Server("httproutes"))
    await known.load_first()
    assert known.complete.is_set()


async def test_the_operator_ends_when_the_gateway_api_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_KINDS_SECONDS", 0.0)
    server = Server("httproutes")
    known = listing_of(server)
    await known.load_first()
    server.absent.clear()
    await known.until_kinds_come()
    assert server.asked > 0


async def test_only_what_was_there_at_the_start_can_be_missing() -> None:
    """Many clusters have HTTPRoutes alone."""
    server = Server("grpcroutes")
    known = listing_of(server)
    await known.load_first()
    assert not await known.lost_what_was_watched()
    server.down = True
    assert not await known.lost_what_was_watched(), "an API server that does not answer says nothing of its kinds"
    server.down = False
    server.absent.add("httproutes")
    assert await known.lost_what_was_watched()


ROUTE = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "r", "namespace": "ml"},
}


@pytest.mark.parametrize("seen", ["by an audit", "by a look", "by a write", "by a write while it goes"])
async def test_routes_are_gone_with_their_kind_and_the_operator_ends_when_it_is_back(
    seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_KINDS_SECONDS", 0.0)
    server = Server()
    known = listing_of(server)
    await known.load_first()
    known._world.absorb({**ROUTE, "metadata": {**ROUTE["metadata"], "uid": "1", "resourceVersion": "5"}})
    server.absent.add("httproutes")
    if seen == "by an audit":
        await known.load_first()
    elif seen == "by a write while it goes":
        known._world.doubt(ROUTES[0], goes=True)
    else:
        monkeypatch.setattr(listing, "_KINDS_SECONDS", 0.0 if seen == "by a look" else 60.0)
        looking = asyncio.create_task(known.until_kinds_come())
        if seen == "by a write":
            known._world.doubt(ROUTES[0], goes=False)
        while not known._world.absent:  # noqa: ASYNC110 - it is the other task's turn
            await asyncio.sleep(0)
        looking.cancel()
        monkeypatch.setattr(listing, "_KINDS_SECONDS", 0.0)
    assert known._world.cache.get("HTTPRoute", "ml", "r") is None
    server.absent.clear()
    await known.until_kinds_come()
    known._world.absorb({**ROUTE, "metadata": {**ROUTE["metadata"], "uid": "1", "resourceVersion": "5"}})
    assert known._world.cache.get("HTTPRoute", "ml", "r") is not None, "it was out of reach, not deleted"


async def test_a_term_begins_with_a_listing_but_just_after_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch may have told nothing for a while, without a word."""
    server = Server()
    known = listing_of(server)
    await known.load_first()
    known._world.absorb({**ROUTE, "metadata": {**ROUTE["metadata"], "uid": "1", "resourceVersion": "1"}})
    asked = server.asked
    await known.renew()
    assert server.asked == asked
    monkeypatch.setattr(listing, "_FRESH_SECONDS", -1.0)
    await known.renew()
    assert server.asked > asked
    assert known._world.cache.get("HTTPRoute", "ml", "r") is None, "it was deleted meanwhile"


def with_a_route(server: Server, known: Listing) -> Listing:
    """A route is known that is not there any more, and all that is known is old."""
    known._world.absorb({**ROUTE, "metadata": {**ROUTE["metadata"], "uid": "1", "resourceVersion": "1"}})
    known._listed_at = dict.fromkeys(known._listed_at, -inf)
    return known


async def is_over(work: Coroutine[Any, Any, None]) -> bool:
    """Whether it ends in a hundred turns, with pauses of no length."""
    task = asyncio.create_task(work)
    for _ in range(100):
        await asyncio.sleep(0)
    over = task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return over


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("_FIRST_PAUSE_SECONDS", "_LONGEST_PAUSE_SECONDS", "_OTHERS_SECONDS", "_FIRST_AUDIT_SECONDS"):
        monkeypatch.setattr(listing, pause, 0.0)
    monkeypatch.setattr(listing, "_GATHER_SECONDS", 0.0)


@pytest.mark.parametrize("how", ["forbidden", "slow", "absent"])
@pytest.mark.usefixtures("quick")
async def test_a_term_waits_for_no_kind_by_which_nobody_is_led(how: str) -> None:
    server = Server()
    known = listing_of(server)
    await known.load_first()
    with_a_route(server, known)
    getattr(server, how).add("modelregistries")
    assert await is_over(known.renew())
    assert known._world.cache.get("HTTPRoute", "ml", "r") is None, "all else is known as it is"
    assert UNLISTED.labels(kind="ModelRegistry")._value.get() == 1.0


@pytest.mark.parametrize("kind", ["httproutes", "pods", "endpointslices", "deployments", "services", "rollouts"])
@pytest.mark.parametrize("how", ["forbidden", "slow"])
@pytest.mark.usefixtures("quick")
async def test_a_term_waits_for_what_requests_are_led_by_and_not_for_ever(
    kind: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a watch that went deaf did not tell is known before anything is written, if it can be known."""
    server = Server()
    known = listing_of(server)
    await known.load_first()
    with_a_route(server, known)
    getattr(server, how).add(kind)
    assert not await is_over(known.renew())
    monkeypatch.setattr(listing, "_PATIENCE_SECONDS", 0.0)
    assert await is_over(known.renew())
    assert (known._world.cache.get("HTTPRoute", "ml", "r") is None) == (kind != "httproutes")


@pytest.mark.usefixtures("quick")
async def test_what_could_not_be_listed_in_time_is_listed_as_soon_as_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(listing, "_BEHIND_SECONDS", 0.0)
    server = Server()
    known = listing_of(server)
    await known.load_first()
    with_a_route(server, known)
    server.forbidden.update(("modelregistries", "httproutes"))
    assert await is_over(known.renew())
    auditing = asyncio.create_task(known.audit())
    await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert known._world.cache.get("HTTPRoute", "ml", "r") is not None
    server.forbidden.remove("httproutes")
    while known._world.cache.get("HTTPRoute", "ml", "r") is not None:  # noqa: ASYNC110 - it is the other task's turn
        await asyncio.sleep(0)
    auditing.cancel()


@pytest.mark.parametrize(
    ("kind", "how", "begins"),
    [
        ("modelregistries", "forbidden", True),
        ("modelversions", "forbidden", True),
        ("modelregistries", "absent", False),
        ("modelregistries", "slow", False),
        ("pods", "forbidden", False),
        ("rollouts", "absent", False),
    ],
)
@pytest.mark.usefixtures("quick")
async def test_nothing_begins_before_all_is_known_but_what_may_not_be(
    kind: str, how: str, begins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica that was begun with less rights than it needs takes versions back, and is not ready."""
    server = Server()
    getattr(server, how).add(kind)
    known = listing_of(server)
    assert not await is_over(known.load_first())
    monkeypatch.setattr(listing, "_PATIENCE_SECONDS", 0.0)
    assert await is_over(known.load_first()) == begins
    assert not known.complete.is_set()


async def test_what_was_deleted_before_a_watch_began_anew_is_found_by_a_listing_of_its_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No event tells of it, and the next audit of all is minutes away."""
    monkeypatch.setattr(listing, "_FIRST_AUDIT_SECONDS", 0.0)
    monkeypatch.setattr(listing, "_GATHER_SECONDS", 0.0)
    server = Server()
    known = listing_of(server)
    auditing = asyncio.create_task(known.audit())
    for _ in range(30):  # until the first audit is over
        await asyncio.sleep(0)
    known._world.absorb({**ROUTE, "metadata": {**ROUTE["metadata"], "uid": "1", "resourceVersion": "1"}})
    asked = server.asked
    known.relisted(ROUTES[0])
    while known._world.cache.get("HTTPRoute", "ml", "r") is not None:  # noqa: ASYNC110 - it is the other task's turn
        await asyncio.sleep(0)
    auditing.cancel()
    assert server.asked == asked + 1, "of that kind alone"
