"""Objects for a real API server: whole ones to change, and those that it must refuse, each with what it must say."""

import copy
from typing import Any

from crossfade.api.meta import API_VERSION

from tests.cluster.crd_valid import AZURE, DIGEST, PACKAGE, VALID

Object = dict[str, Any]


def an_object(kind: str, name: str, spec: Object) -> Object:
    """An object of a kind."""
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def rollout(**changes: Any) -> Object:
    """A valid Rollout but for the changes to its spec."""
    return an_object("Rollout", "fraud", {**copy.deepcopy(VALID["Rollout"][0]), **changes})


def model_version(**changes: Any) -> Object:
    """A valid ModelVersion but for the changes to its spec."""
    return an_object("ModelVersion", "fraud-1", {**copy.deepcopy(VALID["ModelVersion"][0]), **changes})


def model_source(**changes: Any) -> Object:
    """A valid ModelSource but for the changes to its spec; what is None is left out."""
    spec = {**copy.deepcopy(VALID["ModelSource"][0]), **changes}
    return an_object("ModelSource", "fraud", {key: value for key, value in spec.items() if value is not None})


def _custom(port: Object) -> Object:
    """A server of one's own with this port."""
    return {"runtime": "custom", "template": {"spec": {"containers": [{"name": "model", "ports": [port]}]}}}


def metric_template(**changes: Any) -> Object:
    """A valid MetricTemplate but for the changes to its spec."""
    return an_object("MetricTemplate", "errors", {**copy.deepcopy(VALID["MetricTemplate"][0]), **changes})


GOOGLE: Object = {"project": "risk-1", "location": "europe-west4"}


def _told(**asked: str) -> Object:
    """A ModelRegistry that is to be told this."""
    return an_object("ModelRegistry", "risk", {"mlflow": {"address": "https://mlflow"}, "writeBack": asked})


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
_ARTIFACT = {"entity": "risk", "project": "fraud", "collection": "detector"}
_TWO_SELECTORS = {"mlflow": {"name": "f", "version": "1", "alias": "champion"}}
_TWO_OF_A_NAME = {"stages": [{"name": "five", "weight": 5}, {"name": "five", "weight": 50}]}
_RATIO = {"bad": "a", "total": "b"}
_BY_PODS = {"traffic": {"replicas": {}}}
ADOPTED = {"mode": "Adopted", "adopted": {"name": "shop", "rule": "model"}}


def adopting(strategy: Object | None = None, **gateway: Any) -> Object:
    """A Rollout that adopts a route, but for the changes to `gatewayAPI`."""
    return rollout(traffic={"gatewayAPI": {**ADOPTED, **gateway}}, strategy=strategy or stages(5))


REFUSED = {
    "an adopted route without its name": (
        rollout(traffic={"gatewayAPI": {"mode": "Adopted"}}),
        "must have `adopted` when `mode` is `Adopted`, and only then",
    ),
    "an adopted route of our own": (
        rollout(traffic={"gatewayAPI": {"parentRefs": [{"name": "public"}], "adopted": ADOPTED["adopted"]}}),
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
    "a smaller stable version without a gateway": (
        rollout(**_BY_PODS, strategy={**stages(5), "stableCapacity": "MatchTraffic"}),
        "must not have `strategy.stableCapacity: MatchTraffic` beside `traffic.replicas`",
    ),
    "a stable version of a size that nobody knows": (
        rollout(strategy={**stages(5), "stableCapacity": "Half"}),
        "stableCapacity.*[Uu]nsupported value",
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
    "a policy on pickles that nobody knows": (
        model_version(policy={"pickle": "Maybe"}),
        'supported values: "Allow", "KnownOnly", "Forbid"',
    ),
    "a policy on versions that nobody knows": (
        model_version(policy={"semver": "Maybe"}),
        'supported values: "Warn", "Enforce"',
    ),
    "a policy on names that nobody knows": (
        model_version(policy={"naming": "Maybe"}),
        'supported values: "Any", "Convention"',
    ),
    "two selectors": (model_version(source=_TWO_SELECTORS), "must have exactly one of `version`, `alias` and `stage`"),
    "no source": (
        model_version(source={}),
        "must have exactly one of `azureML`, `git`, `huggingFace`, `mlflow`, `oci`, `sageMaker`, `vertexAI`, "
        "`wandb`, `uri` and `volume`",
    ),
    "an Azure model in no registry": (
        model_version(source={"azureML": {"name": "fraud", "version": "7"}}),
        "must have `registryRef` beside `azureML`",
    ),
    "an Azure model of a version and a stage": (
        model_version(
            source={"azureML": {"name": "f", "version": "7", "stage": "Production"}, "registryRef": {"name": "azure"}}
        ),
        "must have exactly one of `version`, `label`, `stage` and `tag`",
    ),
    "a tag without a value": (
        model_version(source={"azureML": {"name": "f", "tag": "champion"}, "registryRef": {"name": "azure"}}),
        "spec.source.azureML.tag in body should match",
    ),
    "a workspace and a registry": (
        an_object("ModelRegistry", "risk", {"azureML": {**AZURE, "workspace": "w", "registry": "r"}}),
        "must have exactly one of `workspace` and `registry`",
    ),
    "a subscription by its name": (
        an_object("ModelRegistry", "risk", {"azureML": {**AZURE, "workspace": "w", "subscription": "Risk"}}),
        "spec.azureML.subscription in body should match",
    ),
    "a registry for what is in none": (
        model_version(source={"uri": {"uri": "file:///m"}, "registryRef": {"name": "risk"}}),
        "must have no `registryRef` beside a `uri` that is http",
    ),
    "a bucket of nobody's": (
        model_version(source={"uri": {"uri": "gs://b/m"}}),
        "must have `registryRef` beside a `uri` that is gs or az: it says who asks",
    ),
    "a model package in no registry": (
        model_version(source={"sageMaker": {"packageArn": PACKAGE}}),
        "must have `registryRef` beside `sageMaker`",
    ),
    "a group of any approval": (
        model_version(source={"sageMaker": {"group": "fraud"}, "registryRef": {"name": "aws"}}),
        "must have `approvalStatus` beside `group`, and beside nothing else",
    ),
    "a package and its group": (
        model_version(source={"sageMaker": {"group": "fraud", "packageArn": PACKAGE}, "registryRef": {"name": "aws"}}),
        "must have exactly one of `packageArn` and `group`",
    ),
    "a package of no version": (
        model_version(source={"sageMaker": {"packageArn": PACKAGE.rpartition("/")[0]}, "registryRef": {"name": "aws"}}),
        "spec.source.sageMaker.packageArn in body should match",
    ),
    "a volume in a registry": (
        model_version(source={"volume": {"claimName": "models"}, "registryRef": {"name": "risk"}}),
        "must have no `registryRef` beside `volume`, which is in no registry",
    ),
    "a volume of no claim": (
        model_version(source={"volume": {"path": "fraud/7"}}),
        "spec.source.volume.claimName: Required value",
    ),
    "a path that leads out of its volume": (
        model_version(source={"volume": {"claimName": "models", "path": "fraud/../../etc"}}),
        "spec.source.volume.path in body should match",
    ),
    "a path from the root of its volume": (
        model_version(source={"volume": {"claimName": "models", "path": "/fraud"}}),
        "spec.source.volume.path in body should match",
    ),
    "an artifact of W&B in no registry": (
        model_version(source={"wandb": _ARTIFACT | {"alias": "champion"}}),
        "must have `registryRef` beside `wandb`",
    ),
    "an artifact of W&B in a project and a registry": (
        model_version(
            source={"wandb": _ARTIFACT | {"registry": "model", "version": "v1"}, "registryRef": {"name": "wandb"}}
        ),
        "must have exactly one of `project` and `registry`",
    ),
    "an artifact of W&B without version": (
        model_version(source={"wandb": _ARTIFACT, "registryRef": {"name": "wandb"}}),
        "must have exactly one of `version` and `alias`",
    ),
    "an artifact of W&B by a path": (
        model_version(
            source={
                "wandb": _ARTIFACT | {"collection": "fraud/detector", "version": "v1"},
                "registryRef": {"name": "wandb"},
            }
        ),
        "spec.source.wandb.collection in body should match",
    ),
    "a model of Vertex AI in no registry": (
        model_version(source={"vertexAI": {"model": "fraud", "version": "1"}}),
        "must have `registryRef` beside `vertexAI`",
    ),
    "a model of Vertex AI by a version and an alias": (
        model_version(
            source={
                "vertexAI": {"model": "fraud", "version": "1", "alias": "default"},
                "registryRef": {"name": "vertex"},
            }
        ),
        "must have exactly one of `version` and `alias`",
    ),
    "a model of Vertex AI by its whole name": (
        model_version(
            source={
                "vertexAI": {"model": "projects/risk/locations/eu/models/fraud", "version": "1"},
                "registryRef": {"name": "vertex"},
            }
        ),
        "spec.source.vertexAI.model in body should match",
    ),
    "a region of no store that has such": (
        an_object("ModelRegistry", "risk", {"objectStore": {"uri": "gs://models", "region": "eu"}}),
        "must have `region` beside an s3 address alone",
    ),
    "an Azure store of no account": (
        an_object("ModelRegistry", "risk", {"objectStore": {"uri": "az://models"}}),
        "must have `account` beside an az address, and beside no other",
    ),
    "a bucket with a credential": (
        an_object("ModelRegistry", "risk", {"objectStore": {"uri": "s3://key:secret@models"}}),
        "spec.objectStore.uri in body should match",
    ),
    **{
        f"an attestation at an address with {what}": (
            model_version(provenance={"attestations": [{"name": "SBOM", "uri": f"https://{address}"}]}),
            r"spec.provenance.attestations\[0\].uri in body should match",
        )
        for what, address in {"a user": "u:p@example.com/s", "a query": "example.com/s?sig=1"}.items()
    },
    "a registry of no system": (
        an_object("ModelRegistry", "risk", {}),
        "must have exactly one of `azureML`, `git`, `huggingFace`, `mlflow`, `objectStore`, `oci`, "
        "`sageMaker`, `vertexAI` and `wandb`",
    ),
    "a registry of two systems": (
        an_object("ModelRegistry", "risk", {"huggingFace": {}, "mlflow": {"address": "https://mlflow"}}),
        "must have exactly one of `azureML`, `git`, `huggingFace`, `mlflow`, `objectStore`, `oci`, "
        "`sageMaker`, `vertexAI` and `wandb`",
    ),
    "something to be told to a registry that is told nothing": (
        an_object("ModelRegistry", "risk", {"git": {"address": "https://git"}, "writeBack": {"tags": "Outcome"}}),
        "must have `writeBack.tags` beside `azureML`, `mlflow`, `vertexAI` or `wandb` alone: no other system is told",
    ),
    "nothing to be told": (_told(), "must have at least one of `champion`, `challenger`, `stage`"),
    "an approval where there is none": (_told(approval="Outcome"), "must have `writeBack.approval` beside `sageMaker`"),
    "an alias where there is none": (
        an_object("ModelRegistry", "risk", {"sageMaker": {"region": "x"}, "writeBack": {"champion": "live"}}),
        "must have `writeBack.champion` beside `huggingFace`, `mlflow`, `oci`, `vertexAI` or `wandb` alone",
    ),
    "an approval and an alias": (_told(approval="Outcome", champion="live"), "must have nothing beside `approval`"),
    "a stage that is none to serve from": (_told(stage="Archived"), "spec.writeBack.stage: Unsupported value"),
    "a stage where there is none": (
        an_object("ModelRegistry", "risk", {"wandb": {}, "writeBack": {"stage": "Production"}}),
        "must have `writeBack.stage` beside `mlflow` alone",
    ),
    "evidence with no outcome": (
        _told(champion="live", evidence="https://grafana/{rollout}"),
        "must have `evidence` beside `tags` or `approval`",
    ),
    "evidence at what nobody fills in": (
        _told(tags="Outcome", evidence="https://grafana/{pod}"),
        "spec.writeBack.evidence in body should match",
    ),
    "evidence at no address": (
        _told(tags="Outcome", evidence="https://{rollout}.example.com"),
        "spec.writeBack.evidence in body should match",
    ),
    "evidence with a password": (
        _told(tags="Outcome", evidence="https://ada:canary@grafana/{rollout}"),
        "spec.writeBack.evidence in body should match",
    ),
    "one alias for two": (
        _told(champion="live", challenger="live"),
        "must have different aliases in `champion` and `challenger`",
    ),
    "an alias of MLflow's own": (_told(challenger="V7"), "must not be `latest`, nor `v` and a number"),
    "an outcome where there is no room for it": (
        an_object("ModelRegistry", "risk", {"oci": {"address": "https://r"}, "writeBack": {"tags": "Outcome"}}),
        "must have `writeBack.tags` beside `azureML`, `mlflow`",
    ),
    "an alias that is no tag": (
        an_object("ModelRegistry", "risk", {"oci": {"address": "https://r"}, "writeBack": {"champion": "-live"}}),
        "must have aliases in `writeBack` beside `oci` of at most 128 letters",
    ),
    "an alias that Vertex AI refuses": (
        an_object("ModelRegistry", "risk", {"vertexAI": GOOGLE, "writeBack": {"champion": "Live"}}),
        "must have aliases in `writeBack` beside `vertexAI` of two to 128 letters",
    ),
    "an alias that Vertex AI never lets go": (
        an_object("ModelRegistry", "risk", {"vertexAI": GOOGLE, "writeBack": {"challenger": "default"}}),
        "must have another alias than `default`",
    ),
    "an alias that MLflow refuses": (_told(champion="a b"), "spec.writeBack.champion in body should match"),
    "a repository that leads elsewhere": (
        model_version(source={"huggingFace": {"repo": "../x", "revision": "main"}}),
        "spec.source.huggingFace.repo in body should match",
    ),
    "a model of no revision": (
        model_version(source={"huggingFace": {"repo": "org/x"}}),
        "spec.source.huggingFace.revision: Required value",
    ),
    "a model in no repository": (
        model_version(source={"git": {"path": "models/fraud", "revision": "main"}}),
        "must have `registryRef` beside `git`",
    ),
    "a path without revision": (
        model_version(source={"git": {"path": "models/fraud"}, "registryRef": {"name": "git"}}),
        "must have `path` and `revision`, or `artifact` and exactly one of `version` and `stage`",
    ),
    "a version and a stage of GTO": (
        model_version(
            source={"git": {"artifact": "f", "version": "v1.0.0", "stage": "prod"}, "registryRef": {"name": "git"}}
        ),
        "must have `path` and `revision`, or `artifact` and exactly one of `version` and `stage`",
    ),
    "a path and an artifact": (
        model_version(
            source={
                "git": {"artifact": "f", "stage": "prod", "path": "f", "revision": "main"},
                "registryRef": {"name": "git"},
            }
        ),
        "must have `path` and `revision`, or `artifact` and exactly one of `version` and `stage`",
    ),
    "a repository by ssh": (
        an_object("ModelRegistry", "risk", {"git": {"address": "ssh://git@git.example.com/models.git"}}),
        "spec.git.address in body should match",
    ),
    "an artifact in no registry": (
        model_version(source={"oci": {"reference": "risk/fraud:1.3.0"}}),
        "must have `registryRef` beside `oci`",
    ),
    "an artifact without tag and digest": (
        model_version(source={"oci": {"reference": "risk/fraud"}, "registryRef": {"name": "ghcr"}}),
        "spec.source.oci.reference in body should match",
    ),
    "an artifact with its host": (
        model_version(source={"oci": {"reference": "ghcr.io:443/fraud:1"}, "registryRef": {"name": "ghcr"}}),
        "spec.source.oci.reference in body should match",
    ),
    "a path in an OCI registry's address": (
        an_object("ModelRegistry", "risk", {"oci": {"address": "https://ghcr.io/risk"}}),
        "spec.oci.address in body should match",
    ),
    "a credential in a registry's address": (
        an_object("ModelRegistry", "risk", {"mlflow": {"address": "https://user:secret@mlflow.example.com"}}),
        "spec.mlflow.address in body should match",
    ),
    "a source that follows nothing": (
        model_source(mlflow={"name": "fraud"}),
        "must have exactly one of `alias`, `stage` and `semver`",
    ),
    "a source that follows a commit": (
        model_source(mlflow=None, huggingFace={"repo": "o/m", "revision": "a" * 40}),
        "must be a branch or a tag: a commit never means anything else",
    ),
    "a source in two systems": (
        model_source(huggingFace={"repo": "o/m", "revision": "main"}),
        "exactly one of `azureML`, `git`, `huggingFace`, `mlflow`, `oci`, `sageMaker`, `vertexAI` and `wandb`",
    ),
    "a source in no registry": (
        model_source(mlflow=None, oci={"repository": "risk/fraud", "tag": "stable"}),
        "must have `registryRef` beside all but `huggingFace` and `mlflow`",
    ),
    "a source in Vertex AI in no registry": (
        model_source(mlflow=None, vertexAI={"model": "fraud", "alias": "default"}),
        "must have `registryRef` beside all but `huggingFace` and `mlflow`",
    ),
    "a source by a stage and a tag": (
        model_source(mlflow=None, registryRef={"name": "r"}, azureML={"name": "f", "stage": "prod", "tag": "a=b"}),
        "must have exactly one of `label`, `stage`, `tag` and `semver`",
    ),
    "a source by an alias and a range": (
        model_source(
            mlflow=None, registryRef={"name": "r"}, vertexAI={"model": "fraud", "alias": "default", "semver": "^1"}
        ),
        "must have exactly one of `alias` and `semver`",
    ),
    "a source by nothing": (
        model_source(
            mlflow=None, registryRef={"name": "r"}, wandb={"entity": "e", "project": "p", "collection": "fraud"}
        ),
        "must have exactly one of `alias` and `semver`",
    ),
    "a source by a range of no approval": (
        model_source(mlflow=None, registryRef={"name": "r"}, sageMaker={"group": "fraud", "semver": "^1"}),
        "spec.sageMaker.approvalStatus: Required value",
    ),
    "a source in a bucket": (
        model_source(mlflow=None, registryRef={"name": "r"}, uri={"uri": "s3://models/fraud"}),
        'unknown field "spec.uri"',
    ),
    "a source in a project and a registry": (
        model_source(
            mlflow=None,
            registryRef={"name": "r"},
            wandb={"entity": "e", "project": "p", "registry": "model", "collection": "c", "alias": "a"},
        ),
        "must have exactly one of `project` and `registry`",
    ),
    "a source that follows a digest": (
        model_source(mlflow=None, registryRef={"name": "r"}, oci={"repository": f"risk/fraud@{DIGEST}", "tag": "x"}),
        "spec.oci.repository in body should match",
    ),
    "a stage without artifact": (
        model_source(mlflow=None, registryRef={"name": "r"}, git={"path": "m", "stage": "prod"}),
        "must have `path` and one of `revision` and `semver`, or `artifact` and one of `stage` and `semver`",
    ),
    "a range with a word": (
        model_source(mlflow={"name": "fraud", "semver": "latest"}),
        "spec.mlflow.semver in body should match",
    ),
    "a source in a hurry": (model_source(interval="9s"), "must be at least `10s` and at most `24h`"),
    "a source that sleeps": (model_source(interval="25h"), "must be at least `10s` and at most `24h`"),
    "a source whose name is no label": (
        an_object("ModelSource", "fraud.detector", VALID["ModelSource"][0]),
        "must have a `metadata.name` of at most 63 lower-case letters, digits and dashes",
    ),
    "a port that is none in a registry's address": (
        an_object("ModelRegistry", "risk", {"mlflow": {"address": "https://mlflow.example.com:http"}}),
        "spec.mlflow.address in body should match",
    ),
    "half an IPv6 address of a registry": (
        an_object("ModelRegistry", "risk", {"oci": {"address": "https://[fd12::5"}}),
        "spec.oci.address in body should match",
    ),
    "unpinned web address": (model_version(source=_BY_URI), "must pin `artifact.digest` when `source.uri.uri` is http"),
    "no semantic version": (model_version(version="1.3"), "spec.version.*should match"),
    "a version with a v": (model_version(version="v1.3.0"), "spec.version.*should match"),
    "a version with a zero before": (model_version(version="1.03.0"), "spec.version.*should match"),
}
