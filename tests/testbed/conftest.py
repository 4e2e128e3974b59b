"""Fixtures for the tests of the testbed."""

import json
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from testbed.bed import Bed
from testbed.cluster import ClusterClient
from tests.testbed.pods import Namespace


@pytest.fixture
async def space(bed: Bed) -> AsyncIterator[Namespace]:
    """A namespace of its own, in which pods can be created."""
    pki = bed.dir / "pki"
    async with ClusterClient(pki / "ca.crt", pki / "admin.crt", pki / "admin.key") as cluster:
        name = f"kubelet-{uuid4().hex[:8]}"
        await cluster.create("/api/v1/namespaces", json.dumps({"metadata": {"name": name}}).encode())
        space = Namespace(bed, cluster.http, name)
        await space.see(lambda item: item["metadata"]["name"] == "default", "ServiceAccount")
        yield space
        await cluster.http.delete(f"/api/v1/namespaces/{name}")
