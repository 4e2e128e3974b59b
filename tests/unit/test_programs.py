"""Would catch tests that are left out without a word where every program is meant to be."""

from typing import NoReturn

import pytest

from testbed.errors import TestbedError
from tests.support import programs


@pytest.fixture
def no_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Node.js."""

    def missing(name: str) -> NoReturn:
        raise TestbedError(f"{name} runs on Node.js; install it")

    monkeypatch.setattr(programs, "node_env", missing)


@pytest.mark.usefixtures("no_npm")
def test_without_npm_azures_storage_is_left_out_at_home_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="install it"):
        programs.azurite()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="install it"):
        programs.azurite()
