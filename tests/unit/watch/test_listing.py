"""Would catch an operator that does not start without the Gateway API, or that never learns that it is there."""

from typing import Any

import pytest
from crossfade.ports import ClusterError
from crossfade.watch import listing
from crossfade.watch.listing import Listing
from crossfade.watch.queue import WorkQueue
from crossfade.watch.world import World


class Server:
    """Lists nothing of any kind, and 404 for those that are not `served`."""

    def __init__(self, *absent: str) -> None:
        self.absent = set(absent)
        self.asked = 0

    async def request(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        self.asked += 1
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
    monkeypatch.setattr(listing, "_FIRST_AUDIT_SECONDS", 0.0)
    server = Server("httproutes")
    known = listing_of(server)
    await known.load()
    server.absent.clear()
    await known.audit()
    assert server.asked > 0
