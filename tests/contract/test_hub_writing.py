"""Catches a Hub that is told what was not decided, is told it again and again, or over what others did."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from crossfade.model.access import Access
from crossfade.model.writing import Point, Release, Tag
from crossfade.ports import RefusedError

from tests.contract.registry_contract import resolve
from tests.contract.telling import AT, RECORD, named, refused, tell
from tests.contract.test_hub import (
    OUTSIDER,
    READER,
    STRANGER,
    a_repo,
    by_the_client,
    pushed,
    source,
    way_in,
)
from tests.support.faults import proxy, refusing
from tests.support.hub import Hub, serving

WRITER = "hf_canaryWriter"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A Hub with one who may write."""
    made = Hub(tmp_path, tokens={READER: "reader", OUTSIDER: "outsider", WRITER: "writer"})
    with serving(made):
        yield made


@pytest.fixture
def access(hub: Hub) -> Access:
    return way_in(WRITER, hub.url)


@pytest.fixture
def repo(hub: Hub) -> str:
    """A model of two commits."""
    name = a_repo()
    hub.writers[name] = {"writer"}
    hub.readers[name] = {"writer", "reader"}
    for number in (1, 2):
        pushed(hub, number, name)
    return name


def commits(hub: Hub, repo: str) -> list[str]:
    """The older one first."""
    return hub.git(repo, "rev-list", "--reverse", "main").decode().split()


def tags(hub: Hub, repo: str) -> dict[str, str]:
    listed = hub.git(repo, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/tags").decode()
    return dict(line.split() for line in listed.splitlines())  # type: ignore[misc]  # of two words each


async def test_a_tag_is_set_and_moved_and_what_is_so_already_is_not_written(
    hub: Hub, access: Access, repo: str
) -> None:
    found = await named(access, source(repo))
    assert (found.model, found.version) == (repo, commits(hub, repo)[1])
    for commit in commits(hub, repo):
        await tell(access, Point(repo, "champion", "champion", commit))
        assert tags(hub, repo) == {"champion": commit}
        assert (await resolve(access, source(repo, "champion"))).registry_version == commit
    hub.written.clear()
    await tell(access, Point(repo, "champion", "champion", commits(hub, repo)[1]))
    assert hub.written == []


async def test_a_tag_is_taken_away_while_it_means_what_it_was_given_to_and_no_longer(
    hub: Hub, access: Access, repo: str
) -> None:
    first, second = commits(hub, repo)
    over = Release(repo, "challenger", "challenger", first)
    await tell(access, over)
    hub.git(repo, "tag", "challenger", second)
    await tell(access, over)
    assert (hub.written, tags(hub, repo)) == ([], {"challenger": second})
    hub.git(repo, "tag", "--force", "challenger", first)
    await tell(access, over)
    assert tags(hub, repo) == {}


async def test_a_move_that_broke_in_the_middle_is_made_whole_by_the_next_try(
    hub: Hub, access: Access, repo: str
) -> None:
    """The Hub moves no tags: it is taken away and given anew."""
    first, second = commits(hub, repo)
    move = Point(repo, "champion", "champion", second)
    await tell(access, Point(repo, "champion", "champion", first))
    with proxy(hub.url) as front:
        front.refuses = lambda headers: 503 if "content-type" in headers else None  # whose request has a body
        failure = await refused(way_in(WRITER, front.url), move, WRITER)
    assert not isinstance(failure, RefusedError)
    assert tags(hub, repo) == {}
    await tell(access, move)
    assert tags(hub, repo) == {"champion": second}


async def test_a_branch_of_that_name_is_left_alone(hub: Hub, access: Access, repo: str) -> None:
    """Of both the Hub would find the branch."""
    hub.git(repo, "branch", "champion", "main")
    failure = await refused(access, Point(repo, "champion", "champion", commits(hub, repo)[0]))
    assert isinstance(failure, RefusedError)
    assert "has a branch champion" in str(failure)
    assert hub.written == []


async def test_a_commit_that_is_gone_gets_no_tag_and_an_outcome_has_no_room(
    hub: Hub, access: Access, repo: str
) -> None:
    first, _ = commits(hub, repo)
    await tell(access, Point(repo, "champion", "champion", first))
    for deed in (
        Point(repo, "champion", "champion", "0" * 40),
        Point(repo, "challenger", "challenger", "0" * 40),
        Point("org/none", "champion", "champion", "0" * 40),
        Tag(repo, first, RECORD, "f", AT),
    ):
        assert isinstance(await refused(access, deed, WRITER), RefusedError)
    assert tags(hub, repo) == {"champion": first}


async def test_who_may_read_and_not_write_is_told_so_and_it_is_about_this_model_alone(hub: Hub, repo: str) -> None:
    deed = Point(repo, "champion", "champion", commits(hub, repo)[0])
    failure = await refused(way_in(READER, hub.url), deed, READER)
    assert isinstance(failure, RefusedError)
    assert "a token that may write to the contents of the repository" in str(failure)
    assert isinstance(await refused(way_in(OUTSIDER, hub.url), deed, OUTSIDER), RefusedError)


async def test_who_is_not_known_and_a_bad_moment_are_about_the_registry(hub: Hub, repo: str) -> None:
    deed = Point(repo, "champion", "champion", commits(hub, repo)[0])
    assert not isinstance(await refused(way_in(STRANGER, hub.url), deed, STRANGER), RefusedError)
    with proxy(hub.url) as front:
        front.inject(refusing(429, Retry_After="7"), "/tag/")
        failure = await refused(way_in(WRITER, front.url), deed, WRITER)
    assert (isinstance(failure, RefusedError), failure.wait) == (False, 7.0)


@pytest.mark.slow
async def test_the_hubs_own_client_sees_what_was_told_and_says_the_like_of_it_alike(
    hub: Hub, access: Access, repo: str, tmp_path: Path
) -> None:
    first, _ = commits(hub, repo)
    await tell(access, Point(repo, "champion", "champion", first), Point(repo, "challenger", "challenger", first))
    await tell(access, Release(repo, "challenger", "challenger", first))
    hub.git(repo, "tag", "challenger", first)
    ours = [line.replace("challenger", "x") for line in hub.written[1:]]
    hub.written.clear()
    theirs = by_the_client(hub, source(repo, first), WRITER, tmp_path, tags=["new", "challenger"])
    assert theirs == {"champion": first, "new": first}
    assert [
        line.replace('"new"', '"x"').replace("challenger", "x").replace('":"', '": "') for line in hub.written
    ] == ours
