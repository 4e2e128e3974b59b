"""Catches a pod that finds another model on a volume than the operator would, and a loader that lets other bytes or
other pickles serve than were found."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from crossfade.adapters.artifacts.local import LocalArtifacts
from crossfade.observe.handover import MOST_BYTES, unpacked
from crossfade.observe.reading import read_model

from tests.contract.conftest import inherited_environment
from tests.support.verified import MISMATCH_EXIT, flip_a_bit

URI = "pvc://models/fraud/7"


def crossfade(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as a pod does."""
    return subprocess.run(
        [sys.executable, "-m", "crossfade", *words],
        env=inherited_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with a model of three files, one of them a pickle of plain values."""
    model = tmp_path / "volume" / "fraud" / "7"
    (model / "deep").mkdir(parents=True)
    (model / "weights").write_bytes(bytes(range(256)) * 5000)
    (model / "deep" / "values.pkl").write_bytes(pickle.dumps([1, 2]))
    (model / "README.md").write_text("---\nlicense: mit\n---\n")
    return tmp_path / "volume"


async def test_a_pod_finds_what_the_operator_would_and_a_loader_takes_it(volume: Path, tmp_path: Path) -> None:
    done = crossfade("measure", "--uri", URI, "--volume", str(volume))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.strip()) <= MOST_BYTES
    found = unpacked(done.stdout.strip())
    assert found is not None
    assert found == await read_model(LocalArtifacts(volume), f"file://{volume}/fraud/7")
    assert found.facts.serialization is not None
    assert (found.files, found.facts.serialization.pickle) == (3, "Known")

    to = tmp_path / "models"
    words = ("load", "--uri", URI, "--digest", found.digest, "--to", str(to), "--volume", str(volume), "--pickle")
    done = crossfade(*words, "Known")
    assert (done.returncode, done.stderr) == (0, "")
    assert (to / "deep" / "values.pkl").read_bytes() == (volume / "fraud" / "7" / "deep" / "values.pkl").read_bytes()

    done = crossfade(*words, "None")  # also where the files are there already
    assert done.returncode == MISMATCH_EXIT
    assert "are 'Known', and 'None' was recorded when it was resolved" in done.stderr

    flip_a_bit(volume / "fraud" / "7" / "weights")
    done = crossfade(*words[:6], str(tmp_path / "second"), *words[7:], "Known")
    assert done.returncode == MISMATCH_EXIT
    assert f"but {found.digest} was promised" in done.stderr
    assert list((tmp_path / "second").iterdir()) == []
