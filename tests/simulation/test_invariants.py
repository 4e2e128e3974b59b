"""Would catch: a promise that is written and never checked, listed twice or without a sentence, or broken unheard."""

from importlib import import_module
from pathlib import Path

import pytest

from tests.simulation.invariants import OVER_TIME, PROMISES, Promise

LISTED: list[object] = [*(one.check for one in PROMISES), *(one.check for one in OVER_TIME)]


def is_public(name: str, found: object, module: str) -> bool:
    """Whether it is a function of the module's own that others may use."""
    return getattr(found, "__module__", "") == module and not name.startswith("_")


def test_every_promise_that_is_written_is_listed_once() -> None:
    modules = [import_module(f"tests.simulation.{file.stem}") for file in Path(__file__).parent.glob("*_promises.py")]
    written = [
        found for one in modules for found in vars(one).values() if getattr(found, "__module__", "") == one.__name__
    ]
    assert {one for one in written if not one.__name__.startswith("_")} == set(LISTED)
    assert len(set(LISTED)) == len(LISTED)


def test_every_promise_is_a_sentence_of_its_own() -> None:
    said = [*(one.sentence for one in PROMISES), *(one.sentence for one in OVER_TIME)]
    assert len(set(said)) == len(said)
    assert all(one[0].isupper() and one.endswith(".") for one in said)


def test_a_broken_promise_is_told_by_its_sentence() -> None:
    def never(_: str) -> None:
        raise AssertionError("found")

    with pytest.raises(AssertionError) as broken:
        Promise("It never is.", never).hold("anything")
    assert broken.value.__notes__ == ["never: It never is."]
