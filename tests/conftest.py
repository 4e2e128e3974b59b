"""Fixtures for every tier."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["testbed.pytest_plugin"]

# whoever shares the machine makes no example wrong, nor too slow to be made
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
