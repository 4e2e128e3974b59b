"""`python -m crossfade.codegen [ROOT]`: write the generated files below the repository's root and remove stale ones."""

import sys
from pathlib import Path

from crossfade.codegen.tree import FOLDERS, generated_files


def generate(root: Path) -> list[Path]:
    """Write what differs below `root`, remove what is no longer generated; returns the paths touched."""
    wanted = {root / path: content for path, content in generated_files().items()}
    stale = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file() and path not in wanted]
    changed = [path for path, content in wanted.items() if not path.exists() or path.read_text("utf-8") != content]
    for path in stale:
        path.unlink()
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], "utf-8")
    return stale + changed


def main() -> None:
    """Generate below the folder given, or below the current one."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    if not (root / "pyproject.toml").is_file():
        sys.exit(f"{root} holds no pyproject.toml: run this in the repository's root, or give that as the argument.")
    for path in generate(root):
        sys.stdout.write(f"{path.relative_to(root)}\n")


if __name__ == "__main__":
    main()
