"""Catches a SageMaker registry of which another version is served than was approved, or other bytes than its package
names."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crossfade.api.v1alpha1.modelversion import Source
from crossfade.model.access import Access, Secrets
from crossfade.observe.ahead import PART_BYTES
from crossfade.observe.verify import DigestMismatch, fetch
from crossfade.ports import Part, SourceError

from tests.contract.registry_contract import RegistryContract, Subject, digest, listed, opened, resolve
from tests.contract.sagemaker_bench import Group, a_subject, as_amazon, by_arn, by_group, packed, way_in
from tests.contract.store_bench import S3Bench
from tests.support.faults import Answer, Proxy, proxy, refusing
from tests.support.folders import on_disk

Json = dict[str, Any]


@pytest.fixture(scope="module")
def bench(users_of_s3: S3Bench) -> S3Bench:
    """moto, with users whose signatures it checks."""
    return users_of_s3


@pytest.fixture(scope="module")
def subject(bench: S3Bench) -> Subject:
    """One that all tests share."""
    return a_subject(bench)


@pytest.fixture
def fresh(bench: S3Bench) -> Subject:
    """One of the test's own."""
    return a_subject(bench)


@pytest.fixture
def group(bench: S3Bench) -> Group:
    """An empty one."""
    return Group(bench)


class TestContract(RegistryContract):
    """moto, with users."""

    keeps_host = True

    @pytest.fixture
    def front(self, subject: Subject) -> Iterator[Proxy]:
        """A proxy by which moto refuses as Amazon does."""
        with proxy(subject.upstream, keeps_host=True) as made:
            made.inject(as_amazon)
            yield made


async def files_of(access: Access, asked: Source, folder: Path) -> dict[str, bytes]:
    """What a loader puts there."""
    reference = await resolve(access, asked)
    async with opened(access) as found:
        await fetch(found.artifacts, reference.immutable_uri, await digest(access, reference), folder)
    return on_disk(folder)


async def test_an_archive_is_its_files(bench: S3Bench, group: Group, tmp_path: Path) -> None:
    found = await files_of(way_in(bench, bench.url), by_arn(group.version(7)), tmp_path / "m")
    assert found == {"model.json": b'{"version": 7}', "code/serve.py": b"pass"}


async def test_a_large_archive_is_asked_for_in_parts(bench: S3Bench, group: Group, tmp_path: Path) -> None:
    weights = os.urandom(2 * PART_BYTES)
    bench.put(group.key(1), packed(weights=weights))
    arn = group.register(container={"ModelDataUrl": f"s3://models/{group.key(1)}"})
    with proxy(bench.url, keeps_host=True) as front:
        assert await files_of(way_in(bench, front.url), by_arn(arn), tmp_path / "m") == {"weights": weights}
    ranges = [headers["range"] for _, headers in front.seen if "range" in headers]
    starts = [int(asked.removeprefix("bytes=").partition("-")[0]) for asked in ranges]
    assert sorted(starts) == [at * PART_BYTES for at in range(3)]  # parts are asked for side by side, in no order


async def test_what_is_not_packed_is_taken_as_it_is(bench: S3Bench, group: Group, tmp_path: Path) -> None:
    for name, text in (("a/weights.bin", b"w"), ("a/conf/x.json", b"{}"), ("ab", b"of another")):
        bench.put(f"{group.name}/{name}", text)
    sources = (
        (
            {"S3Uri": "a/", "S3DataType": "S3Prefix", "CompressionType": "None"},
            {"weights.bin": b"w", "conf/x.json": b"{}"},
        ),
        ({"S3Uri": "a/weights.bin", "S3DataType": "S3Object", "CompressionType": "None"}, {"weights.bin": b"w"}),
        (
            {"S3Uri": "1/output/model.tar.gz", "S3DataType": "S3Object", "CompressionType": "Gzip"},
            {"model.json": b'{"version": 1}', "code/serve.py": b"pass"},
        ),
    )
    group.put(1)
    for number, (told, files) in enumerate(sources):
        source = {**told, "S3Uri": f"s3://models/{group.name}/{told['S3Uri']}"}
        arn = group.register(container={"ModelDataSource": {"S3DataSource": source}})
        assert await files_of(way_in(bench, bench.url), by_arn(arn), tmp_path / str(number)) == files


async def test_a_key_may_have_any_letters(bench: S3Bench, group: Group, tmp_path: Path) -> None:
    """A query's and a fragment's too, where there is another object at what is before them."""
    bench.put(f"{group.name}/m", b"of another")
    for number, name in enumerate(("m?as=object", "m#1", "m%3Fx", "m?as=object&packed=tar.gz&etag=%41#")):
        bench.put(f"{group.name}/{name}", name.encode())
        source = {
            "S3Uri": f"s3://models/{group.name}/{name}",
            "S3DataType": "S3Object",
            "CompressionType": "None",
        }
        arn = group.register(container={"ModelDataSource": {"S3DataSource": source}})
        found = await files_of(way_in(bench, bench.url), by_arn(arn), tmp_path / str(number))
        assert found == {name: name.encode()}


async def test_a_file_that_is_named_as_its_folder_is_not_asked_for_twice(bench: S3Bench, group: Group) -> None:
    bench.put(f"{group.name}/a/a", b"0123456789")
    source = {"S3Uri": f"s3://models/{group.name}/a/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    arn = group.register(container={"ModelDataSource": {"S3DataSource": source}})
    with proxy(bench.url, keeps_host=True) as front:
        async with opened(way_in(bench, front.url)) as found:
            uri = (await found.registry.resolve(by_arn(arn))).immutable_uri
            await found.artifacts.files(uri)
            front.seen.clear()
            for at in range(9):
                assert [chunk async for chunk in found.artifacts.read(uri, "a", Part(at, at + 1))] == [b"%d" % at]
        assert len(front.seen) == 9


async def test_boto3_has_the_same_model(bench: S3Bench, subject: Subject) -> None:
    for asked in (subject.exact, subject.mutable):
        reference = await resolve(way_in(bench, bench.url), asked)
        assert asked.sage_maker is not None
        arn = asked.sage_maker.package_arn
        if arn is None:
            told = {"ModelPackageGroupName": asked.sage_maker.group, "ModelApprovalStatus": "Approved"}
            order = {"SortBy": "CreationTime", "SortOrder": "Descending"}
            listed = bench.do("sagemaker", "list_model_packages", "reader", **told, **order)
            arn = listed["ModelPackageSummaryList"][0]["ModelPackageArn"]
        theirs = bench.do("sagemaker", "describe_model_package", "reader", ModelPackageName=arn)
        assert reference.uri == theirs["ModelPackageArn"]
        [container] = theirs["InferenceSpecification"]["Containers"]
        assert reference.immutable_uri == f"{container['ModelDataUrl']}?as=object&packed=tar.gz"
        assert reference.registry_version == str(theirs["ModelPackageVersion"])


def test_boto3_is_refused_as_we_are(bench: S3Bench, subject: Subject) -> None:
    assert subject.exact.sage_maker is not None
    asked = {"with": {"ModelPackageName": subject.exact.sage_maker.package_arn}}
    with proxy(bench.url, keeps_host=True) as front:
        front.inject(as_amazon)
        told = {"service": "sagemaker", "do": "describe_model_package", "endpoint": front.url, **asked}
        codes = [bench.clients.ask("amazon", keys=bench.keys[who], **told)["error"] for who in ("stranger", "outsider")]
    assert codes == ["InvalidSignatureException", "AccessDeniedException"]


async def test_another_approval_may_be_asked_for(bench: S3Bench, group: Group) -> None:
    approved, pending = group.version(1), group.register("PendingManualApproval")
    access = way_in(bench, bench.url)
    assert (await resolve(access, by_group(group.name))).uri == approved
    assert (await resolve(access, by_group(group.name, "PendingManualApproval"))).uri == pending
    bench.do("sagemaker", "update_model_package", ModelPackageArn=pending, ModelApprovalStatus="Approved")
    assert (await resolve(access, by_group(group.name))).uri == pending
    bench.do("sagemaker", "update_model_package", ModelPackageArn=approved, ModelApprovalStatus="Rejected")
    facts = (await resolve(access, by_arn(approved))).facts
    assert facts is not None
    assert facts.tags is not None
    assert facts.tags.values["ModelApprovalStatus"] == "Rejected", "who names a version has it, and sees this"


async def test_the_versions_that_boto3_gave_are_listed_of_those_with_the_approval(bench: S3Bench, group: Group) -> None:
    arns = {}
    for number, (approval, said) in enumerate(
        [
            *(("Approved", "1.2.0"), ("Approved", "v1.10.0"), ("Rejected", "1.11.0"), ("Approved", "1.2.0")),
            *(("Approved", ""), ("Approved", "newest"), ("Approved", "2.0.0-rc.1"), ("PendingManualApproval", "1.3.0")),
        ],
        1,
    ):
        more = {"CustomerMetadataProperties": {"version": said, "team": "risk"}} if said else {}
        arns[number] = group.register(approval, **more)
    Group(bench).register(CustomerMetadataProperties={"version": "1.9.0"})

    async def found(who: str, approval: str = "Approved", name: str = group.name) -> dict[str, str | None]:
        followed = {"group": name, "approvalStatus": approval, "semver": "^1"}
        told = await listed(way_in(bench, bench.url, who), sageMaker=followed, registryRef={"name": "r"})
        return {said: one.sage_maker.package_arn if one.sage_maker else None for said, one in told.items()}

    assert await found("reader") == {"1.2.0": arns[4], "v1.10.0": arns[2], "2.0.0-rc.1": arns[7]}
    assert await found("reader", "PendingManualApproval") == {"1.3.0": arns[8]}
    assert await found("reader", name="none") == {}
    with proxy(bench.url, keeps_host=True) as front:
        front.inject(as_amazon)
        told = {"group": group.name, "approvalStatus": "Approved", "semver": "^1"}
        with pytest.raises(SourceError, match="allow its user `sagemaker:Search` on it"):
            await listed(way_in(bench, front.url, "outsider"), sageMaker=told, registryRef={"name": "r"})


async def test_an_object_that_was_overwritten_since_it_was_registered_is_refused(
    bench: S3Bench, group: Group, tmp_path: Path
) -> None:
    uri = group.put(1)
    etag = bench.do("s3", "head_object", Bucket="models", Key=group.key(1))["ETag"].strip('"')
    arn = group.register(container={"ModelDataUrl": uri, "ModelDataETag": etag})
    access = way_in(bench, bench.url)
    reference = await resolve(access, by_arn(arn))
    promised = await digest(access, reference)
    group.bench.put(group.key(1), packed(**{"model.json": b"another"}))
    async with opened(access) as found:
        for attempt in (digest(access, reference), fetch(found.artifacts, reference.immutable_uri, promised, tmp_path)):
            with pytest.raises(SourceError, match=rf"was overwritten since .* its ETag was {etag} and is"):
                await attempt
        with pytest.raises(SourceError, match="answered with 412"):
            [_ async for _ in found.artifacts.read(reference.immutable_uri, "model.tar.gz")]


async def test_an_archive_that_is_another_one_afterwards_is_refused(fresh: Subject, tmp_path: Path) -> None:
    access = fresh.access(fresh.upstream)
    reference = await resolve(access, fresh.exact)
    promised = await digest(access, reference)
    fresh.overwrite(reference.immutable_uri)
    async with opened(access) as found:
        with pytest.raises(DigestMismatch):
            await fetch(found.artifacts, reference.immutable_uri, promised, tmp_path / "m")


async def test_the_newest_is_found_behind_pages_that_hold_none(bench: S3Bench, group: Group) -> None:
    arn = group.version(1)
    newest = {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"}
    other = {"ModelPackageArn": f"{arn}0", "ModelApprovalStatus": "Rejected"}
    pages = iter([([], "1"), ([other], "2"), ([newest], "3")])

    def page(real: Answer) -> Answer:
        listed, token = next(pages)
        said = {"ModelPackageSummaryList": listed, "NextToken": token}
        return replace(real, status=200, content=json.dumps(said).encode())

    with proxy(bench.url, keeps_host=True) as front:
        front.inject(page, times=3)
        assert (await resolve(way_in(bench, front.url), by_group(group.name))).uri == arn
        asked = [json.loads(one) for one in front.told[:3]]
    assert [one.get("NextToken") for one in asked] == [None, "1", "2"]


async def test_of_many_versions_the_newest_is_found_with_one_question(bench: S3Bench, group: Group) -> None:
    group.put(1)
    for _ in range(30):
        newest = group.register(container={"ModelDataUrl": f"s3://models/{group.key(1)}"})
    with proxy(bench.url, keeps_host=True) as front:
        assert (await resolve(way_in(bench, front.url), by_group(group.name))).uri == newest
        assert len(front.seen) == 2


async def test_pages_that_never_end_are_given_up(bench: S3Bench, group: Group) -> None:
    with proxy(bench.url, keeps_host=True) as front:
        page = json.dumps({"ModelPackageSummaryList": [], "NextToken": "again"}).encode()
        front.inject(lambda real: replace(real, status=200, content=page))
        with pytest.raises(SourceError, match="has no version of the group"):
            await resolve(way_in(bench, front.url), by_group(group.name))
        assert len(front.seen) == 100


async def test_a_package_of_another_region_asks_nobody(bench: S3Bench) -> None:
    with proxy(bench.url, keeps_host=True) as front:
        arn = "arn:aws:sagemaker:eu-central-1:123456789012:model-package/fraud/1"
        with pytest.raises(SourceError, match=r"is in the region eu-central-1, but the ModelRegistry is for us-east-1"):
            await resolve(way_in(bench, front.url), by_arn(arn))
        assert front.seen == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ModelPackageArn": "arn:other"}, "answered with another model package than"),
        ({"ModelPackageStatus": "InProgress"}, "is InProgress and not yet Completed"),
        ({"InferenceSpecification": {}}, "has 0 containers"),
        ({"InferenceSpecification": {"Containers": [{}, {}]}}, "has 2 containers"),
        ({"InferenceSpecification": {"Containers": [{"Image": "x"}]}}, "names no model data"),
        ({"InferenceSpecification": {"Containers": [{"ModelDataUrl": "s3://models"}]}}, "which is no object of S3"),
        ({"InferenceSpecification": {"Containers": [{"ModelDataUrl": "az://models/x"}]}}, "which is no object of S3"),
        ({"InferenceSpecification": {"Containers": [{"ModelDataUrl": "file:///etc"}]}}, "is no s3://"),
        ({"InferenceSpecification": {"Containers": [{"ModelDataUrl": "s3://m@169.254.169.254/x"}]}}, "is no s3://"),
        (
            {
                "InferenceSpecification": {
                    "Containers": [
                        {
                            "ModelDataSource": {
                                "S3DataSource": {"S3Uri": "s3://models/x", "ManifestS3Uri": "s3://models/m"}
                            }
                        }
                    ]
                }
            },
            "in a manifest, which is not read",
        ),
    ],
)
async def test_a_package_that_is_no_model_is_refused(bench: S3Bench, group: Group, change: Json, sentence: str) -> None:
    arn = group.version(1)
    with proxy(bench.url, keeps_host=True) as front:
        front.inject(lambda real: replace(real, content=json.dumps(json.loads(real.content) | change).encode()))
        with pytest.raises(SourceError, match=sentence):
            await resolve(way_in(bench, front.url), by_arn(arn))


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (400, "com.amazonaws#ExpiredTokenException", "does not accept who asks .* renew"),
        (400, "UnrecognizedClientException", "does not accept who asks"),
        (400, "AccessDeniedException", "allow its user `sagemaker:DescribeModelPackage`"),
        (400, "ThrottlingException", "refused DescribeModelPackage with 400 ThrottlingException"),
        (400, "ValidationException", "has no model package .* register it there"),
    ],
)
async def test_what_amazon_says_where_moto_does_not_is_understood(
    bench: S3Bench, group: Group, status: int, code: str, sentence: str
) -> None:
    arn = group.version(1)
    with proxy(bench.url, keeps_host=True) as front:
        front.inject(lambda real: replace(real, status=status, content=json.dumps({"__type": code}).encode()))
        with pytest.raises(SourceError, match=sentence) as failure:
            await resolve(way_in(bench, front.url), by_arn(arn))
    assert failure.value.retry


async def test_nobody_is_somebody_else_without_keys(
    bench: S3Bench, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = bench.keys["owner"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", owner[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", owner[1])
    arn = group.version(1)

    def unsigned(headers: Mapping[str, str]) -> int | None:
        return None if "authorization" in headers else 403

    with proxy(bench.url, keeps_host=True) as front:
        front.refuses = unsigned
        access = replace(way_in(bench, front.url), secrets=Secrets())
        with pytest.raises(SourceError, match="does not let the operator read"):
            await resolve(access, by_arn(arn))
        front.inject(refusing(503), times=1)
        with pytest.raises(SourceError, match="refused DescribeModelPackage with 503"):
            await resolve(way_in(bench, front.url), by_arn(arn))
