"""Would catch a release whose parts name different versions, or of which the changelog says nothing."""

import inspect
import re
import shutil
import tomllib
from pathlib import Path

import pytest
from crossfade.cli.run import run
from crossfade.version import VERSION

from release.notes import ROOT, NotReadyError, chart_versions, notes, sections

_CHANGES = (
    "# Changelog\n\n## [Unreleased]\n\n### Added\n- Later.\n\n## [{version}] - 2026-12-01\n\n### Added\n- A door.\n"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what names the version, with a changelog that knows this release."""
    chart = tmp_path / "charts" / "crossfade"
    chart.mkdir(parents=True)
    shutil.copy(ROOT / "charts" / "crossfade" / "Chart.yaml", chart)
    (tmp_path / "CHANGELOG.md").write_text(_CHANGES.format(version=VERSION))
    return tmp_path


def test_everything_names_the_version_of_the_sources() -> None:
    """The package takes it from there as it is built; the rest has it in words of its own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["tool"]["hatch"]["version"]["path"] == "operator/crossfade/version.py"
    assert set(chart_versions().values()) == {VERSION}
    assert inspect.signature(run).parameters["loader_image"].default == f"ghcr.io/crossfade-dev/crossfade:{VERSION}"


def test_the_changelog_begins_with_what_is_unreleased_and_knows_no_later_version() -> None:
    """Nothing is released that the sources have not been."""
    found = sections((ROOT / "CHANGELOG.md").read_text())
    newest, *released = found
    assert newest == "Unreleased"
    assert released[:1] in ([], [VERSION])
    assert all(day for version, (day, _) in found.items() if version != "Unreleased")


def test_every_change_is_under_a_word_that_says_what_it_means_for_users() -> None:
    words = re.findall(r"^### (.*)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert set(words) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_notes_are_the_changes_of_that_release(tree: Path) -> None:
    assert notes(f"v{VERSION}", tree) == "### Added\n- A door."


def test_a_tag_of_another_version_is_not_released(tree: Path) -> None:
    with pytest.raises(NotReadyError, match=f"it would be v{re.escape(VERSION)}"):
        notes("v99.0.0", tree)


def test_a_chart_of_another_version_is_not_released(tree: Path) -> None:
    chart = tree / "charts" / "crossfade" / "Chart.yaml"
    chart.write_text(chart.read_text().replace(f"appVersion: {VERSION}", "appVersion: 0.0.9"))
    with pytest.raises(NotReadyError, match=r"appVersion in charts/crossfade/Chart\.yaml is 0\.0\.9"):
        notes(f"v{VERSION}", tree)


@pytest.mark.parametrize("heading", ["## [0.0.9] - 2026-12-01", f"## [{VERSION}]"])
def test_what_the_changelog_does_not_date_is_not_released(tree: Path, heading: str) -> None:
    changelog = tree / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace(f"## [{VERSION}] - 2026-12-01", heading))
    with pytest.raises(NotReadyError, match=r"CHANGELOG\.md has no changes under"):
        notes(f"v{VERSION}", tree)
