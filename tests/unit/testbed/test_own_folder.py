"""Would catch folders that killed processes leave for ever, and one that is taken from a process that lives."""

import subprocess
import sys
from pathlib import Path

from tests.support.own_folder import own_folder

_HOLDS_ONE = """
import sys
from pathlib import Path
from tests.support.own_folder import own_folder

with own_folder("things-", Path(sys.argv[1])) as folder:
    (folder / "thing").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


def holder(parent: Path) -> tuple["subprocess.Popen[str]", Path]:
    """A process that has one, and the folder."""
    words = [sys.executable, "-c", _HOLDS_ONE, str(parent)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_it_goes_with_its_end(tmp_path: Path) -> None:
    with own_folder("things-", tmp_path) as folder:
        assert (folder.is_dir(), folder.parent, folder.name[:7]) == (True, tmp_path, "things-")
    assert list(tmp_path.iterdir()) == []


def test_the_next_one_removes_what_no_living_process_owns_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "things-of-others").touch()
    (tmp_path / "other-things").mkdir()
    dead, left = holder(tmp_path)
    dead.kill()
    dead.communicate()
    assert (left / "thing").exists()
    alive, kept = holder(tmp_path)
    with own_folder("things-", tmp_path):
        assert not left.exists()
        assert (kept / "thing").exists()
    alive.communicate()
    assert alive.returncode == 0
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["other-things", "things-of-others"]
