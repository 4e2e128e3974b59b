"""Catches credentials of an address in a message."""

import pytest
from crossfade.adapters.address import shown


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://user:secret@mlflow:5000/", "http://mlflow:5000"),
        ("https://token@host/path/?key=secret#secret", "https://host/path"),
        ("http://u:p%40ss@[fd12::5]:9090/prom", "http://[fd12::5]:9090/prom"),
        ("http://prometheus.monitoring.svc:9090", "http://prometheus.monitoring.svc:9090"),
    ],
)
def test_what_is_shown_names_the_place_alone(address: str, expected: str) -> None:
    assert shown(address) == expected
