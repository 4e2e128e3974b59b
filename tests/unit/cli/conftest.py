"""What tests of `crossfade judge` share."""

from pathlib import Path

import pytest

from tests.unit.cli.streams import Tell


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Judges streams by an analysis of its own."""
    return Tell(tmp_path / "analysis.yaml")
