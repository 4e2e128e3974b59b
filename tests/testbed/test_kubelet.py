"""Would catch a node that starts, feeds or probes pods in another way than Kubernetes promises."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from testbed.kubelet.sandbox import ADDRESS
from tests.support.claims import claimed
from tests.testbed.pods import (
    SERVER,
    Namespace,
    Object,
    condition,
    container,
    exists,
    host_folder,
    only,
    pod,
    python,
    restarted,
    shell,
    waits_for,
)

pytestmark = pytest.mark.cluster


async def test_init_containers_run_in_order_and_hand_files_to_the_main_one(space: Namespace) -> None:
    shared = {"volumeMounts": [{"name": "work", "mountPath": "/mnt/models"}]}
    first = shell("echo one > /mnt/models/file", name="first", **shared)
    # Fails once: an init container is started again, the ones before it are not.
    second = shell(
        "test -e /mnt/models/tried || { touch /mnt/models/tried; exit 3; }; echo two >> /mnt/models/file",
        name="second",
        **shared,
    )
    main = shell("cat /mnt/models/file > /dev/termination-log", **shared)
    volumes = [{"name": "work", "emptyDir": {}}]
    await space.apply(pod("p", main, initContainers=[first, second], volumes=volumes, restartPolicy="OnFailure"))
    assert (await space.finish("p"))["message"].split() == ["one", "two"]
    status = await space.pod("p", lambda status: status["phase"] == "Succeeded")
    assert [item["restartCount"] for item in status["initContainerStatuses"]] == [0, 1]


async def test_a_failed_init_container_ends_a_pod_that_must_not_restart(space: Namespace) -> None:
    await space.apply(pod("p", shell("true"), initContainers=[shell("exit 4", name="first")]))
    status = await space.pod("p", lambda status: status["phase"] == "Failed")
    assert status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 4
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"


async def test_a_sidecar_is_up_before_the_main_container_and_ends_after_it(space: Namespace) -> None:
    ready = {"httpGet": {"path": "/ready", "port": 8001}, "periodSeconds": 1, "failureThreshold": 60}
    sidecar = python(SERVER, "8001", name="sidecar", restartPolicy="Always", startupProbe=ready)
    url = "http://127.0.0.1:8001/ready"
    ask = f"import urllib.request as u; print(u.urlopen('{url}').status, file=open('/dev/termination-log', 'w'))"
    await space.apply(pod("p", python(ask), initContainers=[sidecar]))
    assert (await space.finish("p"))["message"].strip() == "200"


async def test_configuration_reaches_files_variables_and_arguments(space: Namespace) -> None:
    config = {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1", "b": "2"}}
    secret = {"kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"key": "hidden"}}
    mounts = [
        {"name": "settings", "mountPath": "/etc/settings"},
        {"name": "settings", "mountPath": "/usr/share/single.conf", "subPath": "a"},
        {"name": "keys", "mountPath": "/certs"},
        {"name": "about", "mountPath": "/about"},
    ]
    volumes = [
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "keys", "secret": {"secretName": "keys", "items": [{"key": "key", "path": "deep/k", "mode": 0o400}]}},
        {
            "name": "about",
            "downwardAPI": {"items": [{"path": "app", "fieldRef": {"fieldPath": "metadata.labels['app']"}}]},
        },
    ]
    env = [
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "key"}}},
        {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "absent", "key": "x", "optional": True}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
        {"name": "URL", "value": "http://$(IP):80/$(UNKNOWN)/$$(IP)"},
    ]
    script = (
        "{ cat /etc/settings/a /etc/settings/b /usr/share/single.conf /certs/deep/k /about/app; "
        'echo; stat -Lc %a /certs/deep/k /etc/settings/a; echo "$0 $C_a $KEY $CPU ${NONE-unset}"; echo "$URL"; '
        "hostname -i; } > /dev/termination-log"
    )
    main = container(
        *("sh", "-c", script, "$(C_a)-$(IP)"),
        env=env,
        envFrom=[{"prefix": "C_", "configMapRef": {"name": "settings"}}],
        volumeMounts=mounts,
        resources={"limits": {"cpu": "1500m"}},
    )
    await space.apply(config, secret, pod("p", main, volumes=volumes))
    message = (await space.finish("p"))["message"]
    address = (await space.pod("p", lambda status: status["podIP"]))["podIP"]
    assert message.splitlines() == [
        "121hiddenp",
        "400",
        "644",
        f"1-{address} 1 hidden 1500 unset",
        f"http://{address}:80/$(UNKNOWN)/$(IP)",
        address,
    ]


async def test_a_missing_configuration_waits_and_is_picked_up(space: Namespace) -> None:
    reference = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "a"}}}
    await space.apply(pod("p", shell('echo "$A" > /dev/termination-log', env=[reference])))
    status = await space.pod("p", waits_for("CreateContainerConfigError"))
    assert 'configmap "late" not found' in only(status)["state"]["waiting"]["message"]
    await space.apply({"kind": "ConfigMap", "metadata": {"name": "late"}, "data": {"a": "there"}})
    assert (await space.finish("p"))["message"].strip() == "there"


async def test_the_mounted_token_is_the_service_account(space: Namespace) -> None:
    code = """
import json, os, ssl, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount"
url = "https://%(KUBERNETES_SERVICE_HOST)s:%(KUBERNETES_SERVICE_PORT)s" % os.environ
url += "/apis/authentication.k8s.io/v1/selfsubjectreviews"
body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
headers = {"Authorization": "Bearer " + open(folder + "/token").read(), "Content-Type": "application/json"}
request = urllib.request.Request(url, json.dumps(body).encode(), headers)
answer = json.load(urllib.request.urlopen(request, context=ssl.create_default_context(cafile=folder + "/ca.crt")))
user = answer["status"]["userInfo"]
pod = user["extra"]["authentication.kubernetes.io/pod-name"]
with open("/dev/termination-log", "w") as log:
    json.dump([user["username"], pod, open(folder + "/namespace").read()], log)
"""
    await space.apply({"kind": "ServiceAccount", "metadata": {"name": "robot"}})
    await space.apply(pod("p", python(code), serviceAccountName="robot"))
    answer = json.loads((await space.finish("p"))["message"])
    assert answer == [f"system:serviceaccount:{space.name}:robot", ["p"], space.name]


async def test_what_a_container_writes_stays_its_own(space: Namespace, tmp_path: Path) -> None:
    mark = f"/etc/{uuid4().hex}"
    script = f"touch {mark} {tmp_path}/inside /dev/shm/x && test -e {mark}; echo $? > /dev/termination-log"
    await space.apply(
        pod("open", shell(script)),
        pod("closed", shell(script, securityContext={"readOnlyRootFilesystem": True})),
    )
    assert (await space.finish("open"))["message"].strip() == "0"
    assert (await space.finish("closed"))["message"].strip() != "0"
    assert not exists(mark)
    assert not exists(f"{tmp_path}/inside")


async def test_an_unknown_image_waits_like_a_failed_pull(space: Namespace) -> None:
    await space.apply(pod("p", container("true") | {"image": "ghcr.io/nobody/nothing:9"}))
    status = await space.pod("p", waits_for("ImagePullBackOff"))
    assert "ghcr.io/nobody/nothing:9" in only(status)["state"]["waiting"]["message"]
    assert status["phase"] == "Pending"


async def test_each_kind_of_probe_tells_ready_from_unready(space: Namespace) -> None:
    def probed(name: str, port: int, **probe: Any) -> Object:
        ports = [{"name": f"p{port}", "containerPort": port}]
        asked = {"periodSeconds": 1, "timeoutSeconds": 10, **probe}
        return python(SERVER, str(port), name=name, ports=ports, readinessProbe=asked)

    good = [
        probed("http", 8001, httpGet={"path": "/ready", "port": "p8001"}),
        probed("tcp", 8002, tcpSocket={"port": 8002}),
        probed("exec", 8003, exec={"command": ["sh", "-c", "ps ax | grep -q 800[3]"]}),
    ]
    bad = [
        probed("missing", 8004, httpGet={"path": "/other", "port": 8004}),
        probed("closed", 8005, tcpSocket={"port": 9999}),
        probed("false", 8006, exec={"command": ["false"]}),
    ]
    await space.apply(pod("p", *good, *bad))
    names = {item["name"] for item in good}

    def all_good(status: Object) -> bool:
        return {item["name"] for item in status.get("containerStatuses", ()) if item["ready"]} >= names

    status = await space.pod("p", all_good)
    unready = [item["name"] for item in status["containerStatuses"] if not item["ready"]]
    assert unready == ["missing", "closed", "false"]
    assert condition(status, "ContainersReady")["message"] == "containers with unready status: [missing closed false]"


async def test_readiness_and_gates_decide_what_an_endpointslice_offers(space: Namespace, tmp_path: Path) -> None:
    often = {"periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 1}
    probe = {"exec": {"command": ["test", "-e", "/gate/open"]}, **often}
    main = python(SERVER, "8001", readinessProbe=probe, volumeMounts=[{"name": "host", "mountPath": "/gate"}])
    gates = [{"conditionType": "example.com/routed"}]
    service = {"selector": {"app": "p"}, "ports": [{"port": 80, "targetPort": 8001}]}
    await space.apply(
        pod("p", main, volumes=[host_folder(tmp_path)], readinessGates=gates),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": service},
    )

    async def offered(ready: bool) -> None:
        def holds(item: Object) -> bool:
            return [end["conditions"]["ready"] for end in item["endpoints"] or ()] == [ready]

        await space.see(holds, "EndpointSlice", labelSelector="kubernetes.io/service-name=s")

    await offered(False)
    (tmp_path / "open").touch()
    await space.pod("p", lambda status: condition(status, "Ready").get("reason") == "ReadinessGatesNotReady")
    await space.patch_status("p", {"status": {"conditions": [{"type": "example.com/routed", "status": "True"}]}})
    await offered(True)
    (tmp_path / "open").unlink()
    await offered(False)


async def test_a_failed_liveness_probe_restarts_the_container(space: Namespace) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 2}
    code = "import signal\nwhile True: signal.pause()"
    startup = {"exec": {"command": ["true"]}}
    await space.apply(pod("p", python(code, livenessProbe=probe, startupProbe=startup), restartPolicy="Always"))
    last = only(await space.pod("p", restarted(1)))["lastState"]["terminated"]
    # Python leaves SIGTERM alone, and the first process of a container is immune to that: killed after its grace.
    assert (last["exitCode"], last["reason"]) == (137, "Error")


async def test_a_claim_is_its_volumes_folder_and_read_only_to_who_asks_for_that(
    space: Namespace, tmp_path: Path
) -> None:
    (tmp_path / "model").write_text("bytes")
    source = {"claimName": "models"}
    volumes = [
        {"name": "read", "persistentVolumeClaim": {**source, "readOnly": True}},
        {"name": "written", "persistentVolumeClaim": source},
    ]
    mounts = [{"name": "read", "mountPath": "/mnt/read"}, {"name": "written", "mountPath": "/mnt/written"}]
    script = "{ cat /mnt/read/model; touch /mnt/read/x || echo refused; touch /mnt/written/y; } > /dev/termination-log"
    await space.apply(pod("p", shell(script, volumeMounts=mounts), volumes=volumes))
    await space.pod(
        "p", lambda status: 'persistentvolumeclaim "models" not found' in str(condition(status, "PodScheduled"))
    )
    await space.apply(*claimed(space.name, "models", tmp_path))
    assert (await space.finish("p"))["message"].split() == ["bytesrefused"]
    assert exists(f"{tmp_path}/y")
    assert not exists(f"{tmp_path}/x")


async def test_a_volume_does_not_hide_the_image_from_its_container(space: Namespace) -> None:
    above = str(Path(__file__).parents[3])
    main = {
        "name": "main",
        "image": "v2server",
        "command": ["python", "-c", "import testbed.servers.v2"],
        "volumeMounts": [{"name": "work", "mountPath": above}],
    }
    await space.apply(pod("p", main, volumes=[{"name": "work", "emptyDir": {}}], restartPolicy="Never"))
    await space.pod("p", lambda status: status["phase"] == "Succeeded")


async def test_an_address_that_a_pod_asks_for_is_its_own_and_free_again_when_it_is_gone(space: Namespace) -> None:
    def asking(name: str) -> Object:
        made = pod(name, shell("sleep 100"))
        made["metadata"]["annotations"] = {ADDRESS: "10.77.0.99"}
        return made

    await space.apply(asking("first"))
    assert (await space.ready("first"))["podIP"] == "10.77.0.99"
    await space.apply(asking("second"))
    await space.pod("second", lambda status: "10.77.0.99 is in use" in str(only(status)["state"]))
    await space.delete("first")
    assert (await space.ready("second"))["podIP"] == "10.77.0.99"
