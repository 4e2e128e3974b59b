"""Catches CRDs that a real API server refuses, invalid specs that it lets in, and refusals that help nobody."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossfade.api.kinds import KINDS
from crossfade.api.meta import API_VERSION, GROUP, STATUS_MANAGER
from crossfade.api.v1alpha1 import RolloutStatus

from testbed.errors import TestbedError
from testbed.handle import ClusterHandle
from tests.cluster.crd_mutations import VALID

pytestmark = pytest.mark.cluster

_ROOT = Path(__file__).parents[2]
_YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_AT = "2026-11-22T04:30:00.123456Z"

Object = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def namespace(bed: ClusterHandle) -> Iterator[str]:
    """A namespace of these tests' own, with the kinds served."""
    bed.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(_ROOT / "crds"))
    bed.kubectl("wait", "--for=condition=Established", "--timeout=30s", *(f"crd/{k.crd_name}" for k in KINDS.values()))
    bed.kubectl("create", "namespace", "test-crds")
    yield "test-crds"
    bed.kubectl("delete", "namespace", "test-crds", "--wait=false")


@pytest.fixture
def apply(bed: ClusterHandle, namespace: str) -> Callable[..., str]:
    """Apply an object in the namespace; more arguments go to kubectl."""

    def applied(document: Object, *arguments: str) -> str:
        return bed.kubectl("apply", "--namespace", namespace, "-f", "-", *arguments, input=json.dumps(document))

    return applied


def an_object(kind: str, name: str, spec: Object) -> Object:
    """An object of a kind."""
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def rollout(**changes: Any) -> Object:
    """A valid Rollout but for the changes to its spec."""
    return an_object("Rollout", "fraud", {**copy.deepcopy(VALID["Rollout"][0]), **changes})


def model_version(**changes: Any) -> Object:
    """A valid ModelVersion but for the changes to its spec."""
    return an_object("ModelVersion", "fraud-1", {**copy.deepcopy(VALID["ModelVersion"][0]), **changes})


def _custom(port: Object) -> Object:
    """A server of one's own with this port."""
    return {"runtime": "custom", "template": {"spec": {"containers": [{"name": "model", "ports": [port]}]}}}


def metric_template(**changes: Any) -> Object:
    """A valid MetricTemplate but for the changes to its spec."""
    return an_object("MetricTemplate", "errors", {**copy.deepcopy(VALID["MetricTemplate"][0]), **changes})


def stages(*weights: int, **more: Any) -> Object:
    """A strategy with these weights."""
    return {"stages": [{"name": f"s{index}", "weight": weight, **more} for index, weight in enumerate(weights)]}


def routed(**gateway: Any) -> Object:
    """A Rollout with this route."""
    return rollout(traffic={"gatewayAPI": {"parentRefs": [{"name": "public"}], **gateway}})


def metric(**changes: Any) -> Object:
    """An analysis of one metric."""
    return {"metrics": [{"name": "e", "objective": {"absolute": {"max": "0.02"}}, **changes}]}


def judged(objective: Object) -> Object:
    """A Rollout whose only metric, of a template, has this objective."""
    return rollout(analysis=metric(template="mlserver/errors", objective=objective))


def judged_by(*names: str) -> Object:
    """A Rollout with a metric of each name."""
    one = metric(template="mlserver/errors")["metrics"][0]
    return rollout(analysis={"metrics": [{**one, "name": name} for name in names]})


def behind(*parents: Object) -> Object:
    """A Rollout with these parents."""
    return rollout(traffic={"gatewayAPI": {"parentRefs": list(parents)}})


def at_path(value: str) -> Object:
    """Traffic to one path."""
    return {"gatewayAPI": {"parentRefs": [{"name": "public"}], "rules": [{"matches": [{"path": {"value": value}}]}]}}


_BY_URI = {"uri": {"uri": "https://models.example.com/f.tar"}}
_TWO_SELECTORS = {"mlflow": {"name": "f", "version": "1", "alias": "champion"}}
_TWO_OF_A_NAME = {"stages": [{"name": "five", "weight": 5}, {"name": "five", "weight": 50}]}
_RATIO = {"bad": "a", "total": "b"}
_BY_PODS = {"traffic": {"replicas": {}}}
_ADOPTED = {"mode": "Adopted", "adopted": {"name": "shop", "rule": "model"}}


def adopting(strategy: Object | None = None, **gateway: Any) -> Object:
    """A Rollout that adopts a route, but for the changes to `gatewayAPI`."""
    return rollout(traffic={"gatewayAPI": {**_ADOPTED, **gateway}}, strategy=strategy or stages(5))


REFUSED = {
    "an adopted route without its name": (
        rollout(traffic={"gatewayAPI": {"mode": "Adopted"}}),
        "must have `adopted` when `mode` is `Adopted`, and only then",
    ),
    "an adopted route of our own": (
        rollout(traffic={"gatewayAPI": {"parentRefs": [{"name": "public"}], "adopted": _ADOPTED["adopted"]}}),
        "must have `adopted` when `mode` is `Adopted`, and only then",
    ),
    "a route of our own without a Gateway": (
        rollout(traffic={"gatewayAPI": {}}),
        "must have `parentRefs`, unless `mode` is `Adopted`",
    ),
    "an adopted route with hosts": (
        adopting(hostnames=["a.test"]),
        "must not have `parentRefs`, `hostnames` or `rules` when `mode` is `Adopted`: they are in the adopted route",
    ),
    "an adopted route with rules": (adopting(rules=[{}]), "must not have `parentRefs`, `hostnames` or `rules`"),
    "an adopted GRPCRoute": (
        adopting(kind="GRPCRoute"),
        "must have `kind: HTTPRoute` when `mode` is `Adopted`: a GRPCRoute can only be one that Crossfade creates",
    ),
    "a shadow in an adopted route": (
        adopting({"stages": [{"name": "a", "shadow": 5}]}),
        "must not have a stage with `shadow` or `match` when `traffic.gatewayAPI.mode` is `Adopted`",
    ),
    "a cohort in an adopted route": (
        adopting({"stages": [{"name": "a", "match": {"headers": [{"name": "x", "value": "y"}]}}]}),
        "they need rules of Crossfade's own, and the route is yours",
    ),
    "no way in": (rollout(traffic={}), "must have exactly one of `gatewayAPI` and `replicas`"),
    "two ways in": (
        rollout(traffic={**VALID["Rollout"][0]["traffic"], "replicas": {}}),
        "must have exactly one of `gatewayAPI` and `replicas`",
    ),
    "an autoscaler where pods are weights": (
        rollout(**_BY_PODS, serving={"autoscaling": {"min": 1, "max": 2, "metrics": [{"type": "Resource"}]}}),
        "must not have `serving.autoscaling` beside `traffic.replicas`",
    ),
    "a shadow without a gateway": (
        rollout(**_BY_PODS, strategy={"stages": [{"name": "copy", "shadow": 9}]}),
        "must not have stages with `shadow` or `match` beside `traffic.replicas`",
    ),
    "a bad candidate that keeps its connections": (
        rollout(**_BY_PODS, strategy={**stages(5), "onRollback": {"keepCandidate": "10m"}}),
        "must not have `strategy.onRollback.keepCandidate` beside `traffic.replicas`",
    ),
    "a version before that keeps its connections": (
        rollout(**_BY_PODS, strategy={**stages(5), "keepPrevious": "30m"}),
        "must not have `strategy.keepPrevious` beside `traffic.replicas`",
    ),
    "a name no Service may have": (an_object("Rollout", "3d-shapes", VALID["Rollout"][0]), "begins with a letter"),
    "a name too long for its children": (an_object("Rollout", "f" * 51, VALID["Rollout"][0]), "at most 50 lower-case"),
    "falling weights": (
        rollout(strategy=stages(25, 5)),
        "spec.strategy.stages: Invalid value.*must rise: each stage's",
    ),
    "equal weights": (rollout(strategy=stages(5, 5)), "must rise"),
    "a weight of 100": (rollout(strategy=stages(100)), "must have weights that are less than `weightScale`"),
    "a weight beyond the scale": (
        rollout(strategy={**stages(1000), "weightScale": 1000}),
        "must have weights that are less than `weightScale`, which is `100` when left out",
    ),
    "a scale of its own": (rollout(strategy={**stages(5), "weightScale": 200}), "weightScale.*[Uu]nsupported value"),
    "two shapes in a stage": (
        rollout(strategy=stages(5, shadow=10)),
        "must have at most one of `weight`, `shadow` and `match`",
    ),
    "a stage of nothing": (
        rollout(strategy={"stages": [{"name": "a"}]}),
        "must have `weight`, `shadow`, `match` or `gate`",
    ),
    "a shadow after a weight": (
        rollout(strategy={"stages": [{"name": "a", "weight": 5}, {"name": "b", "shadow": 5}]}),
        "must have stages with `shadow` or `match` before those with `weight`",
    ),
    "a cohort of nobody": (rollout(strategy={"stages": [{"name": "a", "match": {"headers": []}}]}), "at least 1 items"),
    "a gate that nobody has to pass": (
        rollout(strategy=stages(5, gate="Manual", maxDuration="9m", onInconclusive="Advance")),
        "must not have `onInconclusive: Advance` beside a `gate`: only people pass a gate",
    ),
    "a path of calls": (
        routed(kind="GRPCRoute", rules=[{"matches": [{"path": {"value": "/"}}]}]),
        r"must have `method` in place of `path` in `rules\[\].matches\[\]` when `kind` is `GRPCRoute`",
    ),
    "a method of requests": (
        routed(rules=[{"matches": [{"method": {"service": "a.B"}}]}]),
        r"must have `path` in place of `method` in `rules\[\].matches\[\]` when `kind` is `HTTPRoute`",
    ),
    "no call at all": (
        routed(kind="GRPCRoute", rules=[{"matches": [{"method": {}}]}]),
        "must have `service`, `method` or both",
    ),
    "a gate of another kind": (rollout(strategy=stages(5, gate="Auto")), "gate.*[Uu]nsupported value"),
    "a stage with a name of ours": (
        rollout(strategy={"stages": [{"name": "bake", "weight": 5}]}),
        "must have another `name` than `bake` and `full`",
    ),
    "a bake that gives less than the last stage": (
        rollout(strategy={**stages(5, 96), "bake": {"duration": "9m", "holdback": 4}}),
        "must have weights that are less than `weightScale` minus `bake.holdback`",
    ),
    "no stage": (rollout(strategy=stages()), "stages.*should have at least 1 items"),
    "two stages of one name": (rollout(strategy=_TWO_OF_A_NAME), r"stages\[1\]: Duplicate value"),
    "two metrics of one name": (
        judged_by("errors", "errors"),
        r"metrics\[1\]: Duplicate value",
    ),
    "no time": (rollout(strategy=stages(5, minDuration="0s")), "minDuration.*must be longer than `0s`"),
    "too long a time": (rollout(strategy=stages(5, minDuration="721h")), "must be longer than `0s` and at most `720h`"),
    "template and ratio": (rollout(analysis=metric(template="mlserver/errors", ratio=_RATIO)), "must have exactly one"),
    "neither of them": (
        rollout(analysis=metric()),
        "must have exactly one of `template`, `ratio`, `latency` and `gauge`",
    ),
    "a bound of 1": (
        judged({"absolute": {"max": "1"}}),
        "absolute.max.*must be a share greater than 0 and less than 1",
    ),
    "a stage that ends before it may": (
        rollout(strategy=stages(5, minDuration="2m", maxDuration="90s")),
        r"stages\[0\].*must have a `maxDuration` that is not less than `minDuration`",
    ),
    "a stage that ends before the default": (
        rollout(strategy=stages(5, maxDuration="59s")),
        "not less than `minDuration`, which is `1m` when left out",
    ),
    "an end that never comes": (
        rollout(strategy=stages(5, onInconclusive="Rollback")),
        "must have `maxDuration` when `onInconclusive` is not `Hold`",
    ),
    "no objective": (judged({}), "objective.*must have either `rule`, or `relative` or `absolute` or both"),
    "two margins": (
        judged({"relative": {"rollbackAbove": 10, "slowerBy": 10}}),
        "must have exactly one of `rollbackAbove` .* and `slowerBy`",
    ),
    "a margin wider than what is good enough": (
        judged({"relative": {"rollbackAbove": 50}}),
        "must have a `promoteWithin` greater than `rollbackAbove` or `slowerBy`",
    ),
    "a latency without a quantile": (judged({"absolute": {"max": "500ms"}}), "must have `quantile` with a `max`"),
    "a floor for nothing": (
        judged({"absolute": {"floor": "0.001", "max": "0.02"}}),
        "must have `absolute.floor` only beside `relative.rollbackAbove`",
    ),
    "errors and a quantile": (
        judged({"relative": {"rollbackAbove": 1}, "absolute": {"max": "1s", "quantile": "0.9"}}),
        "must not have `absolute.quantile` beside `relative.rollbackAbove`",
    ),
    "latency and a share": (
        judged({"relative": {"slowerBy": 1}, "absolute": {"max": "0.1"}}),
        "must have an `absolute.max` that is a duration, with `quantile`, beside `relative.slowerBy`",
    ),
    "a rule without a bound": (judged({"rule": {}}), "rule.*must have `max`, `min` or both"),
    "a rule that is always broken": (judged({"rule": {"max": "1", "min": "2"}}), "must have a `min` that is not above"),
    "more violations than windows": (judged({"rule": {"max": "1", "violations": 9}}), "must have no more `violations`"),
    "a gauge without a rule": (
        rollout(analysis=metric(gauge={"series": "g"})),
        r"metrics\[0\].*must have `objective.rule` for a `gauge`, and for nothing else",
    ),
    "a ratio of times": (
        rollout(analysis=metric(ratio=_RATIO, objective={"relative": {"slowerBy": 10}})),
        "must not have `slowerBy` or `quantile` in the objective of a `ratio`",
    ),
    "a latency of errors": (
        rollout(analysis=metric(latency={"buckets": "h"}, objective={"relative": {"rollbackAbove": 10}})),
        "must not have `rollbackAbove`, `floor` or a `max` without `quantile` in the objective of a `latency`",
    ),
    "nothing required": (
        rollout(analysis=metric(template="mlserver/errors", role="Guardrail")),
        "must have at least one metric whose `role` is `Required`",
    ),
    "a template of two kinds": (
        metric_template(gauge={"series": "g"}),
        "must have exactly one of `ratio`, `latency` and `gauge`",
    ),
    "a template that tells no arms": (
        metric_template(arm={"label": "service", "contains": "-{revision}-"}),
        "must have both `{namespace}` and `{revision}` in `contains`",
    ),
    "custom without containers": (rollout(serving={"runtime": "custom"}), "must bring `template.spec.containers`"),
    "a port without a number": (
        rollout(serving=_custom({"name": "http"})),
        "must have a `containerPort` in each of the `ports`",
    ),
    "warm-up requests that nobody takes": (
        rollout(serving={**_custom({"name": "grpc", "containerPort": 1}), "warmup": {"body": {"inline": "{}"}}}),
        "must bring a port named `http` in the first of `template.spec.containers`",
    ),
    "no number of a port": (
        rollout(serving=_custom({"name": "http", "containerPort": 0})),
        "ports.*containerPort.*should be greater than or equal to 1",
    ),
    "a container with a name of ours": (
        rollout(serving={"template": {"spec": {"initContainers": [{"name": "warm-up"}]}}}),
        "initContainers.*name.*must not be `load` or `warm-up`",
    ),
    "no pod at all": (rollout(serving={"replicas": 0}), "serving.replicas.*should be greater than or equal to 1"),
    "no pod when nobody comes": (
        rollout(serving={"autoscaling": {"min": 0, "max": 3}}),
        "autoscaling.min.*should be greater than or equal to 1",
    ),
    "two parents that are one": (
        behind({"name": "public"}, {"name": "public", "namespace": "test-crds"}, {"name": "public"}),
        "parentRefs.*must name each Gateway once, or each time with another `sectionName`",
    ),
    "a parent beside one of its listeners": (
        behind({"name": "public"}, {"name": "public", "sectionName": "web"}),
        "must name each Gateway once, or each time with another `sectionName`",
    ),
    "a listener named twice": (
        behind({"name": "public", "sectionName": "web"}, {"name": "public", "sectionName": "web"}),
        "must name each Gateway once, or each time with another `sectionName`",
    ),
    "a path that no gateway takes": (
        rollout(traffic=at_path("/v2/../admin")),
        "path.value.*must not contain `//`, `/./`, `/../` or `%2f`",
    ),
    "two owners of one number": (
        rollout(serving={"replicas": 2, "autoscaling": {"max": 3}}),
        "must have at most one of `replicas` and `autoscaling`: both would set the number of pods",
    ),
    "no room between the bounds": (
        rollout(serving={"autoscaling": {"min": 3, "max": 2}}),
        "must have a `max` that is not less than `min`, which is `1` when left out",
    ),
    "a metric of no kind": (
        rollout(serving={"autoscaling": {"max": 3, "metrics": [{"type": "Cpu"}]}}),
        r"autoscaling.metrics\[0\].type.*[Uu]nsupported value",
    ),
    "unknown resource name": (rollout(serving={"resources": {"limits": {"GPU": "1"}}}), "must name resources as"),
    "negative quantity": (rollout(serving={"resources": {"limits": {"cpu": "-1"}}}), "limits.cpu.*should match"),
    "unknown field": (rollout(surge=1), 'unknown field "spec.surge"'),
    "two selectors": (model_version(source=_TWO_SELECTORS), "must have exactly one of `version`, `alias` and `stage`"),
    "no source": (model_version(source={}), "must have exactly one of `mlflow` and `uri`"),
    "a registry for what is in none": (
        model_version(source={"uri": {"uri": "s3://b/m"}, "registryRef": {"name": "risk"}}),
        "must have `registryRef` only beside `mlflow`, which is in a registry",
    ),
    "a registry of no system": (an_object("ModelRegistry", "risk", {}), "must have `mlflow`"),
    "a credential in a registry's address": (
        an_object("ModelRegistry", "risk", {"mlflow": {"address": "https://user:secret@mlflow.example.com"}}),
        "spec.mlflow.address in body should match",
    ),
    "unpinned web address": (model_version(source=_BY_URI), "must pin `artifact.digest` when `source.uri.uri` is http"),
    "no semantic version": (model_version(version="1.3"), "spec.version.*should match"),
}


def test_the_folder_of_crds_is_applied_by_one_plain_command(bed: ClusterHandle) -> None:
    applied = bed.kubectl("apply", "-f", str(_ROOT / "crds"), "--dry-run=server", "--output=name").split()
    assert set(applied) == {f"customresourcedefinition.apiextensions.k8s.io/{kind.crd_name}" for kind in KINDS.values()}


@pytest.mark.parametrize(("document", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_an_invalid_spec_is_refused_with_a_sentence(document: Object, sentence: str, apply: Callable[..., str]) -> None:
    """Cases D17, F4 and S04."""
    with pytest.raises(TestbedError, match=sentence):
        apply(document, "--dry-run=server")


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


def test_a_model_registry_can_be_edited_and_has_no_status(apply: Callable[..., str]) -> None:
    for spec in VALID["ModelRegistry"]:
        stored = json.loads(apply(an_object("ModelRegistry", "risk", spec), "--output=json"))
    assert "status" not in stored
    assert stored["spec"] == {
        "mlflow": {"address": "https://mlflow"},
        "tls": {"caConfigMapRef": {"key": "ca.crt", "name": "ca"}},
    }


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
    document = an_object("Rollout", "adopting", {**VALID["Rollout"][0], "traffic": {"gatewayAPI": _ADOPTED}})
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


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_kubectl_explains_every_top_level_field(kind: Any, bed: ClusterHandle) -> None:
    explained = bed.kubectl("explain", f"{kind.plural}.spec")
    for name, field in kind.spec.model_fields.items():
        assert re.search(rf"^  {field.alias or name}\t<", explained, re.MULTILINE)
        assert field.description.split()[0] in explained


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


@pytest.mark.parametrize("document", _documents())
def test_what_the_documentation_shows_is_accepted(document: Object, apply: Callable[..., str]) -> None:
    document["metadata"].pop("namespace", None)
    apply(document, "--dry-run=server")
