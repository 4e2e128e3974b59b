"""Would catch a field that is lost without being named, or named and never found again, which would hold for good."""

from typing import Any

import pytest
from crossfade.decide.outdated import named, told
from crossfade.ports import ClusterError
from crossfade.status.definitions import Definitions

from tests.unit.fakes.clock import FakeClock

TEXT = {"type": "string"}
NEW: dict[str, Any] = {
    "properties": {
        "plain": TEXT,
        "mode": {"enum": ["Old", "New"]},
        "inner": {"properties": {"kept": TEXT, "mode": {"enum": ["Old", "New"]}}, "required": ["mode"]},
        "items": {"items": {"properties": {"name": TEXT, "more": TEXT}, "required": ["name"]}},
        "byName": {"additionalProperties": {"properties": {"at": TEXT, "why": TEXT}}},
        "texts": {"additionalProperties": TEXT},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    }
}
STATUS = {
    "plain": "a",
    "mode": "New",
    "inner": {"kept": "b", "mode": "New"},
    "items": [{"name": "x", "more": "1"}, {"name": "y"}],
    "byName": {"v1.0": {"at": "t", "why": "w"}},
    "texts": {"a.b": "c"},
    "open": {"whatever": {"it": "is"}},
}


class Served:
    """The Schemas port: one kind whose definition is `schema`, or nothing that can be read."""

    def __init__(self, schema: dict[str, Any] | None) -> None:
        self.schema, self.reads = schema, 0

    async def read(self) -> Any:
        """See status/definitions.py."""
        self.reads += 1
        if self.schema is None:
            raise ClusterError("forbidden", 403)
        return {"Thing": self.schema}


def old() -> dict[str, Any]:
    """Of another release."""
    known = NEW["properties"]
    closed = {"enum": ["Old"]}
    return {
        "properties": {
            **{name: known[name] for name in ("texts", "open")},
            "mode": closed,
            "inner": {"properties": {"kept": TEXT, "mode": closed}, "required": ["mode"]},
            "items": {"items": {"properties": {"name": TEXT}, "required": ["name"]}},
            "byName": {"additionalProperties": {"properties": {"at": TEXT}}},
        }
    }


@pytest.fixture
def served() -> Served:
    return Served(old())


async def definitions(served: Served) -> tuple[Definitions, FakeClock]:
    clock = FakeClock()
    found = Definitions(served, clock, lambda: None)
    await found.look()
    return found, clock


async def test_what_is_not_known_is_left_out_and_named_and_the_rest_is_kept(served: Served) -> None:
    found, _ = await definitions(served)
    kept, lost = found.fit("Thing", STATUS)
    assert lost == {"plain", "mode=New", "inner.mode=New", "items[].more", "byName.*.why"}
    assert kept == {
        "items": [{"name": "x"}, {"name": "y"}],
        "byName": {"v1.0": {"at": "t"}},
        "texts": STATUS["texts"],
        "open": STATUS["open"],
    }


async def test_each_that_is_named_is_found_again_and_known_once_the_definition_is_current(served: Served) -> None:
    found, clock = await definitions(served)
    _, lost = found.fit("Thing", STATUS)
    said = {"conditions": [{"type": "DefinitionOutdated", "message": told("Thing", lost)}]}
    assert named(said) == lost
    assert all(found.lacks("Thing", field) for field in lost)
    served.schema = NEW
    clock.at += 10
    await found.look()
    assert not any(found.lacks("Thing", field) for field in lost)
    assert found.fit("Thing", STATUS) == (STATUS, frozenset())


async def test_what_cannot_be_read_changes_nothing_and_is_not_asked_for_with_every_refusal() -> None:
    served = Served(None)
    found, clock = await definitions(served)
    for _ in range(10):
        await found.look()
    assert served.reads == 1
    assert found.fit("Thing", STATUS) == (STATUS, frozenset())
    assert found.lacks("Thing", "plain"), "what was said before holds until it is looked at"
    clock.at += 10
    await found.look()
    assert served.reads == 2
