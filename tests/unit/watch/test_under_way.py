"""Would catch: a candidate that waits for metrics which nobody reads, or a first version read for no reason."""

from typing import Any

import pytest
from crossfade.watch.queue import WorkQueue
from crossfade.watch.world import World

from tests.simulation.world import spec

STABLE = {"modelVersion": "v1", "revision": "fraud-1", "digest": "sha256:" + "0" * 64}
CANDIDATE = {**STABLE, "modelVersion": "v2", "revision": "fraud-2"}


@pytest.mark.parametrize(
    ("status", "revisions"),
    [
        ({}, None),
        ({"stable": STABLE}, None),
        ({"candidate": CANDIDATE}, None),
        ({"stable": STABLE, "candidate": CANDIDATE}, {"fraud-1", "fraud-2"}),
    ],
)
def test_metrics_are_read_from_the_moment_there_are_two_arms(
    status: dict[str, Any], revisions: set[str] | None
) -> None:
    world = World(WorkQueue(lambda: 0.0, lambda: 0.0))
    metadata = {"name": "fraud", "namespace": "ml", "uid": "u", "generation": 1, "resourceVersion": "1"}
    world.absorb({"kind": "Rollout", "metadata": metadata, "spec": spec(), "status": status})
    assert [set(one.revisions) for one in world.under_way()] == ([revisions] if revisions else [])
