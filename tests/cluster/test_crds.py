"""Catches CRDs that a real API server refuses, invalid specs that it lets in, and refusals that help nobody."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossfade.api.kinds import KINDS
from crossfade.api.meta import API_VERSION, GROUP, STATUS_MANAGER
from crossfade.api.v1alpha1 import RolloutStatus
from crossfade.codegen.documented import documented

from testbed.bed import Bed
from testbed.errors import TestbedError
from testbed.handle import ClusterHandle
from tests.cluster.crd_refused import (
    ADOPTED,
    REFUSED,
    an_object,
    metric,
    metric_template,
    model_version,
    rollout,
    routed,
    stages,
)
from tests.cluster.crd_valid import VALID
from tests.cluster.crd_verdict import asking, verdict

pytestmark = pytest.mark.cluster

_ROOT = Path(__file__).parents[2]
_YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_AT = "2026-11-22T04:30:00.123456Z"

Object = dict[str, Any]
Says = Callable[[Object], Awaitable[str]]


@pytest.fixture(scope="module", autouse=True)
def namespace(bed: ClusterHandle) -> Iterator[str]:
    """A namespace of these tests' own, with the kinds served. Elsewhere than on a bed dry runs are all that is made, in
    a namespace that every cluster has, of the kinds that are there."""
    if not isinstance(bed, Bed):
        yield "default"
        return
    bed.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(_ROOT / "crds"))
    bed.kubectl("wait", "--for=condition=Established", "--timeout=180s", *(f"crd/{k.crd_name}" for k in KINDS.values()))
    bed.kubectl("create", "namespace", "test-crds")
    yield "test-crds"
    bed.kubectl("delete", "namespace", "test-crds", "--wait=false")


@pytest.fixture
def apply(bed: ClusterHandle, namespace: str) -> Callable[..., str]:
    """Apply an object in the namespace; more arguments go to kubectl."""

    def applied(document: Object, *arguments: str) -> str:
        return bed.kubectl("apply", "--namespace", namespace, "-f", "-", *arguments, input=json.dumps(document))

    return applied


@pytest.fixture
async def would_say(bed: ClusterHandle, namespace: str) -> AsyncIterator[Says]:
    """What the API server answers who would apply an object in the namespace; empty when it is accepted."""
    async with asking(bed.kubeconfig) as api:

        async def said(document: Object) -> str:
            return await verdict(api, document, namespace)

        yield said


@pytest.mark.anywhere
def test_the_folder_of_crds_is_applied_by_one_plain_command(bed: ClusterHandle) -> None:
    """GitOps property 12."""
    applied = bed.kubectl("apply", "-f", str(_ROOT / "crds"), "--dry-run=server", "--output=name").split()
    assert set(applied) == {f"customresourcedefinition.apiextensions.k8s.io/{kind.crd_name}" for kind in KINDS.values()}


@pytest.mark.anywhere
@pytest.mark.parametrize(("document", "sentence"), REFUSED.values(), ids=REFUSED.keys())
async def test_an_invalid_spec_is_refused_with_a_sentence(document: Object, sentence: str, would_say: Says) -> None:
    """Cases D17, F4 and S04. GitOps property 11."""
    assert re.search(sentence, await would_say(document))


@pytest.mark.anywhere
def test_all_that_is_wrong_is_said_at_once(apply: Callable[..., str]) -> None:
    """Case F4."""
    bake = {"bake": {"duration": "9m", "holdback": 4}}
    with pytest.raises(TestbedError) as refusal:
        apply(rollout(strategy={**stages(5, 96), **bake}, analysis=metric()), "--dry-run=server")
    assert "must have weights that are less than `weightScale` minus `bake.holdback`" in str(refusal.value)
    assert "must have exactly one of `template`, `ratio`, `latency` and `gauge`" in str(refusal.value)


def test_a_model_version_cannot_be_edited(apply: Callable[..., str]) -> None:
    apply(model_version())
    with pytest.raises(TestbedError, match="must not change: a ModelVersion is immutable, create another one instead"):
        apply(model_version(version="1.3.1"))


def test_a_metric_template_cannot_be_edited(apply: Callable[..., str]) -> None:
    apply(metric_template())
    with pytest.raises(TestbedError, match="must not change: a MetricTemplate is immutable, create another one"):
        apply(metric_template(ratio={"bad": "other", "total": "t"}))


def test_a_model_registry_can_be_edited_and_counts_as_not_yet_seen(apply: Callable[..., str]) -> None:
    for spec in VALID["ModelRegistry"]:
        stored = json.loads(apply(an_object("ModelRegistry", "risk", spec), "--output=json"))
        assert stored["status"] == {"observedGeneration": -1}
        assert stored["spec"].keys() == spec.keys()


def test_a_metric_template_is_at_rest_as_soon_as_it_is_there(bed: ClusterHandle, apply: Callable[..., str]) -> None:
    """Nobody writes a status of it, so whoever waits for one would wait for ever."""
    created = json.loads(apply(an_object("MetricTemplate", "fresh", VALID["MetricTemplate"][1]), "--output=json"))
    assert "status" not in created
    assert created["spec"]["latency"]["unit"] == "Milliseconds"


def test_a_deletion_policy_stays(apply: Callable[..., str]) -> None:
    document = an_object("Rollout", "kept", VALID["Rollout"][0])
    apply(document)
    document["spec"] = {**document["spec"], "deletionPolicy": "Delete"}
    with pytest.raises(TestbedError, match="must keep its `deletionPolicy`"):
        apply(document)


@pytest.mark.parametrize(
    "gateway",
    [{"parentRefs": [{"name": "public"}]}, {"mode": "Adopted", "adopted": {"name": "other", "rule": "model"}}],
    ids=["mode", "name"],
)
def test_a_route_is_adopted_for_good(apply: Callable[..., str], gateway: Object) -> None:
    document = an_object("Rollout", "adopting", {**VALID["Rollout"][0], "traffic": {"gatewayAPI": ADOPTED}})
    apply(document, "--server-side")
    document["spec"] = {**document["spec"], "traffic": {"gatewayAPI": gateway}}
    with pytest.raises(TestbedError, match="must keep its `mode` and"):
        apply(document, "--server-side", "--force-conflicts")


def test_the_way_traffic_is_split_stays(apply: Callable[..., str]) -> None:
    document = an_object("Rollout", "there", VALID["Rollout"][0])
    apply(document)
    document["spec"] = {**document["spec"], "traffic": {"replicas": {}}}
    with pytest.raises(TestbedError, match=r"must keep `traffic.gatewayAPI` or `traffic.replicas`"):
        apply(document)


def test_a_kind_of_route_stays(apply: Callable[..., str]) -> None:
    document = an_object("Rollout", "routed", routed()["spec"])
    apply(document)
    document["spec"] = routed(kind="GRPCRoute")["spec"]
    with pytest.raises(TestbedError, match="must keep its `kind`: create another Rollout with the other kind"):
        apply(document)


def test_a_fresh_object_says_that_nobody_has_looked_at_it(apply: Callable[..., str]) -> None:
    created = json.loads(apply(an_object("Rollout", "fresh", VALID["Rollout"][0]), "--output=json"))
    assert created["status"] == {"observedGeneration": -1}
    assert created["spec"]["serving"]["startup"] == {"timeout": "10m"}


def test_a_status_is_stored_as_it_was_written_and_shown_in_columns(
    bed: ClusterHandle, namespace: str, apply: Callable[..., str]
) -> None:
    generation = json.loads(apply(an_object("Rollout", "observed", VALID["Rollout"][0]), "-o=json"))["metadata"][
        "generation"
    ]
    ready = {"type": "Ready", "status": "Unknown", "reason": "Analysing", "message": "3 of 100 requests seen."}
    arm = {"modelVersion": "fraud-1-3-0", "revision": "f00", "digest": "sha256:" + "a" * 64, "replicas": 3, "ready": 3}
    status = RolloutStatus.of(
        {
            "conditions": [{**ready, "observedGeneration": generation, "lastTransitionTime": _AT}],
            "observedGeneration": generation,
            "stable": arm,
            "stage": {"index": 0, "name": "five", "summary": "1/3 five", "enteredAt": _AT},
            "traffic": {"desired": 5},
        }
    ).to_json()
    document = {"apiVersion": API_VERSION, "kind": "Rollout", "metadata": {"name": "observed"}, "status": status}

    apply(document, "--server-side", "--subresource=status", f"--field-manager={STATUS_MANAGER}")

    read = json.loads(bed.kubectl("get", "rollout", "observed", "--namespace", namespace, "--output=json"))
    assert read["status"] == status
    row = bed.kubectl("get", "mro", "observed", "--namespace", namespace, "--no-headers", "--output=wide")
    assert re.split(r"\s{2,}", row.strip())[:6] == ["observed", "fraud-1-3-0", "1/3 five", "5", "Unknown", "Analysing"]


def test_objects_are_found_by_what_they_name(bed: ClusterHandle, namespace: str, apply: Callable[..., str]) -> None:
    apply(an_object("Rollout", "one", {**VALID["Rollout"][0], "modelVersion": "sought"}))
    apply(an_object("Rollout", "other", VALID["Rollout"][0]))
    selector = ("--namespace", namespace, "--field-selector", "spec.modelVersion=sought")
    assert bed.kubectl("get", "rollouts", *selector, "--output=name").split() == [f"rollout.{GROUP}/one"]


@pytest.mark.anywhere
@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_kubectl_explains_every_top_level_field(kind: Any, bed: ClusterHandle) -> None:
    explained = bed.kubectl("explain", f"{kind.plural}.spec")
    for name, words in documented(kind.spec).items():
        assert re.search(rf"^  {kind.spec.model_fields[name].alias or name}\t<", explained, re.MULTILINE)
        assert words.split()[0] in explained


def _documents() -> list[Any]:
    """Every object of our kinds that the repository shows to people, with where it stands."""
    texts = [(path, path.read_text("utf-8")) for path in sorted((_ROOT / "examples").rglob("*.yaml"))]
    for page in [_ROOT / "README.md", *sorted((_ROOT / "docs").rglob("*.md"))]:
        texts += [(page, block) for block in _YAML_BLOCK.findall(page.read_text("utf-8"))]
    return [
        pytest.param(document, id=f"{path.relative_to(_ROOT)}:{document['kind']}/{document['metadata']['name']}")
        for path, text in texts
        for document in yaml.safe_load_all(text)
        if isinstance(document, dict) and document.get("apiVersion") == API_VERSION
    ]


@pytest.mark.anywhere
@pytest.mark.parametrize("document", _documents())
async def test_what_the_documentation_shows_is_accepted(document: Object, would_say: Says) -> None:
    document["metadata"].pop("namespace", None)
    document["metadata"]["name"] += "-as-shown"  # whoever did as the pages say has one of that name
    assert await would_say(document) == ""
