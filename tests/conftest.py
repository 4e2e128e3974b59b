"""Fixtures for every tier."""

import pytest

pytest_plugins = ["testbed.pytest_plugin"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests without a cluster go first: from inside a bed's network, which the process then enters, no package can be
    fetched."""
    items.sort(key=lambda item: "bed" in getattr(item, "fixturenames", ()))
