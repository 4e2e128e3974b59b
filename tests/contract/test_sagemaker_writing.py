"""Catches a SageMaker that approves what was not promoted, or is written over and over."""

import json
from collections.abc import Iterator

import pytest
from crossfade.model.writing import Approve, Point
from crossfade.ports import RefusedError

from tests.contract.sagemaker_bench import Group, as_amazon, way_in
from tests.contract.store_bench import S3Bench
from tests.contract.telling import refused, tell
from tests.support.faults import Proxy, proxy, refusing


@pytest.fixture
def front(users_of_s3: S3Bench) -> Iterator[Proxy]:
    """A proxy by which moto refuses as Amazon does."""
    with proxy(users_of_s3.url, keeps_host=True) as made:
        made.inject(as_amazon)
        yield made


@pytest.fixture
def group(users_of_s3: S3Bench) -> Group:
    return Group(users_of_s3)


def verdict(arn: str, *, approved: bool, why: str = "Promoted: é") -> Approve:
    group, _, number = arn.rpartition("/")
    return Approve(group, number, arn, approved, why, "f", "2026-01-01T00:00:00Z")


def stored(bench: S3Bench, arn: str) -> tuple[str, str]:
    """As AWS's own client reads it."""
    found = bench.do("sagemaker", "describe_model_package", ModelPackageName=arn)
    return found["ModelApprovalStatus"], found.get("ApprovalDescription", "")


async def test_a_verdict_is_written_and_what_is_so_already_is_not(
    users_of_s3: S3Bench, front: Proxy, group: Group
) -> None:
    arn, access = group.register("PendingManualApproval"), way_in(users_of_s3, front.url, "writer")
    for approved, status in ((True, "Approved"), (False, "Rejected")):
        await tell(access, verdict(arn, approved=approved))
        assert stored(users_of_s3, arn) == (status, "Promoted: é")
    front.told.clear()
    await tell(access, verdict(arn, approved=False))
    assert [json.loads(body) for body in front.told] == [{"ModelPackageName": arn}]


async def test_a_package_that_is_gone_needs_no_verdict(users_of_s3: S3Bench, front: Proxy, group: Group) -> None:
    gone = group.register().rpartition("/")[0] + "/99"
    await tell(way_in(users_of_s3, front.url, "writer"), verdict(gone, approved=True))


async def test_who_may_read_and_not_write_is_told_so(users_of_s3: S3Bench, front: Proxy, group: Group) -> None:
    arn = group.register()
    failure = await refused(way_in(users_of_s3, front.url), verdict(arn, approved=False), *users_of_s3.canaries)
    assert isinstance(failure, RefusedError)
    assert "`sagemaker:UpdateModelPackage`" in str(failure)


async def test_who_is_not_known_and_a_bad_moment_are_about_the_registry(
    users_of_s3: S3Bench, front: Proxy, group: Group
) -> None:
    deed = verdict(group.register(), approved=True)
    failure = await refused(way_in(users_of_s3, front.url, "stranger"), deed, *users_of_s3.canaries)
    assert not isinstance(failure, RefusedError)
    assert "does not accept who writes to it" in str(failure)
    front.inject(refusing(503, Retry_After="7"))
    failure = await refused(way_in(users_of_s3, front.url, "writer"), deed)
    assert (isinstance(failure, RefusedError), failure.wait) == (False, 7.0)


async def test_aliases_are_not_for_it(users_of_s3: S3Bench, front: Proxy) -> None:
    failure = await refused(way_in(users_of_s3, front.url), Point("m", "champion", "champion", "1"))
    assert isinstance(failure, RefusedError)
