"""Catches generated files that were edited by hand, forgotten or left behind."""

from pathlib import Path, PurePosixPath

from crossfade.codegen.__main__ import generate
from crossfade.codegen.tree import FOLDERS, generated_files

_ROOT = Path(__file__).parents[3]


def test_the_tree_holds_what_the_types_say() -> None:
    here = {
        PurePosixPath(path.relative_to(_ROOT))
        for folder in FOLDERS
        for path in (_ROOT / folder).rglob("*")
        if path.is_file()
    }

    differing = sorted(str(path) for path, content in generated_files().items() if text_of(path) != content)
    stale = sorted(str(path) for path in here - generated_files().keys())

    assert not differing, f"run `make generate`: {differing} differ"
    assert not stale, f"run `make generate`: {stale} are no longer generated"


def text_of(path: PurePosixPath) -> str | None:
    return (_ROOT / path).read_text("utf-8") if (_ROOT / path).exists() else None


def test_generating_mends_what_differs_and_removes_what_is_stale(tmp_path: Path) -> None:
    generate(tmp_path)
    crd = tmp_path / "crds" / "rollouts.crossfade.dev.yaml"
    stale = tmp_path / "docs" / "reference" / "gone.md"
    crd.write_text("kind: Edited\n", "utf-8")
    stale.write_text("old\n", "utf-8")

    assert set(generate(tmp_path)) == {crd, stale}
    assert not stale.exists()
    assert generate(tmp_path) == []
