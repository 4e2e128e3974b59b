"""Catches a renewal that brings back a deleted Lease, or that is taken after somebody else's."""

from dataclasses import replace

import pytest
from crossfade.adapters.kube import KubeCluster
from crossfade.adapters.kube_lease import KubeLease
from crossfade.model.lease import Lease
from crossfade.ports import LEASES, ClusterError

pytestmark = pytest.mark.cluster

NOW = "2026-01-01T00:00:00.000000Z"
FIRST = Lease("first", 8, NOW, NOW, 1, version="")


@pytest.fixture
def store(cluster: KubeCluster, namespace: str) -> KubeLease:
    return KubeLease(cluster, namespace, "crossfade", 2.0)


async def refused(store: KubeLease, lease: Lease) -> int | None:
    """The status with which the API server refuses to store it."""
    with pytest.raises(ClusterError) as failure:
        await store.write(lease)
    return failure.value.status


async def test_of_two_that_saw_the_same_lease_one_takes_it(store: KubeLease) -> None:
    assert await store.read() is None
    seen = await store.write(FIRST)
    assert seen == replace(FIRST, version=seen.version) == await store.read()
    taken = await store.write(replace(seen, holder="second"))
    assert await refused(store, replace(seen, holder="third")) == 409
    assert await refused(store, replace(FIRST, holder="third")) == 409
    assert await store.read() == taken


async def test_a_renewal_of_a_deleted_lease_is_refused_and_makes_none(
    store: KubeLease, cluster: KubeCluster, namespace: str
) -> None:
    """The API server makes a Lease that is updated while there is none, whatever version the update names."""
    seen = await store.write(FIRST)
    await cluster.delete(LEASES, namespace, "crossfade")
    assert await refused(store, seen) == 409
    assert await store.read() is None
    anew = await store.write(replace(FIRST, holder="second"))
    assert await refused(store, seen) == 409
    assert await store.read() == anew


async def test_a_released_lease_names_nobody(store: KubeLease) -> None:
    seen = await store.write(FIRST)
    await store.write(replace(seen, holder="", seconds=1))
    found = await store.read()
    assert found is not None
    assert (found.holder, found.seconds) == ("", 1)


@pytest.mark.parametrize("seconds", [0, -1])
async def test_a_lease_for_no_time_is_refused(store: KubeLease, seconds: int) -> None:
    assert await refused(store, replace(FIRST, seconds=seconds)) == 422


async def test_a_lease_for_many_years_is_taken_as_it_is(store: KubeLease) -> None:
    assert (await store.write(replace(FIRST, seconds=2**31 - 1))).seconds == 2**31 - 1
