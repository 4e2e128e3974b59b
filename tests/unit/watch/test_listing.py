"""Would catch an operator that does not start without the Gateway API, or that never learns that it is there."""

import asyncio
from typing import Any

import pytest
from crossfade.ports import ROUTES, ClusterError
from crossfade.watch import listing
from crossfade.watch.listing import Listing
from crossfade.watch.queue import WorkQueue
from crossfade.watch.world import World


class Server:
    """Lists nothing of any kind, and 404 for those that are not `served`."""

    def __init__(self, *absent: str) -> None:
        self.absent = set(absent)
        self.asked = 0
        self.down = False

    async def request(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        self.asked += 1
        if self.down:
            raise ClusterError("no answer")
        if path.rpartition("/")[2] in self.absent:
            raise ClusterError("the server could not find the requested resource", 404)
        return {"items": [], "metadata": {"resourceVersion": "1"}}


def listing_of(server: Server) -> Listing:
    return Listing(server, World(WorkQueue(lambda: 0.0, lambda: 0.5)), [])  # type: ignore[arg-type]


async def test_a_cluster_without_the_gateway_api_is_known_all_the_same() -> None:
    assert await listing_of(Server("httproutes")).load() == 0


async def test_any_other_kind_must_be_there() -> None:
    with pytest.raises(ClusterError):
        await listing_of(Server("rollouts")).load()


async def test_the_operator_ends_when_the_gateway_api_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_KINDS_SECONDS", 0.0)
    server = Server("httproutes")
    known = listing_of(server)
    await known.load()
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
    await known.load()
    known._world.absorb({**ROUTE, "metadata": {**ROUTE["metadata"], "uid": "1", "resourceVersion": "5"}})
    server.absent.add("httproutes")
    if seen == "by an audit":
        await known.load()
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
