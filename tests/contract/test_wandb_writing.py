"""Catches a W&B that is told what was not decided, is told it again and again, or over what others did."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from crossfade.model.writing import Approve, Point, Release, Tag
from crossfade.ports import RefusedError

from tests.contract.registry_contract import resolve
from tests.contract.telling import AT, RECORD, named, refused, tell
from tests.contract.wandb_bench import OUTSIDER, READER, STRANGER, a_cloud, a_link, a_path, logged, source, way_in
from tests.support.faults import Answer, Proxy, proxy, refusing
from tests.support.wandb_cloud import Cloud


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """W&B with two users, of whom the reader may write as well."""
    with a_cloud() as made:
        yield made


@pytest.fixture
def front(cloud: Cloud) -> Iterator[Proxy]:
    with proxy(cloud.url) as made:
        yield made


@pytest.fixture
def model(cloud: Cloud) -> str:
    """An artifact of two versions, with a name that is no plain one."""
    path = a_path("modèle 模型")
    for number in (1, 2):
        logged(cloud, path, number, metadata={"owner": "risk", "crossfade": "of before"})
    entity, project, _ = path.split("/")
    cloud.writers[entity, project] = {"reader"}
    return path


def aliases(cloud: Cloud, path: str) -> dict[str, int]:
    entity, project, name = path.split("/")
    return {alias: at for alias, at in cloud.collections[entity, project, name].aliases.items() if alias != "latest"}


async def test_an_alias_is_set_and_moved_and_what_is_so_already_is_not_written(cloud: Cloud, model: str) -> None:
    access = way_in(READER, cloud.url)
    found = await named(access, source(model))
    assert (found.model, found.version) == (model, "v0")
    for version in (0, 1):
        await tell(access, Point(model, "champion", "champion", f"v{version}"))
        assert aliases(cloud, model) == {"champion": version}
    cloud.written.clear()
    await tell(access, Point(model, "champion", "champion", "v1"))
    assert cloud.written == []


async def test_an_alias_is_taken_away_while_it_means_what_it_was_given_to_and_no_longer(
    cloud: Cloud, model: str
) -> None:
    access, over = way_in(READER, cloud.url), Release(model, "challenger", "challenger", "v0")
    await tell(access, over)
    cloud.alias(model, "challenger", 1)
    await tell(access, over)
    assert (cloud.written, aliases(cloud, model)) == ([], {"challenger": 1})
    cloud.alias(model, "challenger", 0)
    await tell(access, over)
    assert aliases(cloud, model) == {}


async def test_the_record_is_in_the_metadata_beside_that_of_others(cloud: Cloud, model: str) -> None:
    access = way_in(READER, cloud.url)
    again = {**RECORD, "outcome": "RolledBack"}
    for record in (RECORD, again, again):
        await tell(access, Tag(model, "v1", record, "f", AT))
    first, second = cloud.artifacts
    assert second.metadata == {"owner": "risk", "crossfade": again}
    assert first.metadata["crossfade"] == "of before"
    assert len(cloud.written) == 2


async def test_in_a_registry_the_alias_is_the_collections_and_the_record_the_artifacts(cloud: Cloud) -> None:
    access, path = way_in(READER, cloud.url), a_link(cloud)
    found = await named(access, source(path, "production"))
    assert (found.model, found.version) == (path, "v1")
    await tell(access, Point(path, "champion", "champion", "v1"), Tag(path, "v1", RECORD, "f", AT))
    assert aliases(cloud, path)["champion"] == 1
    linked = cloud.artifacts[-1]
    assert (linked.project.startswith("wandb-registry-"), linked.metadata) == (False, {"crossfade": RECORD})
    assert (await resolve(access, source(path, "champion"))).registry_version == "v1"


async def test_a_version_that_is_gone_needs_no_record_and_gets_no_alias(cloud: Cloud, model: str) -> None:
    access = way_in(READER, cloud.url)
    await tell(access, Tag(model, "v9", RECORD, "f", AT), Tag("nobodys/own/model", "v0", RECORD, "f", AT))
    failure = await refused(access, Point(model, "champion", "champion", "v9"))
    assert isinstance(failure, RefusedError)
    assert cloud.written == []


async def test_metadata_that_nobody_understands_is_left_alone(cloud: Cloud, model: str) -> None:
    cloud.artifacts[0].metadata = ["of", "somebody"]  # type: ignore[assignment]  # as no client writes it
    failure = await refused(way_in(READER, cloud.url), Tag(model, "v0", RECORD, "f", AT))
    assert isinstance(failure, RefusedError)
    assert cloud.written == []


async def test_metadata_that_is_no_text_is_not_taken_for_none(cloud: Cloud, front: Proxy, model: str) -> None:
    """It is replaced as a whole, so that what is not understood would be gone."""

    def untold(answer: Answer) -> Answer:
        told = json.loads(answer.content)
        told["data"]["project"]["artifactCollectionMembership"]["artifact"]["metadata"] = {"owner": "risk"}
        content = json.dumps(told).encode()
        return replace(answer, content=content, headers={**answer.headers, "content-length": str(len(content))})

    front.inject(untold, times=1)
    failure = await refused(way_in(READER, front.url), Tag(model, "v0", RECORD, "f", AT))
    assert isinstance(failure, RefusedError)
    assert cloud.written == []


async def test_who_may_read_and_not_write_is_told_so_and_it_is_about_this_model_alone(cloud: Cloud, model: str) -> None:
    access = way_in(OUTSIDER, cloud.url)
    for deed, right in (
        (Point(model, "champion", "champion", "v0"), "a role that may write to the project, or of the registry"),
        (Tag(model, "v0", RECORD, "f", AT), "a role that may write to the project that logged the artifact"),
    ):
        failure = await refused(access, deed, OUTSIDER)
        assert isinstance(failure, RefusedError)
        assert right in str(failure)


async def test_who_is_not_known_and_a_bad_moment_are_about_the_registry(cloud: Cloud, front: Proxy, model: str) -> None:
    deed = Point(model, "champion", "champion", "v0")
    failure = await refused(way_in(STRANGER, cloud.url), deed, STRANGER)
    assert not isinstance(failure, RefusedError)
    assert "does not accept who writes to it" in str(failure)
    front.inject(refusing(503, Retry_After="7"))
    failure = await refused(way_in(READER, front.url), deed, READER)
    assert (isinstance(failure, RefusedError), failure.wait) == (False, 7.0)


async def test_approvals_are_not_for_it(cloud: Cloud, model: str) -> None:
    deed = Approve(model, "v0", "u", approved=True, why="w", fingerprint="f", at=AT)
    assert isinstance(await refused(way_in(READER, cloud.url), deed), RefusedError)
