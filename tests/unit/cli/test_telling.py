"""Catches a load that waits or has failed and says nothing of it, or says it where a model is."""

import json
from pathlib import Path
from typing import Any

import pytest
from crossfade.cli.commands import app
from crossfade.cli.telling import Teller
from crossfade.observe.progress import Progress
from crossfade.observe.staging import STAGING, STATUS, Staging
from typer.testing import CliRunner

DIGEST = "sha256:" + "1" * 64


def teller(to: Path) -> Teller:
    return Teller(Progress(), to, DIGEST)


def told(to: Path) -> tuple[Any, ...]:
    """State and message."""
    found = json.loads((to / STAGING / STATUS).read_text())
    return found["state"], found["message"]


@pytest.mark.parametrize("there", [True, False])
def test_a_load_that_waits_before_its_first_byte_says_why(tmp_path: Path, there: bool) -> None:
    to = tmp_path / "to"
    if there:
        to.mkdir()
    teller(to).waits("the registry is away", 4.0)
    assert told(to) == ("Waiting", "the registry is away")
    assert Staging(to, DIGEST).begin(), "it is of a load, and no model"
    assert not (to / STAGING / STATUS).exists()


def test_nothing_is_written_beside_a_model(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"verified")
    teller(tmp_path).waits("the credentials cannot be read", 4.0)
    teller(tmp_path).failed("the credentials cannot be read")
    assert [entry.name for entry in tmp_path.iterdir()] == ["weights"]


def test_nothing_is_written_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / STAGING).symlink_to(tmp_path / "victim")
    teller(tmp_path / "to").waits("the registry is away", 4.0)
    teller(tmp_path / "to").failed("the registry is away")
    assert list((tmp_path / "victim").iterdir()) == []


def test_what_failed_for_good_leaves_an_empty_folder_empty(tmp_path: Path) -> None:
    teller(tmp_path).failed("other bytes than promised")
    assert list(tmp_path.iterdir()) == []


def test_a_load_that_is_given_up_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossfade.cli.load._TRY_SECONDS", 2.0)
    address = ["--hugging-face-address", "http://127.0.0.1:1"]
    arguments = ["--uri", f"hf://risk/model@{'c' * 40}", "--digest", DIGEST, "--to", str(tmp_path), *address]
    assert CliRunner().invoke(app, ["load", *arguments]).exit_code == 4
    state, message = told(tmp_path)
    assert (state, "cannot be read" in message) == ("Failed", True)
