"""Would catch a doctor that takes a cluster which it cannot reach for one that works."""

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
