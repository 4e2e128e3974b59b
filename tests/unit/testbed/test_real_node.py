"""Catches a real node on a machine that cannot have one, and control groups that it leaves there."""

import os
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.node import cgroups, needs
from testbed.progress import silent


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
        needs.fetch(silent)


def test_what_the_kubelet_misses_is_named(hierarchies: Path) -> None:
    cgroups.check()
    (hierarchies / "pids" / "tasks").unlink()
    with pytest.raises(TestbedError, match=r"lets nobody write to pids of that version"):
        cgroups.check()


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
