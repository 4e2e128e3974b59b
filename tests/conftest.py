"""Fixtures for every tier."""

pytest_plugins = ["testbed.pytest_plugin"]
