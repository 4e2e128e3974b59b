"""Would catch a pod whose end does not tell a volume that may still be read from one that never will be."""

from pathlib import Path

import pytest
from crossfade.cli import last_words
from crossfade.cli.commands import app
from typer.testing import CliRunner


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    (tmp_path / "volume" / "linked").mkdir(parents=True)
    (tmp_path / "volume" / "linked" / "link").symlink_to("/etc/passwd")
    return tmp_path / "volume"


@pytest.mark.parametrize(
    ("uri", "status", "said"),
    [
        ("pvc://models/absent", 1, "put the model there, or correct `source.volume.path`"),
        ("pvc://models/linked", 3, "'link' is a symlink or another special file"),
        ("pvc://models/../etc", 3, "is no pvc://<claim>/<path>; correct it"),
    ],
)
def test_what_cannot_be_read_ends_with_one_line_and_a_status_that_says_whether_it_ever_can(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, status: int, said: str
) -> None:
    log = tmp_path / "termination-log"
    log.touch()
    monkeypatch.setattr(last_words, "_TERMINATION_LOG", log)
    done = CliRunner().invoke(app, ["measure", "--uri", uri, "--volume", str(volume)])
    assert (done.exit_code, done.stdout) == (status, "")
    assert done.stderr == f"crossfade measure: {log.read_text()}\n"
    assert said in log.read_text()
    assert len(done.stderr.splitlines()) == 1
