"""Catches a bed that leaves something on the machine, is disturbed by another bed, or cannot start after a kill."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from testbed import places
from testbed.bed import Bed
from testbed.errors import TestbedError
from testbed.process import parent
from tests.support.recorder import PATIENCE_SECONDS

REPOSITORY = Path(__file__).resolve().parents[2]
MINE = f"lc{os.getpid()}"


def folder_of(name: str) -> Path:
    return places.beds() / name


def processes_of(name: str) -> list[str]:
    """The command lines of all processes that mention the bed's folder."""
    mark = str(folder_of(name)).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if mark in command:
                    found.append(command.replace(b"\0", b" ").decode())
    return found


def network_namespaces() -> set[str]:
    """All network namespaces that a process is in or that are mounted."""
    found = {line.split()[3] for line in Path("/proc/self/mountinfo").read_text().splitlines() if "net:[" in line}
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        with contextlib.suppress(OSError):
            found.add(str(link.readlink()))
    return found


def mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


def interfaces() -> list[str]:
    return sorted(entry.name for entry in Path("/sys/class/net").iterdir())


def sysctls() -> dict[str, str]:
    """The machine's settings; a few that are counters of the kernel's, such as open terminals, are left out."""
    found = {}
    for room in ("kernel", "vm", "net/core", "net/ipv4/conf", "net/bridge"):
        for path in Path("/proc/sys", room).rglob("*"):
            if path.parent.name in ("random", "pty") or path.name == "ns_last_pid":
                continue
            with contextlib.suppress(OSError):
                found[str(path)] = path.read_text()
    return found


def assert_gone(name: str) -> None:
    assert processes_of(name) == []
    assert not folder_of(name).exists()
    assert not folder_of(name).with_name(f".{name}.lock").exists()


def start_command(name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "testbed", "up", "--name", name]
    return subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def wait_for_end(pid: int) -> bool:
    """Whether the process goes."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], PATIENCE_SECONDS)[0])
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def running(bed: Bed, script: str) -> Iterator["subprocess.Popen[str]"]:
    """A shell inside the bed that has said "up"; killed in the end, so that a failing test does not wait for it."""
    with bed.popen(["bash", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def before() -> dict[str, object]:
    volatile = sysctls()
    steady = {path: value for path, value in sysctls().items() if volatile.get(path) == value}
    return {"mounts": mounts(), "interfaces": interfaces(), "sysctls": steady}


@pytest.fixture(scope="module")
def pair(before: dict[str, object]) -> Iterator[tuple[Bed, Bed]]:
    """Two beds, started at the same time."""
    names = (f"{MINE}-a", f"{MINE}-b")
    try:
        with ThreadPoolExecutor() as pool:
            one, two = pool.map(lambda name: Bed.up(name, tied=True), names)
        yield one, two
        one.down()
        two.down()
    finally:
        for name in names:
            Bed.remove(name)


@pytest.mark.parametrize("line", [pytest.param("programs", marks=pytest.mark.slow), "API server ready"])
def test_killed_start_leaves_no_process_and_the_next_down_cleans(line: str) -> None:
    name = f"{MINE}-k"
    command = start_command(name)
    record = folder_of(name) / "bed.json"
    if line == "programs":
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not record.exists():
            assert time.monotonic() < deadline
            assert command.poll() is None
            select.select([], [], [], 0.01)
    else:
        assert command.stderr is not None
        assert any(line in said for said in command.stderr)
    first, keeper = (json.loads(record.read_text())[key] for key in ("pid", "keeper"))
    assert processes_of(name)
    command.kill()
    command.communicate()
    assert wait_for_end(first), "the first process outlived the command that was starting it"
    assert wait_for_end(keeper), "the keeper of the namespaces outlived them"
    assert processes_of(name) == []
    Bed.remove(name)
    assert_gone(name)


@pytest.mark.slow
def test_beds_side_by_side_are_strangers(pair: tuple[Bed, Bed]) -> None:
    one, two = pair
    one.kubectl("create", "namespace", "only-here")
    assert "only-here" in one.kubectl("get", "namespaces")
    assert "only-here" not in two.kubectl("get", "namespaces")


def test_up_returns_the_bed_that_is_up(pair: tuple[Bed, Bed]) -> None:
    assert Bed.up(pair[0].name).pid == pair[0].pid
    assert Bed.find(pair[0].name).pid == pair[0].pid


def test_names_of_services_resolve_inside(pair: tuple[Bed, Bed]) -> None:
    assert "Ready" in pair[0].run(["curl", "-s", "http://prometheus.monitoring.svc:9090/-/ready"])
    assert "10.77.0.1" in pair[0].run(["getent", "hosts", "kubernetes.default.svc.cluster.local"])


def test_shell_outside_reaches_the_bed(pair: tuple[Bed, Bed]) -> None:
    script = f"kubectl get --raw /readyz && curl -s {pair[0].prometheus}/-/ready && helm list -q && crossfade --help"
    environment = os.environ | dict(pair[0].shell_environment())
    told = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True, env=environment).stdout
    assert told.startswith("okPrometheus Server is Ready.")


def test_audit_log_counts_writes_by_user(pair: tuple[Bed, Bed], tmp_path: Path) -> None:
    bed = pair[0]
    bed.kubectl("create", "serviceaccount", "writer")
    bed.kubectl("create", "rolebinding", "writer", "--clusterrole=edit", "--serviceaccount=default:writer")
    config = bed.service_account_kubeconfig("default", "writer", tmp_path / "writer")
    bed.kubectl("--kubeconfig", str(config), "create", "configmap", "written")
    with pytest.raises(TestbedError, match="forbidden"):
        bed.kubectl("--kubeconfig", str(config), "create", "namespace", "not-allowed")
    writes = [json.loads(line) for line in bed.audit.read_text().splitlines()]
    by_writer = [
        event["verb"] for event in writes if event["user"]["username"] == "system:serviceaccount:default:writer"
    ]
    assert by_writer == ["create", "create"]
    assert not [event for event in writes if event["verb"] in ("get", "list", "watch")]


def test_inside_a_bed_no_other_is_started_nor_its_files_taken_for_those_of_a_dead_one(pair: tuple[Bed, Bed]) -> None:
    first, second = pair
    with pytest.raises(TestbedError, match="runs inside a bed; start, find and end beds from outside"):
        first.run([sys.executable, "-c", "from testbed.bed import Bed; Bed.up('inner')"])
    assert all(bed.kubeconfig.exists() for bed in pair)
    assert second.kubectl("get", "--raw", "/readyz") == "ok"


def test_signals_and_status_pass_through_popen(pair: tuple[Bed, Bed]) -> None:
    with running(pair[0], "trap 'echo asked; exit 7' TERM; echo up; while :; do read -t 1 x; done") as process:
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 7
        assert process.communicate()[0] == "asked\n"


def test_killing_a_program_s_keeper_kills_the_program(pair: tuple[Bed, Bed]) -> None:
    with running(pair[0], "echo up; exec cat") as process:
        process.kill()
        assert select.select([process.stdout], [], [], PATIENCE_SECONDS)[0], "the program still holds the pipe"
        assert process.communicate()[0] == ""


def test_a_server_that_dies_is_started_again(pair: tuple[Bed, Bed]) -> None:
    bed = pair[0]
    bed.run(["pkill", "-9", "-x", "prometheus"])
    bed.run(["curl", "-s", "--retry", "50", "--retry-all-errors", "--retry-delay", "1", f"{bed.prometheus}/-/ready"])


def test_a_stopped_server_stays_down_until_started(pair: tuple[Bed, Bed]) -> None:
    bed = pair[0]
    bed.stop_daemon("traefik")
    with pytest.raises(TestbedError):
        bed.run(["curl", "-s", "--retry", "0", bed.gateway])
    bed.start_daemon("traefik")
    bed.run(["curl", "-s", "--retry", "50", "--retry-all-errors", "--retry-delay", "1", bed.gateway])
    with pytest.raises(TestbedError, match="runs no nonsense"):
        bed.stop_daemon("nonsense")


def test_down_leaves_nothing_and_the_other_bed_unharmed(pair: tuple[Bed, Bed], before: dict[str, object]) -> None:
    one, two = pair
    namespace = str(Path(f"/proc/{two.pid}/ns/net").readlink())
    assert namespace in network_namespaces()
    began = time.monotonic()
    two.down()
    assert time.monotonic() - began < 25, "it waited for the grace of what runs in it"
    two.down()
    assert_gone(two.name)
    assert namespace not in network_namespaces()
    assert mounts() == before["mounts"]
    assert interfaces() == before["interfaces"]
    steady = before["sysctls"]
    assert isinstance(steady, dict)
    now = sysctls()
    assert {path: now.get(path) for path in steady} == steady
    assert one.kubectl("get", "--raw", "/readyz") == "ok"


def test_killed_bed_is_gone_and_swept(pair: tuple[Bed, Bed]) -> None:
    bed = pair[0]
    namespace = str(Path(f"/proc/{bed.pid}/ns/net").readlink())
    keeper = parent(bed.pid)
    os.kill(bed.pid, signal.SIGKILL)
    assert wait_for_end(bed.pid)
    assert wait_for_end(keeper)
    assert processes_of(bed.name) == []
    assert namespace not in network_namespaces()
    with pytest.raises(TestbedError, match="no bed"):
        Bed.find(bed.name)
    bed.down()
    assert_gone(bed.name)
