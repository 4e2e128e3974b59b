"""Would catch a pod that is started for a model whose pickle its ModelVersion refuses."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from crossfade.ports import WHOLE, Part, Reference, StoredFile

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import rollout, version

EVIL = b"cposix\nsystem\n(S'touch /nowhere/canary'\ntR."


class OnePickle:
    """The Artifacts port: every model is one pickle, which comes byte by byte."""

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """See ports.Artifacts."""
        return [StoredFile("model.pkl", len(EVIL))]

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """See ports.Artifacts."""
        for byte in EVIL[part.start :]:
            yield bytes([byte])


class Answering:
    """The Registry port."""

    async def resolve(self, source: Any) -> Reference:
        """See ports.Registry."""
        return Reference("models:/churn/1", "s3://m/1")


async def settled(policy: dict[str, str] | None) -> FakeCluster:
    cluster = FakeCluster()
    changes: dict[str, Any] = {"policy": policy} if policy else {}
    cluster.create(version(**changes))
    cluster.create(rollout())
    loop = Loop(cluster, FakeClock(), Answering())
    loop.sources.artifacts = OnePickle()  # type: ignore[assignment]
    await loop.settle()
    return cluster


def said(cluster: FakeCluster) -> tuple[str, str]:
    status = cluster.objects["ModelVersion", "ml", "v1"]["status"]
    ready = next(one for one in status["conditions"] if one["type"] == "Ready")
    return ready["reason"], ready["message"]


@pytest.mark.parametrize("policy", ["KnownOnly", "Forbid"])
async def test_no_pod_is_started_for_what_is_refused(policy: str) -> None:
    cluster = await settled({"pickle": policy})
    reason, message = said(cluster)
    assert reason == "PickleRefused"
    assert message.startswith("the file 'model.pkl' would import posix.system when it is loaded, and `spec.policy.")
    assert "resolved" not in cluster.objects["ModelVersion", "ml", "v1"]["status"]
    assert not [kind for kind, _, _ in cluster.objects if kind in ("Deployment", "Pod")]


@pytest.mark.parametrize("policy", [None, {"pickle": "Allow"}])
async def test_what_is_allowed_is_served_and_told(policy: dict[str, str] | None) -> None:
    cluster = await settled(policy)
    assert said(cluster)[0] == "Resolved"
    stored = cluster.objects["ModelVersion", "ml", "v1"]["status"]["resolved"]["serialization"]
    assert stored == {
        "origin": "Artifact",
        "formats": ["pickle"],
        "pickle": "Unsafe",
        "imports": ["posix.system"],
        "suspects": {"model.pkl": "would import posix.system when it is loaded"},
    }
    assert [kind for kind, _, _ in cluster.objects if kind == "Deployment"]
