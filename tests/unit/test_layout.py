"""Would catch: a file that makes `operator/` shadow Python's own module of that name."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def test_the_folder_operator_is_no_package() -> None:
    assert not (_ROOT / "operator" / "__init__.py").exists()


def test_python_started_in_the_repository_finds_its_own_operator_module() -> None:
    found = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            "import sys; sys.path.insert(0, ''); import operator; print(operator.itemgetter(0)('x'))",
        ],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "x"
