"""Would catch a cluster of somebody else's in which Crossfade does not work, and tests of another one than was meant;
what is said of it is in the output."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from testbed.bed import Bed
from testbed.errors import TestbedError
from testbed.handle import ClusterHandle, current_cluster
from tests.chart.conftest import Release
from tests.chart.test_doctor import HERE

pytestmark = pytest.mark.cluster

_TESTS = Path(__file__).parents[1]


@pytest.mark.anywhere(first=True)
def test_the_doctor_finds_that_it_works_here(bed: ClusterHandle, capfd: pytest.CaptureFixture[str]) -> None:
    """Before anything else is tried. CROSSFADE_PROMETHEUS_URL, where it is given, is asked in place of the operator's,
    and CROSSFADE_NAMESPACE alone is looked at."""
    if isinstance(bed, Bed):
        pytest.skip("of the testbed test_doctor.py knows what the doctor must find")
    words = ["--prometheus", bed.prometheus] if bed.prometheus else []
    words += ["--namespace", namespace] if (namespace := os.environ.get("CROSSFADE_NAMESPACE")) else []
    with capfd.disabled():
        print("\n", flush=True)
        with bed.popen([sys.executable, "-m", "crossfade", "doctor", *words]) as process:
            status = process.wait()
    assert status == 0, "it does not work here, or is not known to: what `crossfade doctor` says is above"


@pytest.mark.slow
def test_tests_for_any_cluster_pass_on_one_that_they_did_not_make_and_store_nothing(bed: Bed, release: Release) -> None:
    """The bed, by its kubeconfig and addresses alone, as an administrator would have their cluster tested."""
    bed.kubectl("wait", f"namespace/{HERE}", "--for=delete", "--timeout=180s")
    given = {"CROSSFADE_PROMETHEUS_URL": bed.prometheus, "CROSSFADE_NAMESPACE": release.namespace}
    command = [sys.executable, "-m", "pytest", "--cluster=current", "-m", "anywhere or cluster", "-rs", "-v"]
    folders = [str(_TESTS / name) for name in ("chart", "cluster")]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    before = len(bed.audit.read_text().splitlines())
    with bed.popen([*command, *folders], env=os.environ | given, cwd=_TESTS.parent, **pipes) as process:
        said = process.communicate()[0]
    assert process.returncode == 0, said
    first = next(line for line in said.splitlines() if "::test_" in line)
    assert "test_the_doctor_finds_that_it_works_here" in first
    assert "It works here. Findings: 0 faults" in said
    assert said.count(" PASSED") > 200, said
    assert "SKIPPED" in said
    assert "not with --cluster=current: it changes its cluster, or needs what the testbed alone has" in said
    asked = asked_for(bed.audit.read_text().splitlines()[before:])
    assert len(asked) > 200, "the audit log knows who asked for dry runs and reviews"
    assert [uri for uri in asked if "dryRun=All" not in uri and not uri.startswith("/apis/authorization.k8s.io/")] == []


def asked_for(lines: list[str]) -> list[str]:
    """All that an administrator would have written, if it was kept."""
    entries = (json.loads(line) for line in lines)
    return [entry["requestURI"] for entry in entries if entry["user"]["username"] == "admin"]


def test_it_is_the_same_cluster_to_the_end_whatever_somebody_turns_to(
    bed: ClusterHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several kubeconfigs that of the first which says which context is present, as kubectl has it."""
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.write_text(bed.kubeconfig.read_text())
    context = {"name": "other", "context": {"cluster": "other", "user": "user", "namespace": "theirs"}}
    cluster = {"name": "other", "cluster": {"server": "https://127.0.0.1:1"}}
    other.write_text(json.dumps({"current-context": "other", "contexts": [context], "clusters": [cluster]}))
    for name, value in {**bed.environment(), "KUBECONFIG": os.pathsep.join(("mine", "other"))}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    with current_cluster() as found:
        monkeypatch.chdir("/")  # programs run in folders of their own
        bed.kubectl("config", "set", "current-context", "other", "--kubeconfig", str(mine))
        bed.kubectl("config", "set-context", "testbed", "--namespace=theirs", "--kubeconfig", str(mine))
        assert (
            found.kubectl("get", "configmaps", "kube-root-ca.crt", "--output=jsonpath={.metadata.namespace}")
            == "default"
        )
    monkeypatch.chdir(tmp_path)
    with current_cluster() as found, pytest.raises(TestbedError, match=r"127\.0\.0\.1:1"):
        found.kubectl("get", "configmaps")
