"""Catches a real node on a machine that cannot have one, and control groups that it leaves there."""

import os
from pathlib import Path

import pytest

from testbed import unshare
from testbed.bed import Bed
from testbed.binaries import Kubernetes
from testbed.binaries.catalogue import KUBERNETES, NODE, Tool
from testbed.binaries.debian_root import DebianRoot
from testbed.binaries.locate import Programs
from testbed.errors import TestbedError
from testbed.layout import Layout
from testbed.node import cgroups, images, needs
from testbed.node.config import SANDBOX
from testbed.progress import Progress, silent


@pytest.fixture
def hierarchies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Control groups as of version 1, two of which are one hierarchy by two names, and one of version 2."""
    for name in ("cpu,cpuacct", "cpuset", "memory", "pids", "unified"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ("cgroup.procs" if name == "unified" else "tasks")).touch()
    for name in ("cpu", "cpuacct"):
        (tmp_path / name).symlink_to("cpu,cpuacct")
    monkeypatch.setattr(cgroups, "_ROOT", tmp_path)
    return tmp_path


def test_nobody_but_root_gets_a_real_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(TestbedError, match="needs root"):
        needs.fetch(Kubernetes.NEWEST, silent)


def test_a_container_s_root_that_may_make_no_namespaces_is_not_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nCapEff:\t00000000a80425fb\n")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(unshare, "_STATUS", status)
    with pytest.raises(TestbedError, match="needs root"):
        needs.fetch(Kubernetes.NEWEST, silent)


def test_there_is_none_of_the_oldest_kubernetes_and_nothing_is_compiled_to_say_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("CROSSFADE_KIT_OLDEST", "/nowhere")
    with pytest.raises(
        TestbedError, match=r"a real node is [\d.]+'s alone: a kubelet may not be newer than its API server"
    ):
        Bed.up("mine", real_node=True, kubernetes=Kubernetes.OLDEST)


def test_one_with_a_second_gateway_is_refused_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(TestbedError, match="has no second gateway"):
        Bed.up("mine", real_node=True, envoy=True)
    assert list(tmp_path.iterdir()) == []


def program(path: Path, says: str, status: int = 0) -> tuple[str, ...]:
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
    path.chmod(0o755)
    return (str(path),)


@pytest.mark.parametrize("kit", ["", "Kubernetes v1.0.0", f"Kubernetes v{KUBERNETES}0"])
def test_a_kit_without_this_kubelet_is_no_reason_to_do_without_one_that_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kit: str
) -> None:
    """Such as one that was compiled here."""
    given = {name: program(tmp_path / name, f"Kubernetes v{KUBERNETES}") for name in NODE.programs}
    packed = (*program(tmp_path / "kit", kit, 0 if kit else 2), "etcd")

    def locate(tool: Tool, _progress: Progress) -> Programs:
        return given if tool is NODE else {"etcd": packed}

    monkeypatch.setattr(needs, "locate", locate)
    assert needs.kubernetes_programs(silent) == given
    program(tmp_path / "kubelet", "Kubernetes v1.36.0")
    with pytest.raises(TestbedError, match=rf"needs kubelet {KUBERNETES}, and .*kubelet says: Kubernetes v1\.36\.0"):
        needs.kubernetes_programs(silent)


def test_versions_that_nothing_pins_are_told(tmp_path: Path) -> None:
    folder, told = tmp_path / "usr" / "bin", list[str]()
    folder.mkdir(parents=True)
    for name in ("containerd", "runc", "nft"):
        program(folder / name, f"{name} 1.2.3 ")
    needs.check_packages(DebianRoot(tmp_path), told.append)
    assert told == ["real node: containerd 1.2.3, runc 1.2.3"]


@pytest.mark.parametrize("broken", ["containerd", "runc", "nft"])
def test_a_package_that_does_not_run_here_is_a_reason(tmp_path: Path, broken: str) -> None:
    """The machine's C library is older than its, or the kernel lacks what it needs."""
    folder = tmp_path / "usr" / "bin"
    folder.mkdir(parents=True)
    for name in ("containerd", "runc", "nft"):
        program(folder / name, f"{name}: GLIBC_2.99 not found", int(name == broken))
    with pytest.raises(TestbedError, match=rf"{broken}.* says: {broken}: GLIBC_2\.99 not found"):
        needs.check_packages(DebianRoot(tmp_path), silent)


def test_what_the_kubelet_misses_is_named(hierarchies: Path) -> None:
    cgroups.check()
    (hierarchies / "pids" / "tasks").unlink()
    with pytest.raises(TestbedError, match=r"lets nobody write to pids of that version"):
        cgroups.check()


def test_beds_of_one_name_in_two_places_share_no_group() -> None:
    """Root is one user, but a login and sudo may give it folders of its own: one kubelet would end the other's pods."""
    names = {cgroups.name_of(Path(place, "crossfade-0", "default")) for place in ("/tmp", "/run/user/0")}
    assert len(names) == 2
    assert all("-default-" in name and "/" not in name for name in names)


def test_a_containerd_that_takes_no_image_ends_the_start(tmp_path: Path) -> None:
    folder, layout = tmp_path / "usr" / "bin", Layout(tmp_path)
    for made in (folder, layout.node):
        made.mkdir(parents=True)
    program(folder / "busybox", "")
    program(folder / "ctr", "")
    images.add_sandbox(DebianRoot(tmp_path), layout, 10.0)
    (folder / "ctr").write_text("#!/bin/sh\nexec sleep 100\n")
    with pytest.raises(TestbedError, match=rf"does not take the image {SANDBOX} within 0 s"):
        images.add_sandbox(DebianRoot(tmp_path), layout, 0.1)


def test_a_bed_s_groups_are_in_every_hierarchy_and_go_with_all_below_them(hierarchies: Path) -> None:
    cgroups.create("mine")
    made = [path.parent.name for path in hierarchies.glob("*/mine") if not path.parent.is_symlink()]
    assert sorted(made) == ["cpu,cpuacct", "cpuset", "memory", "pids"]
    (hierarchies / "memory" / "mine" / "pod" / "container").mkdir(parents=True)
    (hierarchies / "memory" / "others").mkdir()
    for _ in range(2):
        cgroups.remove("mine")
        assert list(hierarchies.glob("*/mine")) == []
    assert (hierarchies / "memory" / "others").is_dir()
