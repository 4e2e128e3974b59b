"""Would catch a ModelSource that takes a field from somebody, or writes more than one field."""

from typing import Any

import pytest
from crossfade.act.moving import OwnedError, move_rollout
from crossfade.api import meta
from crossfade.decide.moving import Move
from crossfade.ports import ClusterError, StaleError

from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.objects import rollout

OURS = f"{meta.MOVES_MANAGER}fraud"


def entry(manager: str, *fields: str, operation: str = "Apply", **more: Any) -> dict[str, Any]:
    """Who has written which fields of the spec."""
    written = {"f:spec": {f"f:{field}": {} for field in fields}}
    return {"manager": manager, "operation": operation, "fieldsV1": written, **more}


def stored(*managed: dict[str, Any]) -> tuple[FakeCluster, Move]:
    """A Rollout that these have written, and a move of it as it is."""
    cluster, raw = FakeCluster(), rollout("v1")
    raw["metadata"]["managedFields"] = list(managed)
    found = cluster.create(raw)["metadata"]
    return cluster, Move("ml", "demo", found["uid"], found["resourceVersion"], "v2", OURS)


async def test_a_field_that_was_handed_over_is_written_and_no_other() -> None:
    cluster, move = stored(entry("kubectl", "serving"), entry(OURS, "modelVersion"))
    before = dict(cluster.objects["Rollout", "ml", "demo"]["spec"])
    moved = await move_rollout(cluster, move)
    assert moved["spec"] == before | {"modelVersion": "v2"}
    assert cluster.writes == [("claim", "Rollout", "demo")]


@pytest.mark.parametrize(
    "managed",
    [
        [entry("kubectl-client-side-apply", "modelVersion", operation="Update")],
        [entry("argocd-controller", "modelVersion"), entry(OURS, "modelVersion")],
        [entry(f"{meta.MOVES_MANAGER}other", "modelVersion")],
        [entry(OURS, "modelVersion", operation="Update"), entry("kustomize-controller", "modelVersion")],
    ],
)
async def test_who_else_owns_it_is_named_and_nothing_is_written(managed: list[dict[str, Any]]) -> None:
    cluster, move = stored(*managed)
    with pytest.raises(OwnedError) as refused:
        await move_rollout(cluster, move)
    others = [one["manager"] for one in managed if (one["manager"], one["operation"]) != (OURS, "Apply")]
    assert refused.value.managers == tuple(others)
    assert cluster.writes == []


async def test_a_name_of_ours_that_was_used_for_the_whole_object_takes_no_field_away() -> None:
    cluster, move = stored(entry(OURS, "modelVersion", "serving", "suspend"))
    with pytest.raises(OwnedError, match="used for more than this field"):
        await move_rollout(cluster, move)
    assert cluster.writes == []


async def test_a_rollout_that_changed_since_is_looked_at_again() -> None:
    cluster, move = stored(entry(OURS, "modelVersion"))
    cluster.create(rollout("v1", suspend=True))
    with pytest.raises(StaleError):
        await move_rollout(cluster, move)
    assert cluster.writes == []


async def test_a_rollout_whose_owners_nobody_has_noted_is_not_moved_and_that_is_said() -> None:
    cluster, move = stored()
    with pytest.raises(OwnedError) as refused:
        await move_rollout(cluster, move)
    assert (refused.value.managers, cluster.writes) == (("before-first-apply",), [])


async def test_a_rollout_that_changes_while_it_is_written_is_looked_at_again() -> None:
    cluster, move = stored(entry(OURS, "modelVersion"))
    claim = cluster.claim

    async def late(*told: Any) -> Any:
        cluster.create(rollout("v1", suspend=True))
        return await claim(*told)

    cluster.claim = late  # type: ignore[method-assign]
    with pytest.raises(StaleError):
        await move_rollout(cluster, move)
    assert cluster.writes == []


async def test_a_rollout_that_is_gone_is_an_error_to_try_again() -> None:
    cluster, move = stored()
    del cluster.objects["Rollout", "ml", "demo"]
    with pytest.raises(ClusterError):
        await move_rollout(cluster, move)
