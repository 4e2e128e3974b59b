"""Would catch: a start that waits for one thing and is said to wait for another, or a pod called warm that is not."""

from typing import Any

import pytest
from crossfade.observe.pods import read_pod
from crossfade.observe.prune import prune

SPEC = {"initContainers": [{"name": "load"}, {"name": "warm-up"}], "containers": [{"name": "model"}, {"name": "side"}]}
OURS = frozenset({"load", "warm-up", "model", "side"})
UNSCHEDULED = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient cpu."}
RUNS: dict[str, Any] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
DONE = {"terminated": {"exitCode": 0, "message": "2 files verified"}}
INITIALIZING = {"waiting": {"reason": "PodInitializing"}}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container"}}
UNREACHABLE = {"terminated": {"exitCode": 4, "message": "s3://b/m does not answer\n"}}
ANSWERED_500 = {"terminated": {"exitCode": 5, "message": "the model server answered 500 to warm-up request 1 of 20"}}
KILLED = {"terminated": {"exitCode": 137, "message": "not ours"}}
PULLING = 'Back-off pulling image "m:1": ErrImagePull: not found'


def container(name: str, state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "m:1", "restartCount": 0, "state": state, "lastState": {}, **more}


def pod(load: Any = DONE, warm: Any = RUNS, model: Any = RUNS, **status: Any) -> dict[str, Any]:
    """A pod with these states; a pair is a state and more fields of the container's status."""
    parts = [part if isinstance(part, tuple) else (part, {}) for part in (load, warm, model)]
    (load, more_load), (warm, more_warm), (model, more_model) = parts
    inits = [container("load", load, **more_load), container("warm-up", warm, **more_warm)]
    mains = [container("a-side", RUNS, started=True), container("model", model, **more_model)]
    status = {"initContainerStatuses": inits, "containerStatuses": mains, **status}
    return {"metadata": {"name": "p", "namespace": "ml"}, "spec": SPEC, "status": status}


@pytest.mark.parametrize(
    ("found", "cause", "told"),
    [
        ({"metadata": {"name": "p"}, "spec": SPEC, "status": {}}, None, ""),
        (
            {"metadata": {"name": "p"}, "spec": SPEC, "status": {"conditions": [UNSCHEDULED]}},
            "Room",
            "pod p finds no node: 0/1 nodes are available: 1 Insufficient cpu.",
        ),
        (pod(INITIALIZING, INITIALIZING, INITIALIZING), "Image", "pod p waits for its images and volumes"),
        (
            pod(model={"waiting": {"reason": "ImagePullBackOff", "message": PULLING}}),
            "Image",
            "pod p does not get the image m:1: not found",
        ),
        (
            pod(model={"waiting": {"reason": "ErrImagePull", "message": "not found"}}),
            "Image",
            "pod p does not get the image m:1: not found",
        ),
        (pod(RUNS, INITIALIZING, INITIALIZING), "Download", "pod p downloads the model"),
        (
            pod((BACK_OFF, {"lastState": UNREACHABLE}), INITIALIZING, INITIALIZING),
            "Download",
            "pod p downloads the model: s3://b/m does not answer",
        ),
        (pod(DONE, INITIALIZING, INITIALIZING), "Image", "pod p waits for its images and volumes"),
        (pod(), "Load", "the model server of pod p is not ready yet"),
        (pod(warm=(RUNS, {"ready": True})), "WarmUp", "pod p answers warm-up requests"),
        (
            pod(warm=(BACK_OFF, {"lastState": ANSWERED_500})),
            "WarmUp",
            "pod p is not warm: the model server answered 500 to warm-up request 1 of 20",
        ),
        (pod(warm=(RUNS, {"lastState": KILLED})), "Load", "the model server of pod p is not ready yet"),
        (pod(model=(RUNS, {"started": True})), "Load", "the model server of pod p is not ready yet"),
        (
            pod(model={"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "s" not found'}}),
            "Load",
            'the model server of pod p cannot run: CreateContainerConfigError: secret "s" not found',
        ),
        (pod(model=(BACK_OFF, {})), "Load", "the model server of pod p cannot run: CrashLoopBackOff"),
    ],
)
def test_what_keeps_a_pod_from_being_ready(found: dict[str, Any], cause: str | None, told: str) -> None:
    facts = read_pod(prune({**found, "kind": "Pod"}), OURS)
    assert (facts.waits_for, facts.waits) == (cause, told)


MODEL = f"registry:5000/fraud@sha256:{'0' * 64}"
NO_PULL = f'failed to pull and unpack image "{MODEL}": failed to resolve reference "{MODEL}": not found'
_MADE = f'failed to generate container "{"0a" * 32}" spec: failed to stat'
NO_MOUNT = {"waiting": {"reason": "CreateContainerError", "message": _MADE}}


def mounting(load: Any, name: str = "model") -> dict[str, Any]:
    """A pod that mounts an image, its model's or another, and serves nothing yet."""
    made = pod(load, INITIALIZING, INITIALIZING)
    others = [
        {"name": "tmp", "emptyDir": {}},
        {"name": "later", "image": {}},
        {"name": "short", "image": {"reference": "m"}},
    ]
    volumes = [*others, {"name": name, "image": {"reference": MODEL}}]
    return {**made, "spec": {**SPEC, "volumes": volumes}}


@pytest.mark.parametrize(
    ("load", "cause", "told"),
    [
        (
            {"waiting": {"reason": "ErrImagePull", "message": NO_PULL}},
            "Image",
            f"pod p does not get the image {MODEL}: {NO_PULL}",
        ),
        (
            {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{MODEL}": not found'}},
            "Image",
            f"pod p does not get the image {MODEL}: not found",
        ),
        (
            {"waiting": {"reason": "ErrImagePull", "message": "not found"}},
            "Image",
            "pod p does not get the image m:1: not found",
        ),
        (
            NO_MOUNT,
            "Image",
            'pod p waits for its images and volumes: failed to generate container "…" spec: failed to stat',
        ),
        (RUNS, "Download", "pod p verifies the mounted model"),
    ],
)
def test_what_keeps_a_pod_that_mounts_its_model_from_being_ready(load: Any, cause: str, told: str) -> None:
    facts = read_pod(prune({**mounting(load), "kind": "Pod"}), OURS)
    assert (facts.waits_for, facts.waits) == (cause, told)


def test_a_neighbour_of_the_model_server_that_crashes_is_named() -> None:
    """Such as the proxy of a mesh, which others put into the pod: it is no crash of the model, and the pod waits."""
    found = pod(model=(RUNS, {"ready": True}))
    found["status"]["containerStatuses"].append(container("istio-proxy", BACK_OFF))
    facts = read_pod(prune({**found, "kind": "Pod"}), OURS)
    assert (facts.trouble, facts.waits_for) == (None, "Load")
    assert facts.waits == "the container istio-proxy of pod p cannot run: CrashLoopBackOff"


def test_a_pod_that_mounts_an_image_of_something_else_still_downloads_its_model() -> None:
    assert read_pod(prune({**mounting(RUNS, "tools"), "kind": "Pod"}), OURS).waits == "pod p downloads the model"


def test_which_image_a_node_has_mounted_is_what_it_says_of_the_models_mounts() -> None:
    def mount(name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "mountPath": f"/{name}", **more}

    told, other = ({"volumeStatus": {"image": {"imageRef": f"sha256:{digit * 64}"}}} for digit in "01")
    found = mounting((RUNS, {"volumeMounts": [mount("model", **told), mount("tmp"), mount("other", **other)]}))
    assert read_pod(prune({**found, "kind": "Pod"}), OURS).images == (f"sha256:{'0' * 64}",)
    assert read_pod(mounting((RUNS, {"volumeMounts": [mount("model", volumeStatus={})]})), OURS).images == ()


def test_why_no_pod_can_be_made_is_kept_of_a_deployment_and_no_more() -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota", "lastUpdateTime": "-"}
    raw = {"kind": "Deployment", "metadata": {}, "status": {"readyReplicas": 1, "conditions": [refused, UNSCHEDULED]}}
    kept = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    assert prune(raw)["status"] == {"conditions": [kept]}
    assert prune({**raw, "status": {"readyReplicas": 1}})["status"] == {}


def test_a_pod_is_warm_when_its_model_server_has_started_and_not_its_neighbour() -> None:
    assert read_pod(prune({**pod(), "kind": "Pod"}), OURS).warm is False
    assert read_pod(pod(model=(RUNS, {"started": True})), OURS).warm is True
    plain = pod(model=(RUNS, {"started": True}))
    plain["spec"] = {"containers": [{"name": "model"}]}
    assert read_pod(plain, OURS).warm is None


def test_a_warm_up_that_fails_is_no_crash_of_the_model() -> None:
    failing = read_pod(pod(warm=(BACK_OFF, {"lastState": ANSWERED_500, "restartCount": 9})), OURS)
    assert (failing.trouble, failing.restarts) == (None, 0)


def test_a_ready_pod_waits_for_nothing() -> None:
    facts = read_pod(pod(model=(RUNS, {"started": True}), conditions=[{"type": "Ready", "status": "True"}]), OURS)
    assert (facts.waits_for, facts.waits, facts.warm) == (None, "", True)
