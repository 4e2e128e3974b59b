"""Would catch a node that restarts or ends pods in another way than Kubernetes promises, or leaves traces of them."""

import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.testbed.pods import (
    SERVER,
    Namespace,
    condition,
    container,
    host_folder,
    only,
    pod,
    processes,
    python,
    restarted,
    shell,
    until,
    waits_for,
)

pytestmark = pytest.mark.cluster


@pytest.mark.slow
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
    ended = time.time()
    hooked, termed, last = (
        float((tmp_path / name).read_text().splitlines()[-1].split()[1]) for name in ("hook", "term", "alive")
    )
    assert began < hooked < termed < last
    assert termed - hooked >= 1.0
    assert last - termed > 1.0, "it was killed before its grace was over"
    assert 3.9 < ended - began < 25.0, "its grace was not its own, but thirty seconds"


async def test_a_hook_of_sleep_delays_the_end_and_a_program_that_obeys_ends_early(space: Namespace) -> None:
    probe = {"httpGet": {"path": "/ready", "port": 8001}}
    main = python(SERVER, "8001", readinessProbe=probe, lifecycle={"preStop": {"sleep": {"seconds": 2}}})
    await space.apply(pod("p", main, terminationGracePeriodSeconds=30))
    await space.ready("p")
    began = time.monotonic()
    await space.delete("p")
    assert 2.0 < time.monotonic() - began < 25.0


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
