"""What is to be said of a release: `python -m release.notes v0.1.0` prints its part of CHANGELOG.md.

Ends with 1 and a sentence when the tag, the sources, the chart and the changelog do not name one version.
"""

import re
import sys
from pathlib import Path

import yaml
from crossfade.version import VERSION

ROOT = Path(__file__).parents[1]
_HEADING = re.compile(r"^## \[(?P<version>[^]]+)](?: - (?P<day>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)


class NotReadyError(Exception):
    """This cannot be released as it is; the message says what to change."""


def chart_versions(root: Path = ROOT) -> dict[str, str]:
    """`version` and `appVersion` of the chart."""
    about = yaml.safe_load((root / "charts" / "crossfade" / "Chart.yaml").read_text())
    return {name: str(about[name]) for name in ("version", "appVersion")}


def sections(changelog: str) -> dict[str, tuple[str | None, str]]:
    """Version, or `Unreleased`, -> the day of its release if there was one, and what changed; newest first."""
    found = list(_HEADING.finditer(changelog))
    ends = [heading.start() for heading in found[1:]] + [len(changelog)]
    return {
        heading["version"]: (heading["day"], changelog[heading.end() : end].strip())
        for heading, end in zip(found, ends, strict=True)
    }


def notes(tag: str, root: Path = ROOT) -> str:
    """The changes of the release that `tag` names. Raises NotReadyError."""
    if tag != f"v{VERSION}":
        raise NotReadyError(
            f"the tag is {tag}, and operator/crossfade/version.py says {VERSION}: it would be v{VERSION}"
        )
    for name, told in chart_versions(root).items():
        if told != VERSION:
            raise NotReadyError(f"{name} in charts/crossfade/Chart.yaml is {told}: {VERSION} would be right")
    day, changes = sections((root / "CHANGELOG.md").read_text()).get(VERSION, (None, ""))
    if not (day and changes):
        raise NotReadyError(
            f"CHANGELOG.md has no changes under `## [{VERSION}] - YYYY-MM-DD`: move what is unreleased there"
        )
    return changes


def main() -> None:
    """Entry point."""
    try:
        print(notes(sys.argv[1]))
    except NotReadyError as fault:
        sys.exit(f"not released: {fault}")


if __name__ == "__main__":
    main()
