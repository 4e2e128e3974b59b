"""Would catch a version that is compared with the wrong one, or that costs a look at all of its model."""

from typing import Any

import pytest
from crossfade.observe.releases import Releases
from crossfade.ports import Object
from crossfade.watch.queue import WorkQueue
from crossfade.watch.world import World
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.objects import version as model_version


def stored(name: str, version: str, digest: str | None = "sha256:a", at: int = 1, **spec: Any) -> Object:
    raw = model_version(name, version=version, **spec)
    raw["metadata"] |= {"uid": name, "resourceVersion": str(at), "generation": 1}
    return {**raw, "status": {"resolved": {"digest": digest}}} if digest else raw


def world(*objects: Object) -> World:
    made = World(WorkQueue(FakeClock(), lambda: 0.0))
    for one in objects:
        made.absorb(one)
    return made


def compared(releases: Releases, version: str, digest: str = "sha256:x") -> str | None:
    return releases.compared("ml", "model", version, digest)


def test_the_highest_lower_release_that_is_resolved() -> None:
    found = world(
        stored("a", "1.0.0"),
        stored("b", "1.10.0"),
        stored("c", "1.9.0"),
        stored("d", "1.11.0-rc.1"),
        stored("e", "1.10.5", None),
        stored("f", "2.0.0"),
        stored("other", "1.10.9", modelName="another"),
    ).releases
    said = {
        version: compared(found, version) for version in ("0.9.0", "1.0.1", "1.9.5", "1.11.0", "1.11.0-rc.2", "3.0.0")
    }
    assert said == {"0.9.0": None, "1.0.1": "a", "1.9.5": "c", "1.11.0": "b", "1.11.0-rc.2": "b", "3.0.0": "f"}
    assert found.compared("elsewhere", "model", "3.0.0", "sha256:x") is None


@pytest.mark.parametrize(
    ("version", "twin"), [("1.1.0", "1.1.0"), ("1.1.0+a", "1.1.0+b"), ("1.1.0-rc.1", "1.1.0-rc.1")]
)
def test_one_of_the_same_version_with_other_bytes_comes_first(version: str, twin: str) -> None:
    found = world(stored("a", "1.0.0"), stored("twin", twin, "sha256:t")).releases
    assert compared(found, version) == "twin"
    assert compared(found, version, "sha256:t") == "a"


def test_what_is_deleted_or_made_anew_is_not_compared_with() -> None:
    known = world(stored("a", "1.0.0"), stored("b", "1.1.0"))
    known.remove(stored("b", "1.1.0", at=2))
    assert compared(known.releases, "2.0.0") == "a"
    known.absorb(stored("a", "1.0.0", None, at=3))
    assert compared(known.releases, "2.0.0") is None
    known.absorb(stored("a", "1.0.0", at=4))
    known.replace("ModelVersion", None, [], version=5)
    assert (known.releases._sorted, known.releases._alike) == ({}, {})


@pytest.mark.parametrize("version", ["nonsense", None, 7, ["1.0.0"]])
def test_an_object_that_the_schema_would_refuse_is_passed_over(version: Any) -> None:
    assert compared(world(stored("a", version)).releases, "9.0.0") is None


SOME = st.builds(Version, *[st.integers(0, 2)] * 3, st.sampled_from([None, None, "rc.1"])).map(str)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), SOME, st.sampled_from("xy"), st.booleans())), SOME)
def test_whatever_came_and_went_it_is_the_one_that_a_look_at_all_finds(
    moves: list[tuple[str, str, str, bool]], version: str
) -> None:
    known, there = world(), dict[str, tuple[str, str]]()
    for at, (name, number, digest, goes) in enumerate(moves, start=1):
        raw = stored(name, number, digest, at)
        if goes:
            known.remove(raw)
            there.pop(name, None)
        else:
            known.absorb(raw)
            there[name] = (number, digest)
    alike = [name for name, (number, digest) in there.items() if number == version and digest != "x"]
    lower = [
        (Version.parse(number), name)
        for name, (number, _) in there.items()
        if Version.parse(number) < Version.parse(version) and "-" not in number
    ]
    expected = max(alike) if alike else max(lower)[1] if lower else None
    assert compared(known.releases, version, "x") == expected


def test_among_a_thousand_nothing_is_listed_and_few_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    known = world(*(stored(f"v{minor}", f"1.{minor}.0") for minor in range(1000)))
    monkeypatch.setattr(known.cache, "all", None)
    looks = 0
    compare = Version.compare

    def counted(self: Version, other: Any) -> int:
        nonlocal looks
        looks += 1
        return compare(self, other)

    monkeypatch.setattr(Version, "compare", counted)
    for minor in range(1000):
        assert compared(known.releases, f"1.{minor}.1") == f"v{minor}"
    assert looks <= 25_000
