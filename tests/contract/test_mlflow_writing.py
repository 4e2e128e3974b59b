"""Catches an MLflow that is told what was not decided, is told it again and again, or over what others did."""

import uuid
from collections.abc import Iterator

import httpx
import pytest
from crossfade.model.access import Access
from crossfade.model.writing import Point, Release, Stage, Tag
from crossfade.ports import Asked, RefusedError, SourceError

from tests.contract.conftest import MLFLOW_ADMIN, MlflowBench
from tests.contract.registry_contract import opened
from tests.contract.telling import AT, RECORD, refused, tell
from tests.contract.test_mlflow_registry import by_password
from tests.support.faults import Proxy, proxy, refusing

pytestmark = pytest.mark.cluster

TAGS = {f"crossfade.dev/{name}": text for name, text in RECORD.items()}


@pytest.fixture
def front(mlflow: MlflowBench) -> Iterator[Proxy]:
    with proxy(mlflow.url) as made:
        yield made


@pytest.fixture
def model(mlflow: MlflowBench) -> str:
    """A model of two versions, with a name that is no plain one."""
    name, _ = mlflow.model({"weights": b"1"}, f"模型 é {uuid.uuid4().hex[:8]}")
    mlflow.model({"weights": b"2"}, name)
    return name


async def check(access: Access) -> None:
    async with opened(access) as found:
        assert isinstance(found.registry, Asked)
        await found.registry.check()


def version(mlflow: MlflowBench, path: str, **which: str) -> dict[str, object]:
    answer = httpx.get(f"{mlflow.url}/api/2.0/mlflow/{path}", params=which, auth=mlflow.auth, timeout=60)
    return dict(answer.json().get("model_version", {}))


def meaning(mlflow: MlflowBench, model: str, alias: str = "champion") -> object:
    return version(mlflow, "registered-models/alias", name=model, alias=alias).get("version")


def put(mlflow: MlflowBench, model: str, number: str, stage: str) -> None:
    """As people do it."""
    told = {"name": model, "version": number, "stage": stage, "archive_existing_versions": False}
    mlflow.post("model-versions/transition-stage", **told)


def stages(mlflow: MlflowBench, model: str) -> list[object]:
    numbers = ("1", "2", "3")
    return [version(mlflow, "model-versions/get", name=model, version=one)["current_stage"] for one in numbers]


def tags(mlflow: MlflowBench, model: str, number: str) -> object:
    found = version(mlflow, "model-versions/get", name=model, version=number).get("tags", [])
    return {tag["key"]: tag["value"] for tag in found if isinstance(tag, dict)} if isinstance(found, list) else None


async def test_an_alias_is_set_and_moved_and_what_is_so_already_is_not_written(
    mlflow: MlflowBench, front: Proxy, model: str
) -> None:
    access = Access("mlflow", front.url)
    for number in ("1", "2"):
        await tell(access, Point(model, "champion", "champion", number))
        assert meaning(mlflow, model) == number
    front.told.clear()
    await tell(access, Point(model, "champion", "champion", "2"))
    assert front.told == []


async def test_an_alias_is_taken_away_while_it_means_what_it_was_given_to_and_no_longer(
    mlflow: MlflowBench, front: Proxy, model: str
) -> None:
    access, over = Access("mlflow", front.url), Release(model, "challenger", "challenger", "1")
    await tell(access, over)
    mlflow.alias(model, "challenger", "2")
    await tell(access, over)
    assert front.told == []
    assert meaning(mlflow, model, "challenger") == "2"
    mlflow.alias(model, "challenger", "1")
    await tell(access, over)
    assert meaning(mlflow, model, "challenger") is None


async def test_a_stage_is_given_and_taken_from_who_had_it_by_this_and_from_nobody_else(
    mlflow: MlflowBench, front: Proxy, model: str
) -> None:
    access = Access("mlflow", front.url)
    mlflow.model({"weights": b"3"}, model)
    put(mlflow, model, "3", "Production")
    there, back = Stage(model, "Production", "2", "1"), Stage(model, "Production", "1", "2")
    await tell(access, Stage(model, "Production", "1"), there)
    assert stages(mlflow, model) == ["Archived", "Production", "Production"]
    front.told.clear()
    await tell(access, there)
    assert front.told == []
    await tell(access, back)
    assert stages(mlflow, model) == ["Production", "Archived", "Production"]
    put(mlflow, model, "1", "Staging")
    await tell(access, there, Stage(model, "Production", "2", "9"))
    assert stages(mlflow, model) == ["Staging", "Production", "Production"]
    assert isinstance(await refused(access, Stage(model, "Production", "9")), RefusedError)


async def test_tags_are_written_where_they_differ_and_those_of_others_stay(
    mlflow: MlflowBench, front: Proxy, model: str
) -> None:
    access = Access("mlflow", front.url)
    mlflow.post("model-versions/set-tag", name=model, version="2", key="team/owner", value="risk")
    await tell(access, Tag(model, "2", RECORD, "f", AT))
    front.told.clear()
    again = {**RECORD, "outcome": "RolledBack"}
    await tell(access, Tag(model, "2", again, "g", AT), Tag(model, "2", again, "g", AT))
    assert len(front.told) == 1
    assert tags(mlflow, model, "2") == {"team/owner": "risk", **TAGS, "crossfade.dev/outcome": "RolledBack"}


async def test_a_record_without_a_link_leaves_none_of_the_rollout_before(
    mlflow: MlflowBench, front: Proxy, model: str
) -> None:
    """It would show the evidence of another rollout. To delete a tag MLflow wants MANAGE, so it is empty."""
    access, bare = Access("mlflow", front.url), {name: text for name, text in RECORD.items() if name != "link"}
    await tell(access, *(Tag(model, "1", record, "f", AT) for record in (bare, RECORD, bare)))
    assert tags(mlflow, model, "1") == {**TAGS, "crossfade.dev/link": ""}
    front.told.clear()
    await tell(access, *(Tag(model, one, bare, "f", AT) for one in "112"))
    assert "crossfade.dev/link" not in str(front.told)


async def test_a_version_that_is_gone_needs_no_tags_and_gets_no_alias(front: Proxy, model: str) -> None:
    access = Access("mlflow", front.url)
    await tell(access, Tag(model, "9", RECORD, "f", AT), Tag("nobody's", "1", RECORD, "f", AT))
    failure = await refused(access, Point(model, "champion", "champion", "9"))
    assert isinstance(failure, RefusedError)
    assert "check that version 9" in str(failure)


@pytest.mark.slow
async def test_who_may_read_and_not_write_is_told_so_and_it_is_about_this_model_alone(
    mlflow_with_users: MlflowBench,
) -> None:
    model, number = mlflow_with_users.model({"weights": b"1"})
    password, ways = "canary-of-a-user", []
    for may in ("READ", "EDIT", "MANAGE"):
        name = f"user-{uuid.uuid4().hex[:8]}"
        mlflow_with_users.user(name, password)
        mlflow_with_users.grant(name, "registered_model", model, may)
        ways.append(by_password((name, password), mlflow_with_users.url))
        await check(ways[-1])
    access, editor, manager = ways
    stage = Stage(model, "Production", number)
    for deed in (Point(model, "champion", "champion", number), Tag(model, number, RECORD, "f", AT), stage):
        failure = await refused(access, deed, password)
        assert isinstance(failure, RefusedError)
        assert "permission EDIT on the registered model" in str(failure)
    await tell(editor, Point(model, "champion", "champion", number), Tag(model, number, RECORD, "f", AT), stage)
    over = Release(model, "challenger", "champion", number)
    assert "permission MANAGE on the registered model" in str(await refused(editor, over, password))
    await tell(manager, over)
    assert tags(mlflow_with_users, model, number) == TAGS


async def test_who_is_not_known_is_told_so_and_the_registry_is_left_alone(mlflow_with_users: MlflowBench) -> None:
    stranger = by_password(("nobody", MLFLOW_ADMIN[1]), mlflow_with_users.url)
    failure = await refused(stranger, Point("any", "champion", "champion", "1"), MLFLOW_ADMIN[1])
    assert not isinstance(failure, RefusedError)
    with pytest.raises(SourceError, match="does not accept who asks"):
        await check(stranger)


@pytest.mark.parametrize("status", [429, 503])
async def test_an_mlflow_that_asks_for_time_is_left_alone_for_so_long(front: Proxy, model: str, status: int) -> None:
    access = Access("mlflow", front.url)
    front.inject(refusing(status, Retry_After="7"), "alias")
    failure = await refused(access, Point(model, "champion", "champion", "1"))
    assert (isinstance(failure, RefusedError), failure.wait) == (False, 7.0)
    front.inject(refusing(status, Retry_After="7"), "search")
    with pytest.raises(SourceError) as unasked:
        await check(access)
    assert unasked.value.wait == 7.0


async def test_workspaces_where_there_are_none_are_told(front: Proxy) -> None:
    with pytest.raises(SourceError, match="has no workspaces"):
        await check(Access("mlflow", front.url, (("workspace", "risk"),)))
