"""Would catch the past overwriting the present: late events, resurrected objects, ghosts that a watch never buried."""

import copy
from typing import Any

from crossfade.observe.cache import Cache
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fakes.objects import pod


def at(version: int, name: str = "p", uid: str | None = None, **status: Any) -> dict[str, Any]:
    raw = pod(name, **status)
    raw["metadata"] |= {"resourceVersion": str(version)} | ({"uid": uid} if uid else {})
    return raw


def known(cache: Cache, name: str = "p") -> str | None:
    raw = cache.get("Pod", "ml", name)
    return raw and raw["metadata"]["resourceVersion"]


def test_versions_are_compared_as_numbers() -> None:
    cache = Cache()
    cache.put(at(9))
    assert cache.put(at(10)) is not None
    assert cache.put(at(9)) is None
    assert known(cache) == "10"


def test_a_late_event_about_a_deleted_object_does_not_bring_it_back() -> None:
    cache = Cache()
    cache.put(at(1))
    cache.remove(at(3))
    assert cache.put(at(2)) is None
    assert known(cache) is None


def test_an_object_that_got_its_label_back_is_seen_again() -> None:
    cache = Cache()
    cache.put(at(1))
    cache.remove(at(3))  # what a watch with a label selector says when the label is taken off
    assert cache.put(at(3)) is None
    assert cache.put(at(4)) is not None
    assert known(cache) == "4"


def test_an_older_deletion_does_not_take_what_is_newer() -> None:
    cache = Cache()
    cache.put(at(4))
    assert cache.remove(at(3)) is None
    assert known(cache) == "4"


def test_a_late_deletion_does_not_take_the_namesake_that_was_made_since() -> None:
    cache = Cache()
    cache.put(at(1, uid="old"))
    cache.put(at(5, uid="new"))
    assert cache.remove(at(4, uid="old")) is None
    assert known(cache) == "5"


def test_a_listing_buries_what_vanished_and_spares_what_was_made_after_it() -> None:
    cache = Cache()
    cache.put(at(1, "vanished"))
    cache.put(at(1, "kept"))
    cache.put(at(9, "made-since"))
    cache.replace("Pod", None, [at(1, "kept")], version=5)
    assert cache.put(at(5, "vanished")) is None
    assert known(cache, "vanished") is None
    assert known(cache, "kept") == "1"
    assert known(cache, "made-since") == "9"


def test_a_listing_of_one_namespace_says_nothing_about_another() -> None:
    cache = Cache()
    cache.put(at(1))
    cache.replace("Pod", "elsewhere", [], version=5)
    assert known(cache) == "1"


def test_children_are_found_by_label_and_no_longer_once_it_is_gone() -> None:
    cache = Cache()
    cache.put(at(1))
    assert [raw["metadata"]["name"] for raw in cache.labelled("Pod", "ml", "demo")] == ["p"]
    moved = at(2)
    moved["metadata"]["labels"] = {}
    cache.put(moved)
    assert cache.labelled("Pod", "ml", "demo") == []


def test_what_is_not_read_is_not_kept_and_the_given_object_stays_whole() -> None:
    cache = Cache()
    raw = at(1)
    raw["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    before = copy.deepcopy(raw)
    cache.put(raw)
    assert raw == before
    assert "managedFields" not in str(cache.get("Pod", "ml", "p"))


@given(st.permutations(range(1, 7)))
def test_whatever_the_order_of_events_the_newest_stays(order: list[int]) -> None:
    cache = Cache()
    for version in order:
        cache.put(at(version))
    assert known(cache) == "6"
