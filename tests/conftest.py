"""Fixtures for every tier."""

from hypothesis import settings

pytest_plugins = ["testbed.pytest_plugin"]

settings.register_profile("untimed", deadline=None)  # whoever shares the machine makes no example wrong
settings.load_profile("untimed")
