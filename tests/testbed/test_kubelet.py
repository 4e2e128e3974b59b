"""Would catch a node that starts, probes, restarts, feeds or ends pods in another way than Kubernetes promises."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from testbed.bed import Bed
from testbed.cluster import ClusterClient

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


COLLECTIONS = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Service": "/api/v1/namespaces/{}/services",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
}


class Namespace:
    """One namespace of the bed, with the few verbs the tests need."""

    def __init__(self, bed: Bed, client: httpx.AsyncClient, name: str) -> None:
        self.bed, self.name, self._client = bed, name, client

    def collection(self, kind: str) -> str:
        return COLLECTIONS[kind].format(self.name)

    async def apply(self, *objects: Object) -> None:
        for item in objects:
            answer = await self._client.post(self.collection(item["kind"]), json=item)
            assert answer.is_success, answer.text

    async def served(self, seconds: float = 60) -> None:
        """Wait until the API server answers again."""
        async with asyncio.timeout(seconds):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await self._client.get("/readyz")).is_success:
                        return
                await asyncio.sleep(0.1)

    async def patch_status(self, name: str, body: Object) -> None:
        headers = {"Content-Type": "application/strategic-merge-patch+json"}
        path = f"{self.collection('Pod')}/{name}/status"
        answer = await self._client.patch(path, content=json.dumps(body), headers=headers)
        assert answer.is_success, answer.text

    async def see(
        self, holds: Callable[[Object], object], kind: str = "Pod", seconds: float = 30, **query: str
    ) -> Object:
        """Watch until an object of the kind is as wanted, and give it."""
        latest: Object = {}
        parameters = {"watch": "true", **query}
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.stream("GET", self.collection(kind), params=parameters, timeout=None) as answer,
            ):
                async for line in answer.aiter_lines():
                    event = json.loads(line)
                    latest = event["object"] | {"deleted": event["type"] == "DELETED"}
                    if holds(latest):
                        return latest
        except TimeoutError:
            pass
        raise AssertionError(f"not as wanted within {seconds} s: {json.dumps(latest.get('status', latest), indent=1)}")

    async def pod(self, name: str, holds: Callable[[Object], object], seconds: float = 30) -> Object:
        """Wait until a pod's status is as wanted, and give that status."""
        found = await self.see(
            lambda item: holds(item["status"]), "Pod", seconds, fieldSelector=f"metadata.name={name}"
        )
        status: Object = found["status"]
        return status

    async def ready(self, name: str) -> Object:
        return await self.pod(name, lambda status: condition(status, "Ready")["status"] == "True")

    async def finish(self, name: str, phase: str = "Succeeded") -> Object:
        """Wait for a pod's end and give its only container's final state."""
        status = await self.pod(name, lambda status: status["phase"] == phase)
        state: Object = only(status)["state"]["terminated"]
        return state

    async def delete(self, name: str, **options: Any) -> None:
        """Delete a pod and wait until it is gone."""
        path = f"{self.collection('Pod')}/{name}"
        answer = await self._client.request("DELETE", path, json=options)
        assert answer.is_success, answer.text
        if not options:
            selector = f"metadata.name={name}"
            version = answer.json()["metadata"]["resourceVersion"]
            await self.see(lambda item: item["deleted"], fieldSelector=selector, resourceVersion=version)


@pytest.fixture
async def space(bed: Bed) -> AsyncIterator[Namespace]:
    pki = bed.dir / "pki"
    async with ClusterClient(pki / "ca.crt", pki / "admin.crt", pki / "admin.key") as cluster:
        name = f"kubelet-{uuid4().hex[:8]}"
        await cluster.create("/api/v1/namespaces", json.dumps({"metadata": {"name": name}}).encode())
        space = Namespace(bed, cluster.http, name)
        await space.see(lambda item: item["metadata"]["name"] == "default", "ServiceAccount")
        yield space
        await cluster.http.delete(f"/api/v1/namespaces/{name}")


def condition(status: Object, kind: str) -> Object:
    found = [item for item in status.get("conditions", ()) if item["type"] == kind]
    return found[0] if found else {"status": "Unknown"}


def only(status: Object) -> Object:
    """Status of a pod's first container, once there is one."""
    found: Object = (status.get("containerStatuses") or [{"state": {}, "restartCount": 0}])[0]
    return found


def waits_for(reason: str) -> Callable[[Object], bool]:
    return lambda status: only(status)["state"].get("waiting", {}).get("reason") == reason


def restarted(times: int) -> Callable[[Object], bool]:
    return lambda status: only(status)["restartCount"] >= times


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


async def until(holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """For facts of the machine, which sends no events."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


def _exists(path: str) -> bool:
    return Path(path).exists()


def processes(bed: Bed, mark: str) -> list[int]:
    """Ids, as the bed sees them, of processes whose command line contains the mark."""
    rows = bed.run(["ps", "-ww", "-eo", "pid,args"]).splitlines()
    return [int(row.split()[0]) for row in rows if mark in row and "ps -ww" not in row]


# -- starting ------------------------------------------------------------------------------------------------------


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
    ready = {"httpGet": {"path": "/ready", "port": 8001}, "periodSeconds": 1}
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
    assert not _exists(mark)
    assert not _exists(f"{tmp_path}/inside")


async def test_an_unknown_image_waits_like_a_failed_pull(space: Namespace) -> None:
    await space.apply(pod("p", container("true") | {"image": "ghcr.io/nobody/nothing:9"}))
    status = await space.pod("p", waits_for("ImagePullBackOff"))
    assert "ghcr.io/nobody/nothing:9" in only(status)["state"]["waiting"]["message"]
    assert status["phase"] == "Pending"


# -- probes --------------------------------------------------------------------------------------------------------


async def test_each_kind_of_probe_tells_ready_from_unready(space: Namespace) -> None:
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
    await space.apply(pod("p", *good, *bad))
    names = {item["name"] for item in good}

    def all_good(status: Object) -> bool:
        return {item["name"] for item in status.get("containerStatuses", ()) if item["ready"]} >= names

    status = await space.pod("p", all_good)
    unready = [item["name"] for item in status["containerStatuses"] if not item["ready"]]
    assert unready == ["missing", "closed", "false"]
    assert condition(status, "ContainersReady")["message"] == "containers with unready status: [missing closed false]"


async def test_readiness_and_gates_decide_what_an_endpointslice_offers(space: Namespace, tmp_path: Path) -> None:
    probe = {"exec": {"command": ["test", "-e", "/gate/open"]}, "periodSeconds": 1, "failureThreshold": 1}
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


# -- restarting ----------------------------------------------------------------------------------------------------


async def test_a_crash_loop_backs_off_and_counts(space: Namespace) -> None:
    await space.apply(pod("p", shell("exit 7"), restartPolicy="Always"))
    status = await space.pod("p", waits_for("CrashLoopBackOff"))
    began = time.monotonic()
    assert status["phase"] == "Running"
    assert only(status)["restartCount"] == 1
    assert only(status)["lastState"]["terminated"]["exitCode"] == 7
    assert "back-off 10s" in only(status)["state"]["waiting"]["message"]
    await space.pod("p", restarted(2))
    assert time.monotonic() - began > 8


async def test_a_process_killed_from_outside_comes_back(space: Namespace) -> None:
    mark = uuid4().hex
    probe = {"httpGet": {"path": "/ready", "port": 8001}}
    await space.apply(pod("p", python(SERVER, "8001", mark, readinessProbe=probe), restartPolicy="OnFailure"))
    await space.ready("p")
    (pid,) = processes(space.bed, mark)
    space.bed.run(["kill", "-KILL", str(pid)])
    await space.pod("p", restarted(1))
    last = only(await space.ready("p"))["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "Error")


async def test_too_much_memory_is_killed_as_such(space: Namespace) -> None:
    code = "import signal\nhoard = b'x' * 200_000_000\nwhile True: signal.pause()"
    await space.apply(pod("p", python(code, resources={"limits": {"memory": "100Mi"}})))
    state = await space.finish("p", "Failed")
    assert (state["exitCode"], state["reason"]) == (137, "OOMKilled")


async def test_a_program_that_is_not_there_is_a_start_error(space: Namespace) -> None:
    await space.apply(pod("p", container("/no/such/program")))
    state = await space.finish("p", "Failed")
    assert (state["exitCode"], state["reason"]) == (128, "StartError")
    assert "/no/such/program" in state["message"]


async def test_pods_survive_the_death_of_the_kubelet_as_restarts(space: Namespace) -> None:
    mark = uuid4().hex
    probe = {"httpGet": {"path": "/ready", "port": 8001}}
    await space.apply(pod("p", python(SERVER, "8001", mark, readinessProbe=probe), restartPolicy="Always"))
    endless = "import signal\nwhile True: signal.pause()"
    once = {"restartPolicy": "OnFailure", "initContainers": [shell("true", name="first")]}
    await space.apply(pod("once", python(endless), **once), pod("never", python(endless)), pod("done", shell("true")))
    for name in ("p", "once", "never"):
        await space.ready(name)
    await space.finish("done")
    space.bed.stop_daemon("kubelet")
    await until(lambda: not processes(space.bed, mark), "the pod outlived the kubelet")
    space.bed.start_daemon("kubelet")
    for name in ("p", "once"):
        await space.pod(name, restarted(1))
        status = await space.ready(name)
        assert [item["restartCount"] for item in status.get("initContainerStatuses", ())] in ([], [0])
        assert len(status["podIPs"]) == 1
    assert len(processes(space.bed, mark)) == 1
    assert (await space.finish("never", "Failed"))["exitCode"] == 255
    assert (await space.finish("done"))["exitCode"] == 0


# -- ending --------------------------------------------------------------------------------------------------------


async def test_deletion_is_hook_then_term_then_kill_when_the_grace_is_over(space: Namespace, tmp_path: Path) -> None:
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
    await space.apply(pod("p", main, volumes=[host_folder(tmp_path)], terminationGracePeriodSeconds=4))
    await space.ready("p")
    began = time.time()
    await space.delete("p")
    hooked, termed, last = (
        float((tmp_path / name).read_text().splitlines()[-1].split()[1]) for name in ("hook", "term", "alive")
    )
    assert began < hooked < termed < last
    assert termed - hooked >= 1.0
    assert 3.0 < last - began < 6.0


async def test_a_hook_of_sleep_delays_the_end_and_a_program_that_obeys_ends_early(space: Namespace) -> None:
    probe = {"httpGet": {"path": "/ready", "port": 8001}}
    main = python(SERVER, "8001", readinessProbe=probe, lifecycle={"preStop": {"sleep": {"seconds": 2}}})
    await space.apply(pod("p", main, terminationGracePeriodSeconds=30))
    await space.ready("p")
    began = time.monotonic()
    await space.delete("p")
    assert 2.0 < time.monotonic() - began < 8.0


async def test_deletion_leaves_no_process_no_link_and_no_volume(space: Namespace) -> None:
    mark = uuid4().hex
    probe = {"httpGet": {"path": "/ready", "port": 8001}}
    main = python(SERVER, "8001", mark, readinessProbe=probe)
    # A child that would outlive its parent.
    stray = shell(f"setsid sh -c 'while :; do sleep 1; done; echo {mark}' & exec sleep 1000", name="stray")
    await space.apply(pod("p", main, stray))
    await space.ready("p")
    links = space.bed.run(["ip", "-o", "link", "show", "master", "cf0"])
    assert len(processes(space.bed, mark)) >= 2
    folders = space.bed.dir / "kubelet" / "pods"
    assert list(folders.glob(f"{space.name}_*/volumes/*"))
    await space.delete("p")
    assert processes(space.bed, mark) == []
    assert not list(folders.glob(f"{space.name}_*/volumes"))
    before = set(links.splitlines())

    def links_gone() -> bool:
        now = set(space.bed.run(["ip", "-o", "link", "show", "master", "cf0"]).splitlines())
        return len(now) < len(before)

    await until(links_gone, "the pod's network link is still on the bridge")


async def test_forced_deletion_ends_the_process_at_once(space: Namespace) -> None:
    mark = uuid4().hex
    await space.apply(pod("p", shell(f"sleep 1000; echo {mark}"), terminationGracePeriodSeconds=60))
    await space.ready("p")
    await space.delete("p", gracePeriodSeconds=0)
    await until(lambda: not processes(space.bed, mark), "the process outlived its pod")


async def test_a_job_completes(space: Namespace) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [shell("exit 0")]}}
    await space.apply(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": template}}
    )
    await space.see(lambda job: condition(job["status"], "Complete")["status"] == "True", "Job")


async def test_pods_run_on_while_the_api_server_is_away(space: Namespace) -> None:
    mark = uuid4().hex
    probe = {"httpGet": {"path": "/ready", "port": 8001}}
    await space.apply(pod("p", python(SERVER, "8001", mark, readinessProbe=probe), restartPolicy="Always"))
    await space.ready("p")
    (pid,) = processes(space.bed, mark)
    space.bed.stop_daemon("kube-apiserver")
    space.bed.run(["kill", "-KILL", str(pid)])
    await until(lambda: processes(space.bed, mark) not in ([], [pid]), "the node does nothing without its API server")
    space.bed.start_daemon("kube-apiserver")
    await space.served()
    await space.pod("p", restarted(1))
    await space.delete("p")
