"""Would catch: an upgrade that renames every revision, or an overlay that lets other bytes serve."""

from typing import Any

import pytest
from crossfade.api.v1alpha1 import RolloutSpec, RolloutStatus
from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.serving import Serving
from crossfade.decide.route_kinds import GRPC, HTTP
from crossfade.decide.routes import covers
from crossfade.decide.workloads import MODEL_DIR, deployment, overlay, revision_name, service, target_arm
from crossfade.model.snapshot import Platform, RolloutFacts

from tests.simulation.world import spec

DIGEST = "sha256:" + "0" * 64
RESOLVED = Resolved(
    uri="models:/m/1",
    immutable_uri="s3://b/1",
    digest=DIGEST,
    files=1,
    size_bytes=1,
    resolved_at="2026-01-01T00:00:00Z",
)


def asked(kind: str = HTTP.name, **serving: Any) -> RolloutSpec:
    route = {"kind": kind, "parentRefs": [{"name": "public"}]}
    return RolloutSpec.model_validate(spec(serving=serving, traffic={"gatewayAPI": route}))


def rollout_of(read: RolloutSpec) -> RolloutFacts:
    return RolloutFacts("fraud", "ml", "u-1", 1, False, 0.0, False, {}, read, "", RolloutStatus())


def rendered(kind: str = HTTP.name, **serving: Any) -> dict[str, Any]:
    read = asked(kind, **serving)
    arm = target_arm(rollout_of(read), read, RESOLVED)
    made = deployment(rollout_of(read), read, arm, RESOLVED, Platform("crossfade:1"), 1)
    return dict(made["spec"]["template"])


def test_revision_names_outlive_releases() -> None:
    """Case S30. GitOps property 14."""
    assert revision_name("fraud", Serving(), DIGEST) == "fraud-5262acad58"
    assert revision_name("fraud", Serving(replicas=7), DIGEST) == "fraud-5262acad58"
    scaled = Serving.model_validate({"autoscaling": {"max": 9}})
    assert revision_name("fraud", scaled, DIGEST) == "fraud-5262acad58"
    assert revision_name("fraud", Serving(implementation="my.Model"), DIGEST) != "fraud-5262acad58"
    assert revision_name("other", Serving(), DIGEST) != "other-5262acad58"


def test_a_revision_behind_a_route_of_another_kind_is_another_one() -> None:
    """Its pods and its Service have another port; an orphan of the old kind must not be taken for it."""
    named = [target_arm(rollout_of(read), read, RESOLVED).revision for read in (asked(), asked(GRPC.name))]
    assert named[0] == revision_name("fraud", asked().serving, DIGEST) != named[1]


@pytest.mark.parametrize(
    "path",
    [MODEL_DIR, f"{MODEL_DIR}/", f"{MODEL_DIR}/sub", f"/x/..{MODEL_DIR}/model.pkl", f"/{MODEL_DIR}/1", "mnt/models"],
)
def test_no_overlay_covers_the_verified_bytes(path: str) -> None:
    mine = {"name": "mine", "mountPath": path}
    pod = rendered(template={"spec": {"containers": [{"name": "model", "volumeMounts": [mine]}]}})["spec"]
    assert pod["containers"][0]["volumeMounts"] == [{"name": "model", "mountPath": MODEL_DIR, "readOnly": True}]


def test_nobody_but_the_loader_writes_to_the_model() -> None:
    sidecar = {"name": "log", "image": "log", "volumeMounts": [{"name": "model", "mountPath": "/peek"}]}
    extra = {"name": "late", "image": "late", "volumeMounts": [{"name": "model", "mountPath": "/peek"}]}
    volume = {"name": "model", "hostPath": {"path": "/elsewhere"}}
    overlaid = {"spec": {"containers": [sidecar], "initContainers": [extra], "volumes": [volume]}}
    pod = rendered(template=overlaid)["spec"]
    writable = [
        c["name"]
        for c in (*pod["initContainers"], *pod["containers"])
        for m in c.get("volumeMounts", ())
        if m["name"] == "model" and not m.get("readOnly")
    ]
    assert writable == ["load"]
    assert pod["volumes"] == [{"name": "model", "emptyDir": {}}]
    assert pod["initContainers"][0]["name"] == "load"


def test_the_server_reads_the_verified_bytes_whatever_the_overlay_says() -> None:
    env = [{"name": "MLSERVER_MODEL_URI", "value": "/other"}, {"name": "MINE", "value": "1"}]
    model = rendered(template={"spec": {"containers": [{"name": "model", "env": env}]}})["spec"]["containers"][0]
    values = {e["name"]: e["value"] for e in model["env"]}
    assert values["MLSERVER_MODEL_URI"] == MODEL_DIR
    assert values["MINE"] == "1"


def test_each_answer_of_mlserver_names_the_model_version() -> None:
    model = rendered()["spec"]["containers"][0]
    assert {"name": "MLSERVER_MODEL_VERSION", "value": spec()["modelVersion"]} in model["env"]


def test_nulls_of_an_overlay_are_as_if_left_out() -> None:
    container = {"name": "model", "lifecycle": None, "volumeMounts": None}
    pod = rendered(template={"metadata": None, "spec": {"volumes": None, "containers": [container]}})["spec"]
    assert pod["containers"][0]["lifecycle"]["preStop"]
    assert overlay({"a": 1}, {"a": None, "b": {"c": None}}) == {"a": 1, "b": {}}


def test_calls_get_to_the_servers_own_port_for_them_and_as_http_2() -> None:
    arm = target_arm(rollout_of(asked()), asked(), RESOLVED)
    (port,) = service(rollout_of(asked()), arm, GRPC)["spec"]["ports"]
    assert (port["targetPort"], port["appProtocol"]) == ("grpc", "kubernetes.io/h2c")
    (container,) = rendered(GRPC.name)["spec"]["containers"]
    assert {one["name"]: one["containerPort"] for one in container["ports"]}["grpc"] == 8081


def test_who_asks_for_no_calls_gets_what_there_always_was() -> None:
    arm = target_arm(rollout_of(asked()), asked(), RESOLVED)
    ports = service(rollout_of(asked()), arm, HTTP)["spec"]["ports"]
    assert ports == [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    (container,) = rendered()["spec"]["containers"]
    assert [one["name"] for one in container["ports"]] == ["http", "metrics"]


@pytest.mark.parametrize(
    ("live", "same"),
    [
        ({"parentRefs": [{"name": "g", "group": "gateway.networking.k8s.io", "kind": "Gateway"}]}, True),
        ({"parentRefs": [{"name": "g", "sectionName": "https"}]}, False),
        ({"parentRefs": [{"name": "g"}], "hostnames": ["old.example.com"]}, False),
        ({"parentRefs": [{"name": "g"}, {"name": "h"}]}, False),
        ({"parentRefs": [{"name": "h"}]}, False),
    ],
)
def test_a_route_is_as_asked_when_nothing_in_it_means_more(live: dict[str, Any], same: bool) -> None:
    assert covers({"parentRefs": [{"name": "g"}]}, live) is same


BODY = {"inline": '{"a": "$(HOME) $1"}'}


def test_a_server_is_warmed_up_before_it_is_started_by_kubernetes_own_word() -> None:
    pod = rendered(warmup={"body": BODY, "requests": 7, "timeout": "1m"}, startup={"timeout": "2m"})["spec"]
    model, (_, warmer) = pod["containers"][0], pod["initContainers"]
    assert model["startupProbe"]["httpGet"] == {"path": "/warm", "port": 8089}
    assert model["readinessProbe"]["httpGet"] == {"path": "/v2/models/model/ready", "port": "http"}
    assert warmer["restartPolicy"] == "Always"
    assert warmer["args"] == [
        "warm",
        "--url=http://localhost:8080/v2/models/model/infer",
        "--requests=7",
        "--body=/etc/crossfade/warm-up/body",
        "--up=http://localhost:8080/v2/models/model/ready",
        "--timeout=60",
        "--content-type=application/json",
        "--port=8089",
    ]
    assert warmer["env"] == [{"name": "CROSSFADE_WARMUP_BODY", "value": '{"a": "$$(HOME) $$1"}'}]
    assert set(warmer["resources"]["requests"]) == {"cpu", "memory"}, "autoscalers count on them"


@pytest.mark.parametrize("warmup", [{}, {"warmup": {"body": BODY}}], ids=["plain", "warmed up"])
@pytest.mark.parametrize(("timeout", "put_off"), [("2m", "1h"), ("10m", "1h"), ("2h", "2h")])
def test_the_kubelet_lets_a_server_start_for_longer_than_any_deadline_to_which_it_is_put_off(
    timeout: str, put_off: str, warmup: dict[str, Any]
) -> None:
    """An edit of `startup` starts no pod anew, so the probe that stands must do for what comes."""
    probe = rendered(startup={"timeout": timeout}, **warmup)["spec"]["containers"][0]["startupProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] > seconds(put_off)


def test_a_body_in_a_config_map_is_mounted_and_may_come_later() -> None:
    pod = rendered(warmup={"body": {"configMapKeyRef": {"name": "fraud-warmup", "key": "b.json"}}})["spec"]
    source = {"name": "fraud-warmup", "items": [{"key": "b.json", "path": "body"}], "optional": True}
    assert pod["volumes"][-1] == {"name": "warm-up", "configMap": source}
    assert pod["initContainers"][-1]["volumeMounts"][0]["mountPath"] == "/etc/crossfade/warm-up"


@pytest.mark.parametrize(
    ("container", "up", "port"),
    [
        ({}, "http://localhost:9000", 8089),
        ({"readinessProbe": {"httpGet": {"path": "/r", "port": 8089}}}, "http://localhost:8089/r", 8089),
        ({"readinessProbe": {"httpGet": {"port": "http", "scheme": "HTTPS"}}}, "http://localhost:9000", 8089),
        ({"readinessProbe": {"exec": {"command": ["true"]}}}, "http://localhost:9000", 8089),
        ({"ports": [{"name": "http", "containerPort": 8089}]}, "http://localhost:8089", 8090),
    ],
)
def test_it_waits_for_what_the_servers_own_probes_ask(container: dict[str, Any], up: str, port: int) -> None:
    own = {"name": "model", "image": "m", "ports": [{"name": "http", "containerPort": 9000}], **container}
    pod = rendered(runtime="custom", template={"spec": {"containers": [own]}}, warmup={"body": BODY})["spec"]
    args = pod["initContainers"][-1]["args"]
    assert [one for one in args if one.startswith(("--up", "--port"))] == [f"--up={up}", f"--port={port}"]


def test_a_warm_up_is_another_revision_and_its_absence_is_not() -> None:
    warmed = Serving.model_validate({"warmup": {"body": BODY}})
    assert revision_name("fraud", warmed, DIGEST) != "fraud-5262acad58"
    later = Serving.model_validate({"startup": {"warmUp": "1m", "load": "2m", "prefetch": "3m"}})
    assert revision_name("fraud", later, DIGEST) == "fraud-5262acad58"
    assert "initContainers" in rendered()["spec"]
    assert len(rendered()["spec"]["initContainers"]) == 1
