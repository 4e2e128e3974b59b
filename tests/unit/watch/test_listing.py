"""Catches an operator that needs every kind of route, or that never notices one that came later."""

from typing import Any

import pytest
from crossfade.ports import ClusterError
from crossfade.watch.listing import WATCHED, Listing, NewKindError
from crossfade.watch.queue import WorkQueue
from crossfade.watch.world import World

from tests.unit.fakes.clock import FakeClock


class Served:
    """An API server of empty lists, in which the kinds of these plurals are not served."""

    def __init__(self, *absent: str) -> None:
        self.absent, self.asked = set(absent), list[str]()

    async def request(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        """See adapters.kube.KubeCluster."""
        plural = path.rpartition("/")[2]
        self.asked.append(plural)
        if plural in self.absent:
            raise ClusterError(f"the API server refused {method} {path} with 404: no reason was given", 404)
        return {"items": [], "metadata": {"resourceVersion": "7"}}


def listing(cluster: Any) -> Listing:
    return Listing(cluster, World(WorkQueue(FakeClock(), lambda: 0.0)), ())


@pytest.mark.parametrize("absent", ["grpcroutes", "httproutes"])
async def test_a_cluster_without_a_kind_of_route_has_none_of_them(absent: str) -> None:
    cluster = Served(absent)
    await listing(cluster).load_until_complete()
    assert cluster.asked == [kind.plural for kind in WATCHED]
    assert {"grpcroutes", "httproutes"} <= set(cluster.asked)


async def test_anything_else_that_is_missing_is_waited_for() -> None:
    with pytest.raises(ClusterError, match="rollouts with 404"):
        await listing(Served("rollouts")).load()


async def test_a_kind_that_comes_later_ends_the_operator_so_that_it_is_watched() -> None:
    cluster = Served("grpcroutes")
    asked = listing(cluster)
    await asked.load_until_complete()
    await asked.load()
    cluster.absent.clear()
    with pytest.raises(NewKindError, match="the cluster has GRPCRoutes now, and had none at the start"):
        await asked.load()
