"""Would catch pods of a deleted Deployment, or a copy for debugging, taken for the Deployment's, or its own for others.

All of them have the labels of its pods, so its Service leads to them.
"""

from typing import Any

import pytest

from tests.unit.observe.test_slices import LATER, REVISION, WHEN, a_slice, end, gathered, listed, placed, pod

FAILED: dict[str, Any] = {"status": {"phase": "Failed"}}
UNREADY: dict[str, Any] = {"status": {}}


def there(*pods: dict[str, Any], made: str = LATER, counts: int | None = None) -> list[str]:
    """The pods that are the Deployment's, which was `made` then, and whose status `counts` so many."""
    deployment = placed("Deployment", REVISION, made) | ({} if counts is None else {"status": {"replicas": counts}})
    return [one.name for one in gathered(*pods, **deployment).pods]


@pytest.mark.parametrize(
    ("made", "counts", "found"),
    [(WHEN, 0, ["old", "new"]), (LATER, None, ["new"]), (LATER, 1, ["new"]), (LATER, 3, ["old", "new"])],
    ids=["the first one", "made again", "made again, and counted itself", "it has adopted them, and made others"],
)
def test_pods_that_a_deleted_deployment_of_the_name_left_are_not_those_of_the_next(
    made: str, counts: int | None, found: list[str]
) -> None:
    old = pod("old", of="set-0"), pod("drained", of="set-0", deletionTimestamp=LATER)
    names = there(*old, pod("new", LATER), pod("over", of="set-0") | FAILED, made=made, counts=counts)
    assert [one for one in names if one != "drained"] == sorted(found)


def test_a_deployment_whose_only_pods_are_older_has_adopted_them_when_it_counts_them() -> None:
    pods = pod("a"), pod("b")
    assert [there(*pods, counts=counts) for counts in (0, 1, 2)] == [[], [], ["a", "b"]]


@pytest.mark.parametrize(
    "more",
    [
        [pod("c", "2026-01-01T00:05:00Z") | UNREADY],
        [pod("debug", "2026-01-01T00:05:00Z", of="") | UNREADY],
        [pod("debug", of="") | UNREADY],
        [pod("evicted", "2026-01-01T00:05:00Z") | FAILED],
        [pod("evicted") | FAILED],
        [pod("drained", deletionTimestamp=LATER)],
    ],
    ids=[
        "one more of the same ReplicaSet, which the status does not count yet",
        "a copy for debugging",
        "an old one",
        "one that failed",
        "one that failed long since",
        "one that leaves",
    ],
)
def test_adopted_pods_count_whatever_other_pod_is_made(more: list[dict[str, Any]]) -> None:
    deployment = placed("Deployment", REVISION, LATER) | {"status": {"replicas": 2}}
    found = gathered(pod("a"), pod("b"), *more, a_slice(end("a"), end("b")), stable=REVISION, **deployment)
    assert listed(found) == ["a", "b"]


def test_a_copy_that_serves_and_crashes_says_nothing_of_the_deployment() -> None:
    """`kubectl debug --copy-to` keeps labels, where it is told to, and names no controller."""
    assert there(pod("a"), pod("debug", of=""), made=WHEN, counts=1) == ["a"]


def test_clocks_of_two_api_servers_may_differ() -> None:
    pods = pod("soon", "2026-01-01T00:00:56Z"), pod("before", "2026-01-01T00:00:54Z", of="set-0")
    assert there(*pods, counts=1) == ["soon"]
