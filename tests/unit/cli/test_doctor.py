"""Would catch a doctor that takes a cluster which it cannot reach for one that works, or says not which one it saw."""

import json
from pathlib import Path

import pytest
from crossfade.cli.commands import app
from typer.testing import CliRunner


def test_without_a_cluster_it_ends_with_2_and_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    found = CliRunner().invoke(app, ["doctor"])
    assert found.exit_code == 2
    assert "set KUBECONFIG" in found.stderr


def test_an_output_that_is_none_is_refused_with_those_that_are() -> None:
    found = CliRunner().invoke(app, ["doctor", "--output", "yaml"])
    assert found.exit_code == 2
    assert "'text', 'json'" in found.stderr


@pytest.mark.parametrize("credential", [{}, {"token": "hush"}])
def test_it_says_first_at_which_cluster_it_looks_and_shows_no_credential(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, credential: dict[str, str]
) -> None:
    """Also where nobody answers there, which is when one wants to know."""
    kubeconfig = {
        "clusters": [{"name": "there", "cluster": {"server": "http://vera:hush@127.0.0.1:1/k8s/?key=hush"}}],
        "users": [{"name": "vera", "user": credential}],
        "contexts": [{"name": "prod", "context": {"cluster": "there", "user": "vera"}}],
        "current-context": "prod",
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    found = CliRunner().invoke(app, ["doctor"])
    assert found.exit_code == 2
    assert found.stdout.splitlines() == ["Cluster: http://127.0.0.1:1/k8s, by the context `prod`.", ""]
    assert "hush" not in found.output
