"""Catches a model of Vertex AI that is another one than its registry says, a service account's key or token that goes
where it has no business, and bad days that end in wrong bytes."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from crossfade.adapters import vertex_server
from crossfade.adapters.buckets import gcs
from crossfade.observe.verify import measure
from crossfade.ports import SourceError

from tests.contract.google_door import CLOUD_PLATFORM, READ_STORAGE
from tests.contract.registry_contract import RegistryContract, Subject, digest, listed, opened, resolve
from tests.contract.vertex_bench import LOCATION, PROJECT, VertexBench, a_bench, a_model, source
from tests.support.faults import Answer, Fault, proxy, refusing, swelling
from tests.support.vertex_cloud import MADE_AT

JOB = f"projects/{PROJECT}/locations/{LOCATION}/pipelineJobs/train-7"


@pytest.fixture(scope="module")
def bench() -> Iterator[VertexBench]:
    """Vertex AI with two users."""
    with a_bench() as made:
        yield made


@pytest.fixture(scope="module")
def subject(bench: VertexBench) -> Subject:
    """One that all tests share."""
    return bench.subject()


@pytest.fixture
def fresh(bench: VertexBench) -> Subject:
    """One of the test's own."""
    return bench.subject()


class TestContract(RegistryContract):
    """The stand-in, with users."""


async def test_what_made_a_model_and_how_good_it_is_is_known(bench: VertexBench) -> None:
    model = a_model()
    bench.cloud.jobs[JOB] = {
        "endTime": "2026-11-01T10:00:00.123456Z",
        "serviceAccount": "train@risk-1.iam.gserviceaccount.com",
        "templateUri": "https://europe-kfp.pkg.dev/risk-1/train/v1",
        "runtimeConfig": {"parameterValues": {"lr": 0.1, "data": "gs://data/1", "none": None}},
    }
    more = {"labels": {"team": "risk"}, "pipelineJob": JOB, "versionDescription": "Of a test."}
    metrics = [{"displayName": "holdout", "metrics": {"auRoc": 0.97, "confusionMatrix": {"rows": []}, "ok": True}}]
    bench.version(model, 1, more=more, metrics=metrics, aliases={"default", "champion"})
    reference = await resolve(bench.access(bench.url), source(model))
    assert (reference.uri, reference.registry_version) == (
        f"projects/{PROJECT}/locations/{LOCATION}/models/{model}@1",
        "1",
    )
    assert reference.immutable_uri == f"gs://models/{model}/1"
    assert reference.facts is not None
    told = reference.facts.to_json()
    assert told["lineage"] == {
        "origin": "Registry",
        "runId": JOB,
        "source": "https://europe-kfp.pkg.dev/risk-1/train/v1",
        "user": "train@risk-1.iam.gserviceaccount.com",
        "trainedAt": "2026-11-01T10:00:00.123456Z",
        "datasets": [],
        "parameters": {"lr": "0.1", "data": "gs://data/1"},
    }
    assert told["provenance"] == {"origin": "Registry", "createdAt": MADE_AT, "attestations": []}
    assert told["evaluation"]["scores"] == [{"metric": "auRoc", "value": "0.97", "dataset": "holdout"}]
    tags = told["tags"]["values"]
    assert (tags["team"], tags["versionAliases"], tags["versionDescription"]) == (
        "risk",
        "champion, default",
        "Of a test.",
    )
    assert told["registryUrl"] == (
        f"https://console.cloud.google.com/vertex-ai/models/locations/{LOCATION}/models/{model}/versions/1"
        f"?project={PROJECT}"
    )


@pytest.mark.parametrize("where", ["/evaluations", "/pipelineJobs/"])
async def test_facts_that_are_not_for_us_are_left_out_and_ones_that_fail_are_waited_for(
    bench: VertexBench, where: str
) -> None:
    model = a_model()
    bench.cloud.jobs[JOB] = {"runtimeConfig": {"parameterValues": {"lr": 0.1}}}
    bench.version(model, 1, more={"pipelineJob": JOB}, metrics=[{"metrics": {"auRoc": 0.97}}])
    with proxy(bench.url) as front:
        for status in (429, 503):
            front.inject(refusing(status), where)
            with pytest.raises(SourceError, match=f"refused .* with {status}"):
                await resolve(bench.access(front.url), source(model))
        faults: tuple[Fault, ...] = (refusing(403), refusing(404), swelling)
        for fault in faults:
            front.inject(fault, where)
            facts = (await resolve(bench.access(front.url), source(model))).facts
            assert facts is not None
            assert facts.lineage is not None
            assert (facts.evaluation is None) == (where == "/evaluations")
            assert (facts.lineage.parameters == {}) == (where == "/pipelineJobs/")


async def test_a_pipeline_of_another_location_is_named_and_not_asked_for(bench: VertexBench) -> None:
    model, job = a_model(), f"projects/{PROJECT}/locations/us-east1/pipelineJobs/train-7"
    bench.version(model, 1, more={"pipelineJob": job})
    with proxy(bench.url) as front:
        facts = (await resolve(bench.access(front.url), source(model))).facts
        assert [path for path, _ in front.seen if "pipelineJobs" in path] == []
    assert facts is not None
    assert facts.lineage is not None
    assert facts.lineage.run_id == job


async def test_the_versions_in_labels_are_listed_with_their_dots(bench: VertexBench) -> None:
    model = a_model()
    for number, label in enumerate(("1_2_0", "v1_10_0", "", "newest", "1_2_0", "2_0_0-rc_1"), 1):
        bench.version(model, number, more={"labels": {"version": label, "team": "risk"} if label else {}})
    followed = {"vertexAI": {"model": model, "semver": "^1"}, "registryRef": {"name": "r"}}
    found = await listed(bench.access(bench.url), **followed)
    assert {said: one.vertex_ai and one.vertex_ai.version for said, one in found.items()} == {
        "1.2.0": "5",
        "v1.10.0": "2",
        "2.0.0-rc.1": "6",
    }
    with pytest.raises(SourceError, match=rf"does not let the operator read the model {model} .* the role Vertex AI"):
        await listed(bench.access(bench.url, "outsider"), **followed)
    with pytest.raises(SourceError, match="has no model none in"):
        await listed(bench.access(bench.url), **followed | {"vertexAI": {"model": "none", "semver": "^1"}})


async def test_ten_thousand_versions_cost_no_more_questions_than_one(bench: VertexBench) -> None:
    model = a_model()
    for _ in range(10_000):
        bench.cloud.register(model, {})
    bench.cloud.alias(model, "champion", 5000)
    with proxy(bench.url) as front:
        reference = await resolve(bench.access(front.url), source(model, "champion"))
        assert reference.registry_version == "5000"
        assert [path for path, _ in front.seen] == [
            f"/v1/projects/{PROJECT}/locations/{LOCATION}/models/{model}@champion",
            f"/v1/projects/{PROJECT}/locations/{LOCATION}/models/{model}@5000/evaluations?pageSize=100",
        ]


async def test_a_folder_is_listed_page_by_page(bench: VertexBench, monkeypatch: pytest.MonkeyPatch) -> None:
    model = a_model()
    bench.cloud.register(model, {f"shards/{number:03}": b"%d" % number for number in range(25)})
    access = bench.access(bench.url)
    reference = await resolve(access, source(model))
    whole = await digest(access, reference)
    monkeypatch.setattr(bench.cloud, "page", 7)
    assert await digest(access, reference) == whole


async def test_one_token_does_for_vertex_and_one_for_its_storage(bench: VertexBench, subject: Subject) -> None:
    with proxy(bench.url) as front:
        access = bench.access(front.url)
        async with opened(access) as found:
            reference = await found.registry.resolve(subject.exact)
            await found.registry.resolve(subject.exact)
            await measure(found.artifacts, reference.immutable_uri)
        sent: dict[bool, set[str]] = {True: set(), False: set()}
        for path, headers in front.seen:
            sent[path.startswith("/v1/")].add(headers["authorization"].removeprefix("Bearer "))
    (for_vertex,), (for_storage,) = sent[True], sent[False]
    assert bench.door.tokens[for_vertex] == ("reader", CLOUD_PLATFORM)
    assert bench.door.tokens[for_storage] == ("reader", READ_STORAGE)


@pytest.mark.parametrize(("of", "scope"), [(vertex_server, READ_STORAGE), (gcs, CLOUD_PLATFORM), (gcs, "openid")])
async def test_the_door_knows_a_token_that_was_asked_for_another_use(
    bench: VertexBench, subject: Subject, monkeypatch: pytest.MonkeyPatch, of: ModuleType, scope: str
) -> None:
    monkeypatch.setattr(of, "_SCOPE", scope)
    access = bench.access(bench.url)
    with pytest.raises(SourceError, match="403"):
        await digest(access, await resolve(access, subject.exact))


async def test_who_comes_as_nobody_is_told_to_give_credentials(bench: VertexBench, subject: Subject) -> None:
    with pytest.raises(SourceError, match=r"does not accept who asks for the model .* \(401 UNAUTHENTICATED\)"):
        await resolve(bench.access(bench.url, ""), subject.exact)


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        (None, "has no artifactUri, as models have that Google trained itself"),
        (1, "has no artifactUri"),
        ("", "has no artifactUri"),
        ("s3://models/fraud", "has the artifactUri 's3://models/fraud', which is no folder of Google Cloud Storage"),
        ("gs://models", "which is no folder of Google Cloud Storage"),
        ("gs://models/../x", "which is no folder of Google Cloud Storage"),
        ("gs:///x", "which is no folder of Google Cloud Storage"),
        ("https://storage.googleapis.com/models", "which is no folder of Google Cloud Storage"),
    ],
)
async def test_a_model_without_a_folder_of_its_own_is_refused(bench: VertexBench, uri: Any, sentence: str) -> None:
    model = a_model()
    bench.version(model, 1, more={"artifactUri": uri})
    with pytest.raises(SourceError, match=sentence) as failure:
        await resolve(bench.access(bench.url), source(model))
    assert failure.value.retry


async def test_a_folder_without_objects_is_named(bench: VertexBench) -> None:
    model = a_model()
    bench.cloud.register(model, {})
    access = bench.access(bench.url)
    with pytest.raises(SourceError, match=f"has nothing at 'gs://models/{model}/1'"):
        await digest(access, await resolve(access, source(model)))


@pytest.mark.parametrize(
    "change",
    [(b'"versionId": "1"', b'"versionId": 1'), (b'"versionId": "1"', b'"versionId": "2"'), (b"/models/", b"/models/x")],
)
async def test_another_model_than_the_one_asked_for_is_none(subject: Subject, change: tuple[bytes, bytes]) -> None:
    with proxy(subject.upstream) as front:
        front.inject(lambda real: Answer(200, {}, real.content.replace(*change)), "@1")
        with pytest.raises(SourceError, match="answered with another model or version than"):
            await resolve(subject.access(front.url), subject.exact)


async def test_what_is_no_json_is_said_to_be_none(subject: Subject) -> None:
    with proxy(subject.upstream) as front:
        front.inject(lambda _: Answer(200, {}, b"<html>"))
        with pytest.raises(SourceError, match="with no JSON object; check that the address is Vertex AI's"):
            await resolve(subject.access(front.url), subject.exact)
