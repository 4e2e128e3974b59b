"""Would catch a Rollout that waits for ever, or takes what serves along, where a cluster has no image volumes."""

from typing import Any

import pytest
from crossfade.act.execute import NoImageVolumesError
from crossfade.api.v1alpha1.modelversion import Source
from crossfade.ports import Reference

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import rollout, version
from tests.unit.watch.test_refused_writes import Statuses

MANIFEST, CONFIG = (f"sha256:{digit * 64}" for digit in "ab")
URI = f"oci://registry.example.com/fraud@{MANIFEST}"
OCI = {"oci": {"reference": "fraud:1"}, "registryRef": {"name": "models"}}
REGISTRY = {
    "apiVersion": "crossfade.dev/v1alpha1",
    "kind": "ModelRegistry",
    "metadata": {"name": "models", "namespace": "ml"},
    "spec": {"oci": {"address": "https://registry.example.com"}},
}


class Images:
    """A registry of images."""

    async def resolve(self, source: Source) -> Reference:
        """See ports.Registry."""
        return Reference(URI, URI, MANIFEST[7:], image_id=CONFIG)


def conditions(cluster: FakeCluster) -> dict[str, Any]:
    return {one["type"]: one for one in cluster.objects["Rollout", "ml", "demo"]["status"]["conditions"]}


async def test_a_cluster_without_image_volumes_is_told_before_a_pod_and_goes_on_by_itself_once_it_has_them() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    cluster.image_volumes = False
    cluster.create(REGISTRY)
    cluster.create(version(source=OCI))
    cluster.create(rollout(serving={"files": "ImageVolume"}))
    loop = Loop(cluster, clock, Images())
    with pytest.raises(NoImageVolumesError):
        await loop.settle()
    said = conditions(cluster)
    assert {said[one]["reason"] for one in ("Ready", "Stalled")} == {"ImageVolumesMissing"}
    assert "set `spec.serving.files: Loaded`" in said["Ready"]["message"]
    assert not [kind for kind, _, _ in cluster.objects if kind in ("Deployment", "Pod")]
    before = list(cluster.writes)
    loop.world.look_again()
    with pytest.raises(NoImageVolumesError):
        await loop.settle()
    assert cluster.writes == before

    cluster.image_volumes = True
    await loop.settle()
    clock.at += 60
    loop.world.look_again()
    await loop.settle()
    assert conditions(cluster)["Ready"]["status"] == "True"
    (deployment,) = [one for (kind, _, _), one in cluster.objects.items() if kind == "Deployment"]
    assert deployment["metadata"]["annotations"]["crossfade.dev/image"] == f"{MANIFEST},{CONFIG}"
    assert cluster.objects["ModelVersion", "ml", "v1"]["status"]["resolved"]["imageID"] == CONFIG


async def test_a_second_version_is_refused_in_the_same_words_however_often_it_is_looked_at() -> None:
    """Metrics of what is under way are looked at every few seconds: what is written each time wakes everybody."""
    cluster, clock = FakeCluster(), FakeClock()
    for manifest in (REGISTRY, version(), version("v2", source=OCI), rollout()):
        cluster.create(manifest)
    loop = Loop(cluster, clock, Images())
    await loop.settle()
    clock.at += 60
    loop.world.look_again()
    await loop.settle()
    assert conditions(cluster)["Ready"]["reason"] == "Promoted"
    cluster.image_volumes = False
    cluster.create(rollout("v2", serving={"files": "ImageVolume"}), generation=2)
    loop.watch()
    written = []
    for _ in range(4):
        loop.world.breach(("ml", "demo"))
        with pytest.raises(NoImageVolumesError):
            await loop.settle()
        assert conditions(cluster)["Ready"]["reason"] == "ImageVolumesMissing"
        written.append(len(cluster.writes))
    assert written[0] == written[-1]
    cluster.image_volumes = True
    loop.world.breach(("ml", "demo"))
    await loop.settle()
    assert conditions(cluster)["Ready"]["reason"] != "ImageVolumesMissing"
    assert len([kind for kind, _, _ in cluster.objects if kind == "Deployment"]) == 2


@pytest.mark.parametrize("first", [True, False])
async def test_it_stays_a_standstill_over_restarts_however_late_it_is_looked_at_again(*, first: bool) -> None:
    """Flux and Helm give up at the first look that is none."""
    cluster, clock = FakeCluster(), FakeClock()
    for manifest in (REGISTRY, version("v0"), version("v1", source=OCI)):
        cluster.create(manifest)
    if not first:
        cluster.create(rollout("v0"))
        await Loop(cluster, clock, Images()).settle()
    cluster.image_volumes = False
    cluster.create(rollout("v1", serving={"files": "ImageVolume"}))
    with pytest.raises(NoImageVolumesError):
        await Loop(cluster, clock, Images()).settle()
    assert conditions(cluster)["Stalled"]["reason"] == "ImageVolumesMissing"
    statuses = Statuses(cluster)
    for _ in range(3):
        clock.at += 300
        with pytest.raises(NoImageVolumesError):
            await Loop(cluster, clock, Images()).settle()
    assert statuses.said == []
