"""Would catch a status that pipelines misread: Helm 4 waits by kstatus, as Flux and Argo CD's kin do.

Here Helm is the judge, not we: it must succeed for a promoted Rollout, fail at once and with our sentence for one that
was rolled back, and go on waiting for one on its way. What the operator did for that is then held against its rights.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from crossfade.api.meta import API_VERSION
from crossfade.model.manifest import File, mvd1

from testbed.bed import Bed
from testbed.errors import TestbedError
from testbed.handle import ClusterHandle
from tests.chart.conftest import Release

pytestmark = pytest.mark.cluster

_NAMESPACE = "kstatus"
_NAME = "model.json"

Object = dict[str, Any]

_OFTEN = {"periodSeconds": 1, "timeoutSeconds": 10}
"""How probes ask: a server that a busy machine keeps back for a second is ready all the same."""
_CPU = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
_CROWD = {"min": 2, "max": 3, "metrics": [{"type": "Resource", "resource": _CPU}]}
"""Two pods or more, so that each version has an autoscaler and a disruption budget."""
_MODELS: dict[str, Object] = {
    "first": {"name": "model", "version": "1"},
    "second": {"name": "model", "version": "2"},
    "broken": {"name": "model", "version": "3", "crashAtStart": True},
}


def _store() -> list[Object]:
    """A web server whose files are the models."""
    files = {version: json.dumps(behaviour) for version, behaviour in _MODELS.items()}
    items = [{"key": version, "path": f"{version}/{_NAME}"} for version in files]
    server = {
        "name": "store",
        "image": "v2server",
        "command": ["python", "-m", "http.server", "8000", "--directory", "/models"],
        "readinessProbe": {"httpGet": {"path": f"/first/{_NAME}", "port": 8000}, **_OFTEN},
        "volumeMounts": [{"name": "models", "mountPath": "/models"}],
    }
    volume = {"name": "models", "configMap": {"name": "store", "items": items}}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "store"}, "data": files},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "store"},
            "spec": {"containers": [server], "volumes": [volume], "terminationGracePeriodSeconds": 0},
        },
    ]


def _model_version(version: str, address: str) -> Object:
    content = json.dumps(_MODELS[version]).encode()
    digest = mvd1([File(_NAME, len(content), hashlib.sha256(content).hexdigest())])
    source = {"uri": {"uri": f"http://{address}:8000/{version}/{_NAME}"}}
    spec = {
        "modelName": "model",
        "version": f"{_MODELS[version]['version']}.0.0",
        "source": source,
        "artifact": {"digest": digest},
    }
    return {"apiVersion": API_VERSION, "kind": "ModelVersion", "metadata": {"name": version}, "spec": spec}


def _rollout() -> Object:
    """A template of the user's own chart; the version is a value of theirs."""
    model = {
        "name": "model",
        "image": "v2server",
        "args": ["--model", f"/mnt/models/{_NAME}", "--port", "8080"],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": "http"}, **_OFTEN},
    }
    half = {"name": "half", "weight": 50, "minDuration": "1s"}
    counter = "rest_server_requests_total"
    ratio = {"bad": f'{counter}{{status_code=~"5.."}}', "total": counter}
    spec = {
        "modelVersion": "{{ .Values.modelVersion }}",
        "readyWhen": '{{ .Values.readyWhen | default "Promoted" }}',
        "serving": {"runtime": "custom", "template": {"spec": {"containers": [model]}}, "autoscaling": _CROWD},
        "traffic": {
            "gatewayAPI": {"parentRefs": [{"name": "public", "namespace": "gateways"}], "hostnames": ["kstatus"]}
        },
        "strategy": {"stages": [{"name": "team", "match": {"headers": [{"name": "x-team", "value": "risk"}]}}, half]},
        "analysis": {"metrics": [{"name": "errors", "ratio": ratio, "objective": {"absolute": {"max": "0.01"}}}]},
        "deletionPolicy": "Delete",
    }
    return {"apiVersion": API_VERSION, "kind": "Rollout", "metadata": {"name": "model"}, "spec": spec}


def _apply(bed: ClusterHandle, *objects: Object) -> None:
    items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    bed.kubectl("apply", "--namespace", _NAMESPACE, "-f", "-", input=json.dumps(items))


@pytest.fixture(scope="module")
def chart(bed: ClusterHandle, release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's chart with nothing but a Rollout, in a namespace where its ModelVersions are resolved."""
    folder = tmp_path_factory.mktemp("chart")
    (folder / "templates").mkdir()
    (folder / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "model", "version": "1.0.0"}))
    (folder / "templates" / "rollout.yaml").write_text(yaml.safe_dump(_rollout()))
    bed.kubectl("create", "namespace", _NAMESPACE)
    _apply(bed, *_store())
    bed.kubectl("wait", "--namespace", _NAMESPACE, "--for=condition=Ready", "pod/store", "--timeout=180s")
    address = bed.kubectl("get", "pod", "store", "--namespace", _NAMESPACE, "--output=jsonpath={.status.podIP}")
    _apply(bed, *(_model_version(version, address) for version in _MODELS))
    bed.kubectl("wait", "-n", _NAMESPACE, "--for=condition=Ready", "modelversions", "--all", "--timeout=180s")
    yield folder
    bed.kubectl("delete", "namespace", _NAMESPACE, "--wait=false")


def _release(bed: ClusterHandle, chart: Path, version: str, seconds: int = 180, **values: str) -> None:
    """Install or upgrade to a version as a pipeline does, waiting so long for a verdict. Raises TestbedError."""
    place = ["--namespace", _NAMESPACE, "--wait", "--timeout", f"{seconds}s"]
    told = {"modelVersion": version, **values}
    bed.helm("upgrade", "--install", "model", str(chart), *place, *(f"--set={key}={told[key]}" for key in told))


def _ready(bed: ClusterHandle) -> Object:
    answer = bed.kubectl("get", "rollout", "model", "--namespace", _NAMESPACE, "--output=json")
    status = json.loads(answer)["status"]
    return next(dict(condition) for condition in status["conditions"] if condition["type"] == "Ready")


def test_helm_succeeds_when_the_rollout_is_promoted(bed: ClusterHandle, chart: Path) -> None:
    _release(bed, chart, "first")
    assert _ready(bed)["reason"] == "Promoted"


def test_helm_fails_at_once_with_our_sentence_when_it_is_rolled_back(bed: ClusterHandle, chart: Path) -> None:
    """Case F10. GitOps properties 2 and 16."""
    with pytest.raises(TestbedError) as failure:
        _release(bed, chart, "broken")
    ready = _ready(bed)
    assert (ready["status"], ready["reason"]) == ("False", "RolledBack")
    assert f"status: Failed, message: {ready['message']}" in str(failure.value)


def test_helm_waits_while_there_is_too_little_evidence(bed: ClusterHandle, chart: Path) -> None:
    """No request of the cohort comes, so nothing is proven: neither good nor bad."""
    # from now on it is counted
    asked = httpx.get(f"{bed.gateway}/v2", headers={"host": "kstatus"}, timeout=60, trust_env=False)
    assert asked.is_success
    with pytest.raises(TestbedError, match="context deadline exceeded"):
        _release(bed, chart, "second", seconds=8)
    assert _ready(bed)["status"] == "Unknown"
    stage = "--for=jsonpath={.status.stage.name}=team"
    bed.kubectl("wait", "rollout/model", "--namespace", _NAMESPACE, stage, "--timeout=180s")
    assert _ready(bed)["status"] == "Unknown"


def test_helm_goes_on_while_the_rollout_does_where_that_is_asked_for(bed: ClusterHandle, chart: Path) -> None:
    """GitOps properties 2 and 16. The stage that still waits for requests is what `Ready` speaks of."""
    _release(bed, chart, "second", readyWhen="Accepted")
    stage = "--for=jsonpath={.status.stage.name}=team"
    bed.kubectl("wait", "rollout/model", "--namespace", _NAMESPACE, stage, "--timeout=180s")
    ready = _ready(bed)
    assert (ready["status"], ready["message"].split(":")[0]) == ("True", "1/2 team")


def test_helm_succeeds_when_the_stable_version_is_asked_for_again(bed: ClusterHandle, chart: Path) -> None:
    _release(bed, chart, "first")
    assert _ready(bed)["reason"] == "Promoted"


@pytest.mark.slow
def test_helm_3_waits_for_no_rollout_and_kubectl_behind_it_for_a_promoted_one(
    bed: ClusterHandle, chart: Path, helm_3_program: Path
) -> None:
    """GitOps property 16. As the documentation has it: neither of them hears of a rollback."""
    place = (f"--namespace={_NAMESPACE}", "--wait", "--timeout=180s")
    upgrade = (str(helm_3_program), "upgrade", "model", str(chart), *place)
    promoted = ("wait", "rollout/model", f"--namespace={_NAMESPACE}", "--for=condition=Ready")
    _release(bed, chart, "first")
    bed.run([*upgrade, "--set=modelVersion=broken"])
    bed.kubectl("wait", "rollout/model", f"--namespace={_NAMESPACE}", "--for=condition=Stalled", "--timeout=180s")
    with pytest.raises(TestbedError, match="timed out waiting"):
        bed.kubectl(*promoted, "--timeout=2s")
    bed.run([*upgrade, "--set=modelVersion=first"])
    bed.kubectl(*promoted, "--timeout=180s")
    assert _ready(bed)["reason"] == "Promoted"


def test_behind_a_service_pods_of_both_versions_get_their_label(bed: ClusterHandle, chart: Path) -> None:
    plain = _rollout()
    plain["metadata"]["name"] = "plain"
    half = plain["spec"]["strategy"]["stages"][1]
    serving = {"runtime": "custom", "template": plain["spec"]["serving"]["template"], "replicas": 2}
    plain["spec"] |= {"modelVersion": "first", "readyWhen": "Promoted", "traffic": {"replicas": {}}, "serving": serving}
    plain["spec"]["strategy"] = {"stages": [half]}
    _apply(bed, plain)
    here = f"--namespace={_NAMESPACE}"
    bed.kubectl("wait", "rollout/plain", here, "--for=condition=Ready", "--timeout=180s")
    mine = "--selector=crossfade.dev/rollout=plain"
    (pod, _) = json.loads(bed.kubectl("get", "pods", here, mine, "--output=json"))["items"]
    httpx.get(f"http://{pod['status']['podIP']}:8080/v2", timeout=60, trust_env=False)  # from now on it is counted
    plain["spec"]["modelVersion"] = "second"
    _apply(bed, plain)
    bed.kubectl("wait", "rollout/plain", here, "--for=jsonpath={.status.stage.name}=half", "--timeout=180s")
    chosen = "--selector=crossfade.dev/serves=plain"
    turned = r"--for=jsonpath={.spec.selector.crossfade\.dev/serves}=plain"
    bed.kubectl("wait", "service/plain", here, turned, "--timeout=180s")
    assert len(json.loads(bed.kubectl("get", "pods", here, chosen, "--output=json"))["items"]) == 2
    bed.kubectl("delete", "rollout", "plain", here, "--timeout=180s")


def _granted(bed: ClusterHandle, release: Release) -> set[tuple[str, str, str]]:
    """What the chart allows the operator to write: (verb, group, resource)."""
    role = f"{release.namespace}-{release.name}"
    rules = json.loads(bed.kubectl("get", "clusterrole", role, "--output=json"))["rules"]
    lease = ("role", f"{release.name}-lease", "--namespace", release.namespace)
    rules += json.loads(bed.kubectl("get", *lease, "--output=json"))["rules"]
    return {
        (verb, group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in set(rule["verbs"]) - {"get", "list", "watch"}
    }


def test_the_operator_wrote_all_that_it_may_and_was_refused_nothing(bed: Bed, release: Release, chart: Path) -> None:
    """An unused right is one too many; `create` is what the API server asks for when an apply makes an object."""
    bed.helm("uninstall", "model", "--namespace", _NAMESPACE, "--wait", "--timeout", "180s")
    entries = [json.loads(line) for line in bed.audit.read_text().splitlines() if release.user in line]
    ours = [entry for entry in entries if entry["user"]["username"] == release.user]
    assert [entry["requestURI"] for entry in ours if entry["responseStatus"]["code"] == 403] == []
    done = {
        (
            entry["verb"],
            found.get("apiGroup", ""),
            "/".join(filter(None, (found["resource"], found.get("subresource")))),
        )
        for entry in ours
        for found in [entry["objectRef"]]
    }
    made = {
        ("create", group, resource)
        for verb, group, resource in done
        if verb == "patch" and group != "crossfade.dev" and resource != "pods"  # those only get a label
    }
    elsewhere = {("patch", "events.k8s.io", "events")}  # for an event that comes again: tests/contract/test_kube.py
    elsewhere |= {(verb, "gateway.networking.k8s.io", "grpcroutes") for verb in ("create", "patch", "delete")}
    elsewhere |= {(verb, "", "pods") for verb in ("create", "delete")}  # tests/cluster/test_volumes.py
    # tests/cluster/test_model_sources.py and test_writing_back.py, by an operator with the chart's rights
    registries = {("patch", "modelregistries/status"), ("patch", "modelsources/status"), ("create", "modelversions")}
    elsewhere |= {(verb, "crossfade.dev", resource) for verb, resource in registries}
    assert done | made | elsewhere == _granted(bed, release) | elsewhere
