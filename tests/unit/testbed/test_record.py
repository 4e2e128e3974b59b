"""Would catch a testbed that another checkout's bed on the same machine keeps from starting, or a bed that is taken for
another."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.bed import Bed
from testbed.binaries import Kubernetes
from testbed.errors import TestbedError
from testbed.layout import Layout
from testbed.process import start_time
from testbed.record import Record, folder_of, read


def a_bed(**more: str) -> Record:
    """The record of a bed `mine`, which is as alive as this process."""
    folder, pid = folder_of("mine"), os.getpid()
    started = start_time(pid)
    assert started is not None
    folder.mkdir()
    told = replace(Record("mine", str(folder), pid, started, "k", "a", None, ready=True), **more)
    told.write()
    return told


def test_a_bed_that_says_more_of_itself_than_is_known_here_is_a_bed(tmp_path: Path) -> None:
    told = {"name": "other", "dir": str(tmp_path), "pid": os.getpid(), "started": start_time(os.getpid())}
    more = {"kubeconfig": "k", "audit": "a", "mlflow": None, "what_a_later_release_adds": "x"}
    Layout(tmp_path).record.write_text(json.dumps({**told, **more}))
    found = read(tmp_path)
    assert found is not None
    assert (found.name, found.pid) == ("other", os.getpid())
    assert found.kubernetes == Kubernetes.NEWEST


def test_a_bed_of_another_kubernetes_is_not_taken_for_the_one_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests would be said to have passed on a version on which they never ran."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    a_bed(kubernetes=Kubernetes.OLDEST)
    assert Bed.up("mine", kubernetes=Kubernetes.OLDEST).kubernetes is Kubernetes.OLDEST
    with pytest.raises(TestbedError, match=r"runs the oldest Kubernetes; .*start it anew with --kubernetes newest"):
        Bed.up("mine")


def test_a_bed_of_another_node_is_not_taken_for_the_one_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images of the one are nothing to the other."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    real = a_bed(packages="p")
    assert Bed.up("mine", real_node=True).name == "mine"
    with pytest.raises(TestbedError, match="has a real node; end it"):
        Bed.up("mine")
    replace(real, packages=None).write()
    with pytest.raises(TestbedError, match="has the stand-in for a node; end it"):
        Bed.up("mine", real_node=True)


def test_a_real_node_gets_no_second_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(TestbedError, match="has no second gateway"):
        Bed(a_bed(packages="p")).start_envoy()
