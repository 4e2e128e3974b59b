"""Would catch a node that starts, probes, restarts, feeds or ends pods in another way than Kubernetes promises."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from testbed.bed import Bed

pytestmark = pytest.mark.cluster

Object = dict[str, Any]

SERVER = """
import http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ready" else 404)
        self.end_headers()
http.server.HTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
"""


class Namespace:
    """One namespace of the bed, with the few verbs the tests need."""

    def __init__(self, bed: Bed, name: str) -> None:
        self.bed, self.name = bed, name

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        return self.bed.kubectl("--namespace", self.name, *arguments, input=text)

    def apply(self, *objects: Object) -> None:
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-f", "-", text=json.dumps(items))

    def get(self, kind: str, name: str) -> Object:
        found: Object = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def wait(self, target: str, path: str, value: str, seconds: int = 20, *selector: str) -> None:
        """Wait until a JSON path of an object has a value."""
        self.kubectl("wait", target, *selector, f"--for=jsonpath={{{path}}}={value}", f"--timeout={seconds}s")

    def wait_ready(self, name: str) -> None:
        self.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=20s")

    def finish(self, name: str, phase: str = "Succeeded") -> Object:
        """Wait for a pod's end and give its only container's final state."""
        self.wait(f"pod/{name}", ".status.phase", phase)
        state: Object = self.get("pod", name)["status"]["containerStatuses"][0]["state"]["terminated"]
        return state


@pytest.fixture
def space(bed: Bed) -> Iterator[Namespace]:
    name = f"kubelet-{uuid4().hex[:8]}"
    bed.kubectl("create", "namespace", name)
    bed.kubectl("wait", "--namespace", name, "--for=create", "serviceaccount/default", "--timeout=20s")
    yield Namespace(bed, name)
    bed.kubectl("delete", "namespace", name, "--wait=false")


def container(*command: str, name: str = "main", **fields: Any) -> Object:
    return {"name": name, "image": "registry.example/team/v2server:1", "command": list(command), **fields}


def python(code: str, *arguments: str, **fields: Any) -> Object:
    return container("python", "-c", code, *arguments, **fields)


def shell(script: str, **fields: Any) -> Object:
    return container("sh", "-c", script, **fields)


def pod(name: str, *containers: Object, **spec: Any) -> Object:
    defaults = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 2, "containers": list(containers)}
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": defaults | spec}


def host_folder(path: Path) -> Object:
    return {"name": "host", "hostPath": {"path": str(path)}}


def until(holds: Callable[[], bool], what: str, seconds: float = 10) -> None:
    """For facts of the machine, which sends no events."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def processes(bed: Bed, mark: str) -> list[int]:
    """Ids, as the bed sees them, of processes whose command line contains the mark."""
    rows = bed.run(["ps", "-ww", "-eo", "pid,args"]).splitlines()
    return [int(row.split()[0]) for row in rows if mark in row and "ps -ww" not in row]


# -- starting ------------------------------------------------------------------------------------------------------


def test_init_containers_run_in_order_and_hand_files_to_the_main_one(space: Namespace) -> None:
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
    space.apply(pod("p", main, initContainers=[first, second], volumes=volumes, restartPolicy="OnFailure"))
    assert space.finish("p")["message"].split() == ["one", "two"]
    restarts = [item["restartCount"] for item in space.get("pod", "p")["status"]["initContainerStatuses"]]
    assert restarts == [0, 1]


def test_a_failed_init_container_ends_a_pod_that_must_not_restart(space: Namespace) -> None:
    space.apply(pod("p", shell("true"), initContainers=[shell("exit 4", name="first")]))
    space.wait("pod/p", ".status.phase", "Failed")
    status = space.get("pod", "p")["status"]
    assert status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 4
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"


def test_a_sidecar_is_up_before_the_main_container_and_ends_after_it(space: Namespace) -> None:
    ready = {"httpGet": {"path": "/ready", "port": 8001}, "periodSeconds": 1}
    sidecar = python(SERVER, "8001", name="sidecar", restartPolicy="Always", startupProbe=ready)
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8001/ready').status, file=open('/dev/termination-log', 'w'))"
    space.apply(pod("p", python(ask), initContainers=[sidecar]))
    assert space.finish("p")["message"].strip() == "200"


def test_configuration_reaches_files_variables_and_arguments(space: Namespace) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1", "b": "2"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"key": "hidden"}}
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
        'echo; stat -Lc %a /certs/deep/k; echo "$0 $C_a $KEY $CPU ${NONE-unset}"; echo "$URL"; '
        "hostname -i; } > /dev/termination-log"
    )
    main = container(
        *("sh", "-c", script, "$(C_a)-$(IP)"),
        env=env,
        envFrom=[{"prefix": "C_", "configMapRef": {"name": "settings"}}],
        volumeMounts=mounts,
        resources={"limits": {"cpu": "1500m"}},
    )
    space.apply(config, secret, pod("p", main, volumes=volumes))
    message = space.finish("p")["message"]
    address = space.get("pod", "p")["status"]["podIP"]
    assert message.splitlines() == [
        "121hiddenp",
        "400",
        f"1-{address} 1 hidden 1500 unset",
        f"http://{address}:80/$(UNKNOWN)/$(IP)",
        address,
    ]


def test_a_missing_configuration_waits_and_is_picked_up(space: Namespace) -> None:
    reference = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "a"}}}
    space.apply(pod("p", shell('echo "$A" > /dev/termination-log', env=[reference])))
    waiting = ".status.containerStatuses[0].state.waiting"
    space.wait("pod/p", f"{waiting}.reason", "CreateContainerConfigError")
    assert 'configmap "late" not found' in space.kubectl("get", "pod/p", "-o", f"jsonpath={{{waiting}.message}}")
    space.kubectl("create", "configmap", "late", "--from-literal=a=there")
    assert space.finish("p")["message"].strip() == "there"


def test_the_mounted_token_is_the_service_account(space: Namespace) -> None:
    code = """
import json, os, ssl, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount"
url = "https://%(KUBERNETES_SERVICE_HOST)s:%(KUBERNETES_SERVICE_PORT)s/apis/authentication.k8s.io/v1/selfsubjectreviews" % os.environ
body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
headers = {"Authorization": "Bearer " + open(folder + "/token").read(), "Content-Type": "application/json"}
request = urllib.request.Request(url, json.dumps(body).encode(), headers)
answer = json.load(urllib.request.urlopen(request, context=ssl.create_default_context(cafile=folder + "/ca.crt")))
user = answer["status"]["userInfo"]
with open("/dev/termination-log", "w") as log:
    json.dump([user["username"], user["extra"]["authentication.kubernetes.io/pod-name"], open(folder + "/namespace").read()], log)
"""
    space.kubectl("create", "serviceaccount", "robot")
    space.apply(pod("p", python(code), serviceAccountName="robot"))
    answer = json.loads(space.finish("p")["message"])
    assert answer == [f"system:serviceaccount:{space.name}:robot", ["p"], space.name]


def test_what_a_container_writes_stays_its_own(space: Namespace, tmp_path: Path) -> None:
    mark = f"/etc/{uuid4().hex}"
    script = f"touch {mark} {tmp_path}/inside /dev/shm/x && test -e {mark} && touch /ro 2>/dev/null; echo $? > /dev/termination-log"
    space.apply(
        pod("open", shell(script)),
        pod("closed", shell(script, securityContext={"readOnlyRootFilesystem": True})),
    )
    assert space.finish("open")["message"].strip() == "0"
    assert space.finish("closed")["message"].strip() != "0"
    assert not Path(mark).exists()
    assert not (tmp_path / "inside").exists()


def test_an_unknown_image_waits_like_a_failed_pull(space: Namespace) -> None:
    space.apply(pod("p", container("true") | {"image": "ghcr.io/nobody/nothing:9"}))
    waiting = ".status.containerStatuses[0].state.waiting"
    space.wait("pod/p", f"{waiting}.reason", "ImagePullBackOff")
    assert "ghcr.io/nobody/nothing:9" in space.kubectl("get", "pod/p", "-o", f"jsonpath={{{waiting}.message}}")
    assert space.get("pod", "p")["status"]["phase"] == "Pending"


# -- probes --------------------------------------------------------------------------------------------------------


def test_each_kind_of_probe_tells_ready_from_unready(space: Namespace) -> None:
    def probed(name: str, port: int, **probe: Any) -> Object:
        ports = [{"name": f"p{port}", "containerPort": port}]
        return python(SERVER, str(port), name=name, ports=ports, readinessProbe={"periodSeconds": 1, **probe})

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
    space.apply(pod("p", *good, *bad))
    for item in good:
        space.wait("pod/p", f".status.containerStatuses[?(@.name=='{item['name']}')].ready", "true")
    status = space.get("pod", "p")["status"]
    unready = {item["name"] for item in status["containerStatuses"] if not item["ready"]}
    condition = next(item for item in status["conditions"] if item["type"] == "ContainersReady")
    assert unready == {item["name"] for item in bad}
    assert condition["message"] == "containers with unready status: [missing closed false]"


def test_readiness_and_gates_decide_what_an_endpointslice_offers(space: Namespace, tmp_path: Path) -> None:
    probe = {"exec": {"command": ["test", "-e", "/gate/open"]}, "periodSeconds": 1, "failureThreshold": 1}
    main = python(SERVER, "8001", readinessProbe=probe, volumeMounts=[{"name": "host", "mountPath": "/gate"}])
    gates = [{"conditionType": "example.com/routed"}]
    service = {"selector": {"app": "p"}, "ports": [{"port": 80, "targetPort": 8001}]}
    space.apply(
        pod("p", main, volumes=[host_folder(tmp_path)], readinessGates=gates),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": service},
    )

    def offered(ready: str) -> None:
        selector = "--selector=kubernetes.io/service-name=s"
        space.wait("endpointslice", ".endpoints[0].conditions.ready", ready, 20, selector)

    offered("false")
    (tmp_path / "open").touch()
    space.wait("pod/p", ".status.conditions[?(@.type=='Ready')].reason", "ReadinessGatesNotReady")
    routed = {"status": {"conditions": [{"type": "example.com/routed", "status": "True"}]}}
    space.kubectl("patch", "pod", "p", "--subresource=status", "-p", json.dumps(routed))
    offered("true")
    (tmp_path / "open").unlink()
    offered("false")


def test_a_failed_liveness_probe_restarts_the_container(space: Namespace) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/alive"]}, "periodSeconds": 1, "failureThreshold": 1}
    # Alive in its second life only: each life has its own files, the restart count tells them apart.
    code = "import os, signal\nwhile True: signal.pause()"
    startup = {"exec": {"command": ["true"]}}
    space.apply(pod("p", python(code, livenessProbe=probe, startupProbe=startup), restartPolicy="Always"))
    space.wait("pod/p", ".status.containerStatuses[0].restartCount", "1")
    last = space.get("pod", "p")["status"]["containerStatuses"][0]["lastState"]["terminated"]
    # The program ignores SIGTERM, as the first process of a PID namespace does, so it was killed after its grace.
    assert (last["exitCode"], last["reason"]) == (137, "Error")


# -- restarting ----------------------------------------------------------------------------------------------------


def test_a_crash_loop_backs_off_and_counts(space: Namespace) -> None:
    space.apply(pod("p", shell("exit 7"), restartPolicy="Always"))
    state = ".status.containerStatuses[0]"
    space.wait("pod/p", f"{state}.state.waiting.reason", "CrashLoopBackOff")
    first = space.get("pod", "p")["status"]
    assert first["phase"] == "Running"
    assert first["containerStatuses"][0]["restartCount"] == 1
    assert first["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 7
    assert "back-off 10s" in first["containerStatuses"][0]["state"]["waiting"]["message"]
    began = time.monotonic()
    space.wait("pod/p", f"{state}.restartCount", "2")
    assert time.monotonic() - began > 8


def test_a_process_killed_from_outside_comes_back(space: Namespace) -> None:
    mark = uuid4().hex
    probe = {"httpGet": {"path": "/ready", "port": 8001}}
    space.apply(pod("p", python(SERVER, "8001", mark, readinessProbe=probe), restartPolicy="OnFailure"))
    space.wait_ready("p")
    (pid,) = processes(space.bed, mark)
    space.bed.run(["kill", "-KILL", str(pid)])
    space.wait("pod/p", ".status.containerStatuses[0].restartCount", "1")
    space.wait_ready("p")
    last = space.get("pod", "p")["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "Error")


def test_too_much_memory_is_killed_as_such(space: Namespace) -> None:
    code = "import signal\nhoard = b'x' * 200_000_000\nwhile True: signal.pause()"
    space.apply(pod("p", python(code, resources={"limits": {"memory": "100Mi"}})))
    state = space.finish("p", "Failed")
    assert (state["exitCode"], state["reason"]) == (137, "OOMKilled")


def test_a_program_that_is_not_there_is_a_start_error(space: Namespace) -> None:
    space.apply(pod("p", container("/no/such/program")))
    state = space.finish("p", "Failed")
    assert (state["exitCode"], state["reason"]) == (128, "StartError")
    assert "/no/such/program" in state["message"]


def test_pods_survive_the_death_of_the_kubelet_as_restarts(space: Namespace) -> None:
    mark = uuid4().hex
    probe = {"httpGet": {"path": "/ready", "port": 8001}}
    space.apply(pod("p", python(SERVER, "8001", mark, readinessProbe=probe), restartPolicy="Always"))
    space.wait_ready("p")
    space.bed.stop_daemon("kubelet")
    until(lambda: not processes(space.bed, mark), "the pod outlived the kubelet")
    space.bed.start_daemon("kubelet")
    space.wait("pod/p", ".status.containerStatuses[0].restartCount", "1")
    space.wait_ready("p")
    assert len(processes(space.bed, mark)) == 1


# -- ending --------------------------------------------------------------------------------------------------------


def test_deletion_is_hook_then_term_then_kill_when_the_grace_is_over(space: Namespace, tmp_path: Path) -> None:
    code = """
import signal, time
def note(what): print(what, time.time(), file=open("/out/" + what, "a"))
signal.signal(signal.SIGTERM, lambda *_: note("term"))
note("start")
while True:
    time.sleep(0.05)
    note("alive")
"""
    hook = "import time; open('/out/hook', 'w').write(f'hook {time.time()}'); time.sleep(1)"
    main = python(
        code,
        lifecycle={"preStop": {"exec": {"command": ["python", "-c", hook]}}},
        readinessProbe={"exec": {"command": ["test", "-e", "/out/start"]}},
        volumeMounts=[{"name": "host", "mountPath": "/out"}],
    )
    space.apply(pod("p", main, volumes=[host_folder(tmp_path)], terminationGracePeriodSeconds=4))
    space.wait_ready("p")
    began = time.time()
    space.kubectl("delete", "pod", "p", "--timeout=20s")
    hooked, termed, last = (
        float((tmp_path / name).read_text().splitlines()[-1].split()[1]) for name in ("hook", "term", "alive")
    )
    assert began < hooked < termed < last
    assert termed - hooked >= 1.0
    assert 3.0 < last - began < 6.0


def test_a_hook_of_sleep_delays_the_end_and_a_program_that_obeys_ends_early(space: Namespace) -> None:
    probe = {"httpGet": {"path": "/ready", "port": 8001}}
    main = python(SERVER, "8001", readinessProbe=probe, lifecycle={"preStop": {"sleep": {"seconds": 2}}})
    space.apply(pod("p", main, terminationGracePeriodSeconds=30))
    space.wait_ready("p")
    began = time.monotonic()
    space.kubectl("delete", "pod", "p", "--timeout=20s")
    assert 2.0 < time.monotonic() - began < 8.0


def test_deletion_leaves_no_process_no_link_and_no_volume(space: Namespace) -> None:
    mark = uuid4().hex
    probe = {"httpGet": {"path": "/ready", "port": 8001}}
    main = python(SERVER, "8001", mark, readinessProbe=probe)
    # A child that would outlive its parent.
    stray = shell(f"setsid sh -c 'while :; do sleep 1; done; echo {mark}' & exec sleep 1000", name="stray")
    space.apply(pod("p", main, stray))
    space.wait_ready("p")
    links = space.bed.run(["ip", "-o", "link", "show", "master", "cf0"])
    assert len(processes(space.bed, mark)) >= 2
    uid = space.get("pod", "p")["metadata"]["uid"]
    space.kubectl("delete", "pod", "p", "--timeout=20s")
    assert processes(space.bed, mark) == []
    assert not list((space.bed.dir / "kubelet" / "pods").glob(f"*{uid}/volumes"))
    before = set(links.splitlines())

    def links_gone() -> bool:
        now = set(space.bed.run(["ip", "-o", "link", "show", "master", "cf0"]).splitlines())
        return len(now) < len(before)

    until(links_gone, "the pod's network link is still on the bridge")


def test_forced_deletion_ends_the_process_at_once(space: Namespace) -> None:
    mark = uuid4().hex
    space.apply(pod("p", shell(f"sleep 1000; echo {mark}"), terminationGracePeriodSeconds=60))
    space.wait_ready("p")
    space.kubectl("delete", "pod", "p", "--force", "--grace-period=0")
    until(lambda: not processes(space.bed, mark), "the process outlived its pod")


def test_a_job_completes(space: Namespace) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [shell("exit 0")]}}
    space.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": template}})
    space.kubectl("wait", "job/j", "--for=condition=Complete", "--timeout=20s")
