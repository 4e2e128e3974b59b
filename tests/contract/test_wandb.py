"""Catches an artifact of Weights & Biases that is another one than its own client would have, a key or a signed address
that goes where it has no business, and bad days that end in wrong bytes."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crossfade.adapters.sources import OpenSources
from crossfade.adapters.wandb_address import parsed
from crossfade.observe.verify import DigestMismatch, fetch
from crossfade.ports import SourceError

from tests.contract.registry_contract import RegistryContract, Subject, digest, listed, opened, resolve
from tests.contract.wandb_bench import (
    ITS_ENTITY,
    ORGANIZATION,
    OUTSIDER,
    READER,
    a_cloud,
    a_link,
    a_path,
    a_subject,
    anybody,
    logged,
    source,
    way_in,
)
from tests.support.faults import Answer, Fault, compressing, proxy, refusing, swelling, truncating
from tests.support.wandb_cloud import SIGNATURE, Cloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """W&B with two users."""
    with a_cloud() as made:
        yield made


@pytest.fixture(scope="module")
def subject(cloud: Cloud) -> Subject:
    """One that all tests share."""
    return a_subject(cloud)


@pytest.fixture
def fresh(cloud: Cloud) -> Subject:
    """One of the test's own."""
    return a_subject(cloud)


class TestContract(RegistryContract):
    """The stand-in, with users. It signs addresses of the host that it was asked at."""

    keeps_host = True


@pytest.fixture
def linked(cloud: Cloud) -> str:
    """The path of a collection in a registry."""
    return a_link(cloud)


async def test_a_registry_is_its_organizations_by_either_name(cloud: Cloud, linked: str) -> None:
    access = way_in(READER, cloud.url)
    found = [
        await resolve(access, source(linked.replace(ITS_ENTITY, name), "production"))
        for name in (ORGANIZATION, ITS_ENTITY)
    ]
    assert found[0].immutable_uri == found[1].immutable_uri
    assert parsed(found[0].immutable_uri).entity == ITS_ENTITY
    assert found[0].registry_version == "v1", "its version in the registry, not the one in its project"
    assert await digest(access, found[0])
    with pytest.raises(SourceError, match="shows no registry 'model' of 'other'; register it there"):
        await resolve(access, source(linked.replace(ITS_ENTITY, "other"), "production"))


async def test_the_question_that_was_refused_is_named(cloud: Cloud, linked: str) -> None:
    with proxy(cloud.url) as front:
        for times, name in ((0, "Viewer"), (1, "Organizations"), (2, "Membership")):
            front.told.clear()

            def failing(answer: Answer, times: int = times) -> Answer:
                return refusing(502)(answer) if len(front.told) > times else answer

            front.inject(failing)
            with pytest.raises(SourceError, match=rf"refused the question {name} with 502$"):
                await resolve(way_in(READER, front.url), source(linked, "production"))


async def test_what_made_a_model_and_who_used_it_is_known(cloud: Cloud, linked: str) -> None:
    facts = (await resolve(way_in(READER, cloud.url), source(linked, "production"))).facts
    assert facts is not None
    assert facts.lineage is not None
    told = facts.lineage.to_json()
    (data,) = told.pop("datasets")
    assert told == {
        "origin": "Registry",
        "runId": told["runId"],
        "gitCommit": "a" * 40,
        "user": "a",
        "trainedAt": "2026-11-01T10:00:00Z",
        "parameters": {"lr": "0.1"},
    }
    made = {"createdBy": "a", "createdAt": "2026-11-01T10:00:00Z"}
    assert facts.provenance is not None
    assert facts.provenance.to_json() == {"origin": "Registry", **made, "attestations": []}
    project = told["runId"].removesuffix("/run1")
    assert data["name"].endswith("/payments:v0")
    assert (data["role"], len(data["digest"])) == ("dataset", 32)
    assert facts.evaluation is not None
    assert [score.to_json() for score in facts.evaluation.scores] == [{"metric": "auc", "value": "0.97"}]
    assert facts.tags is not None
    tags = dict(facts.tags.values)
    assert (tags["aliases"], tags["source"]) == ("latest, production", f"{project}/model:v0")
    assert tags["usedBy"] == f"{project}/serve1, {project}/serve2"
    assert facts.registry_url is not None
    assert facts.registry_url.startswith(f"{cloud.url}/orgs/{ITS_ENTITY}/registry/model?selectionPath=")


async def test_who_logged_an_artifact_without_a_run_is_known(cloud: Cloud) -> None:
    facts = (await resolve(way_in(READER, cloud.url), a_subject(cloud).exact)).facts
    assert facts is not None
    assert facts.provenance is not None
    assert (facts.lineage, facts.provenance.created_by) == (None, "a")


async def test_lineage_that_is_not_for_us_is_left_out_and_one_that_fails_is_waited_for(
    cloud: Cloud, linked: str
) -> None:
    with proxy(cloud.url, keeps_host=True) as front:
        access, asked = way_in(READER, front.url), source(linked, "production")

        def in_lineage(fault: Fault) -> Fault:
            return lambda answer: fault(answer) if b"createdBy" in front.told[-1] else answer

        for status in (429, 502):
            front.inject(in_lineage(refusing(status)))
            with pytest.raises(SourceError, match=f"refused the question CreatedBy with {status}"):
                await resolve(access, asked)
        for fault in (refusing(403), refusing(400), swelling):
            front.inject(in_lineage(fault))
            facts = (await resolve(access, asked)).facts
            assert facts is not None
            assert (facts.lineage, facts.evaluation) == (None, None)
            assert facts.tags is not None


async def test_aliases_that_are_versions_are_listed_of_projects_and_registries(cloud: Cloud) -> None:
    for path, entity in ((a_path(), "team"), (a_link(cloud), ORGANIZATION)):
        for number in range(2):
            logged(cloud, path, number)
        for alias, index in (("1.2.0", 0), ("v1.10.0", 1), ("champion", 1), ("1.3", 0), ("2.0.0-rc.1", 1)):
            cloud.alias(path, alias, index)
        _, project, collection = path.split("/")
        registry = project.removeprefix("wandb-registry-")
        where = {"project": project} if registry == project else {"registry": registry}
        asked = {"entity": entity, "collection": collection, **where, "semver": "^1"}
        followed = {"wandb": asked, "registryRef": {"name": "r"}}
        found = await listed(way_in(READER, cloud.url), **followed)
        assert sorted(found) == ["1.2.0", "2.0.0-rc.1", "v1.10.0"]
        assert {one.wandb and one.wandb.alias for one in found.values()} == set(found)
        with pytest.raises(SourceError, match="has no 'none' in the"):
            await listed(way_in(READER, cloud.url), **followed | {"wandb": asked | {"collection": "none"}})
    hidden = a_path()
    logged(cloud, hidden, 1)
    entity, project, collection = hidden.split("/")
    cloud.readers[entity, project] = {"reader"}
    asked = {"entity": entity, "project": project, "collection": collection, "semver": "*"}
    with pytest.raises(SourceError, match="does not let the operator read the project"):
        await listed(way_in(OUTSIDER, cloud.url), wandb=asked, registryRef={"name": "r"})
    with pytest.raises(SourceError, match="shows no project 'none'"):
        await listed(way_in(READER, cloud.url), wandb=asked | {"project": "none"}, registryRef={"name": "r"})


async def test_ten_thousand_versions_cost_no_more_questions_than_one(cloud: Cloud) -> None:
    few, many = a_path(), a_path()
    for path, count in ((few, 1), (many, 10_000)):
        for number in range(count):
            cloud.log(path, {"model.bin": b"%d" % number})
        cloud.alias(path, "champion", count // 2)
    with proxy(cloud.url, keeps_host=True) as front:
        asked = []
        for path, version in ((few, "v0"), (many, "v5000")):
            front.seen.clear()
            reference = await resolve(way_in(READER, front.url), source(path, "champion"))
            assert reference.registry_version == version
            asked.append(len(front.seen))
        assert asked == [3, 3]
        front.seen.clear()
        access = way_in(READER, front.url)
        assert await digest(access, reference)
        assert len(front.seen) == 4, "the list of files and where that is, the file and where that is"


async def test_a_large_file_costs_one_question_until_its_address_is_over(cloud: Cloud, tmp_path: Path) -> None:
    path = a_path()
    cloud.log(path, {"model.bin": bytes(20 << 20)})
    with proxy(cloud.url, keeps_host=True) as front:
        access = way_in(READER, front.url)
        reference = await resolve(access, source(path))
        promised = await digest(access, reference)
        refused: tuple[tuple[int, ...], ...] = ((), (400,), (401,), (403,), (404,), (403, 403))
        for statuses in refused:
            front.told.clear()
            parts: list[int] = []

            def over(answer: Answer, statuses: tuple[int, ...] = statuses, parts: list[int] = parts) -> Answer:
                parts.append(answer.status)
                at = len(parts) - 2
                return refusing(statuses[at])(answer) if 0 <= at < len(statuses) else answer

            front.inject(over, "/model.bin")
            name = "-".join(map(str, ("model", *statuses)))
            async with opened(access) as found:
                await fetch(found.artifacts, reference.immutable_uri, promised, tmp_path / name)
            assert parts.count(206) == 3 + len(statuses), "it is read in parts"
            assert sum(b"query Signed" in told for told in front.told) == (2 if statuses else 1)


async def test_files_elsewhere_are_read_there_without_the_key_and_their_address_is_asked_for_anew(
    cloud: Cloud, fresh: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy(cloud.url, keeps_host=True) as front, proxy(cloud.url) as store:
        monkeypatch.setattr(cloud, "elsewhere", store.url)
        access = way_in(READER, front.url)
        reference = await resolve(access, fresh.exact)
        found = await digest(access, reference)
        assert store.sent("authorization") == {None}
        assert {path for path, _ in front.seen} == {"/graphql"}
        front.told.clear()
        store.inject(truncating, "/model.bin", times=1)
        assert await digest(access, reference) == found
        assert sum(b"model.bin" in told for told in front.told) == 2
        store.inject(refusing(403), "/model.bin")
        with pytest.raises(SourceError, match="the server answered with 403") as failure:
            await digest(access, reference)
        assert SIGNATURE not in str(failure.value)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://169.254.169.254",
        "http://[fe80::1]",
        "http://0.0.0.0",
        "http://[::ffff:169.254.169.254]",
        "http://192.168.7.7",
        "http://10.0.0.1",
        "http://[fd12::5]",
    ],
)
async def test_files_at_an_address_that_is_guarded_are_not_read(
    cloud: Cloud, subject: Subject, monkeypatch: pytest.MonkeyPatch, elsewhere: str
) -> None:
    access = way_in(READER, cloud.url)
    reference = await resolve(access, subject.exact)
    monkeypatch.setattr(cloud, "elsewhere", elsewhere)
    with pytest.raises(SourceError, match="where models must not come from") as failure:
        await digest(access, reference)
    assert failure.value.retry


@pytest.mark.parametrize("elsewhere", ["ftp://store", "http://user:pass@store", "file:///etc", "http://["])
async def test_files_at_what_is_no_address_are_not_read(
    cloud: Cloud, subject: Subject, monkeypatch: pytest.MonkeyPatch, elsewhere: str
) -> None:
    access = way_in(READER, cloud.url)
    reference = await resolve(access, subject.exact)
    monkeypatch.setattr(cloud, "elsewhere", elsewhere)
    with pytest.raises(SourceError, match=r"check the registry's address|has no address"):
        await digest(access, reference)


@pytest.mark.parametrize("fault", [swelling, compressing, truncating, refusing(404), refusing(302, Location="/x")])
async def test_a_list_of_files_that_is_too_large_or_broken_is_refused(
    cloud: Cloud, subject: Subject, fault: Fault
) -> None:
    with proxy(cloud.url, keeps_host=True) as front:
        access = subject.access(front.url)
        reference = await resolve(access, subject.exact)
        front.inject(fault, "wandb_manifest.json")
        with pytest.raises(SourceError, match="the list of files of ") as failure:
            await digest(access, reference)
        assert failure.value.retry
        assert SIGNATURE not in str(failure.value)


async def test_a_version_that_is_another_artifact_by_now_is_not_loaded(cloud: Cloud, tmp_path: Path) -> None:
    registry = f"{ITS_ENTITY}/wandb-registry-model/{uuid.uuid4().hex[:8]}"
    access = way_in(READER, cloud.url)
    logged(cloud, registry, 1)
    reference = await resolve(access, source(registry))
    promised = await digest(access, reference)
    entity, project, name = registry.split("/")
    kept = cloud.collections[entity, project, name]
    kept.versions[0] = logged(cloud, a_path(), 2)
    async with opened(access) as found:
        with pytest.raises(DigestMismatch, match="is another artifact at W&B"):
            await fetch(found.artifacts, reference.immutable_uri, promised, tmp_path / "m")
        kept.versions.clear()
        with pytest.raises(SourceError, match=r"has no .*:v0 any longer") as failure:
            await fetch(found.artifacts, reference.immutable_uri, promised, tmp_path / "m")
    assert failure.value.retry


async def test_a_file_that_is_only_a_reference_is_named(cloud: Cloud) -> None:
    path = a_path()
    cloud.log(path, {"a.json": b"{}"}, references={"weights": "s3://bucket/weights?versionId=secret"})
    access = way_in(READER, cloud.url)
    with pytest.raises(SourceError, match=r"'weights' of .* is a reference to 's3://bucket/weights', and W&B has no"):
        await digest(access, await resolve(access, source(path)))


async def test_an_artifact_without_files_or_not_committed_is_none(cloud: Cloud) -> None:
    path, access = a_path(), way_in(READER, cloud.url)
    cloud.log(path, {})
    cloud.log(path, {"a": b"1"}, state="PENDING")
    with pytest.raises(SourceError, match="has no files at W&B"):
        await digest(access, await resolve(access, source(path)))
    with pytest.raises(SourceError, match="is PENDING and not COMMITTED; wait for the run that logs it"):
        await resolve(access, source(path, "v1"))


async def test_what_anybody_may_read_needs_no_key_and_what_few_may_is_said_to(cloud: Cloud, subject: Subject) -> None:
    path = a_path()
    logged(cloud, path, 1)
    assert await digest(anybody(cloud.url), await resolve(anybody(cloud.url), source(path)))
    for access, hint in (
        (way_in(READER, cloud.url), "it may be private to others"),
        (anybody(cloud.url), "a private one needs `credentials`"),
    ):
        with pytest.raises(SourceError, match=f"shows no project 'none' of 'team'; register it there, .*{hint}"):
            await resolve(access, source("team/none/model"))


async def test_a_limit_that_is_said_in_wandbs_own_header_is_waited_for(subject: Subject) -> None:
    with proxy(subject.upstream) as front:
        front.inject(refusing(429, RateLimit_Reset="42"))
        with pytest.raises(SourceError) as failure:
            await resolve(subject.access(front.url), subject.exact)
        assert failure.value.wait == 42.0


async def test_what_a_server_says_of_us_is_not_repeated(subject: Subject) -> None:
    with proxy(subject.upstream) as front:
        said = {"message": f"no such key {READER}", "extensions": {"code": READER}}
        told = json.dumps({"errors": [said], "data": None}).encode()
        front.inject(lambda answer: type(answer)(200, {}, told))
        with pytest.raises(SourceError, match=r"refused the question Membership with 200$") as failure:
            await resolve(subject.access(front.url), subject.exact)
        assert READER not in str(failure.value)


@pytest.mark.parametrize(
    "uri", ["wandb://a/b/c/v1", "wandb://a/b/c/latest?artifact=x&digest=" + "0" * 32, "wandb://h:80/b/c/v1?artifact=x"]
)
async def test_an_address_that_is_none_of_ours_asks_nobody(cloud: Cloud, uri: str, tmp_path: Path) -> None:
    with proxy(cloud.url) as front:
        async with opened(anybody(front.url)) as found:
            with pytest.raises(SourceError, match="must be wandb://"):
                await fetch(found.artifacts, uri, "sha256:" + "0" * 64, tmp_path / "m")
        assert front.seen == []


async def test_a_key_that_no_header_can_carry_is_refused_unshown() -> None:
    sources = OpenSources((), None)
    with pytest.raises(SourceError, match="the key `apiKey` of the Secret must be plain ASCII") as failure:
        async with sources.open(way_in("canary-é", "http://wandb")):
            pass
    assert "canary" not in str(failure.value)


_ENTRY = {"digest": "AAAAAAAAAAAAAAAAAAAAAA==", "size": 1}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ([], "is none; check that the address is W&B's API"),
        ({"version": 2, "contents": {"a": _ENTRY}}, "a list of files of .* that cannot be understood"),
        ({"version": 1}, "that cannot be understood"),
        ({"version": 1, "contents": {"a": 1}}, "that cannot be understood"),
        ({"version": 1, "contents": {"a": {**_ENTRY, "size": None}}}, "that cannot be understood"),
        ({"version": 1, "contents": {"a": {**_ENTRY, "size": -1}}}, "that cannot be understood"),
        ({"version": 1, "contents": {"a": {**_ENTRY, "size": True}}}, "that cannot be understood"),
        ({"version": 1, "contents": {"../a": _ENTRY}}, "must be relative UTF-8"),
        ({"version": 1, "contents": {"\ud800": _ENTRY}}, "must be relative UTF-8"),
        ({"version": 1, "contents": {"a": _ENTRY}}, "the file 'a' of .* is not there any longer"),
        ({"version": 1, "contents": {"a": {"ref": "x://[", "size": 1}}}, "is a reference to 'elsewhere'"),
    ],
)
async def test_a_list_of_files_that_makes_no_sense_is_refused(subject: Subject, answer: Any, sentence: str) -> None:
    with proxy(subject.upstream, keeps_host=True) as front:
        access = subject.access(front.url)
        reference = await resolve(access, subject.exact)
        front.inject(lambda real: type(real)(200, {}, json.dumps(answer).encode()), "wandb_manifest.json")
        with pytest.raises(SourceError, match=sentence):
            await digest(access, reference)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ((b'"digest": "', b'"digest": "x'), "answered without an artifact, its digest or its version"),
        ((b'"versionIndex": 0', b'"versionIndex": true'), "answered without an artifact"),
        ((b'"versionIndex": 0', b'"versionIndex": -1'), "answered without an artifact"),
        ((b'"versionIndex": 0', b'"versionIndex": 3'), "answered with v3 where v0 was asked for"),
        ((b'"data"', b'"date"'), "answered Membership with no data"),
        ((b"{", b"["), "answered Membership with no data"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_refused(
    subject: Subject, change: tuple[bytes, bytes], sentence: str
) -> None:
    with proxy(subject.upstream, keeps_host=True) as front:
        front.inject(lambda real: type(real)(200, {}, real.content.replace(*change)))
        with pytest.raises(SourceError, match=sentence):
            await resolve(subject.access(front.url), subject.exact)


async def test_names_that_make_too_long_an_address_are_refused(cloud: Cloud) -> None:
    path = f"{'團' * 128}/{'隊' * 128}/{'模' * 128}"
    logged(cloud, path, 1)
    with pytest.raises(SourceError, match="are too long together; shorten them"):
        await resolve(way_in(READER, cloud.url), source(path))
