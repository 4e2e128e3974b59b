"""Catches an object store that is asked as somebody else than the tenant, whose bad days end in wrong bytes, or whose
own client would have another model."""

import gzip
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
from crossfade.adapters.buckets.azure import AzureBucket
from crossfade.adapters.buckets.opening import opened_bucket
from crossfade.adapters.sources import OpenSources
from crossfade.adapters.web import Guard
from crossfade.model.access import Access, Secrets, secret_keys, secrets_of
from crossfade.ports import Part, SourceError, StoredFile

from tests.contract.registry_contract import SourceContract, Subject, digest, opened, resolve
from tests.contract.store_bench import Bench, GcsBench, S3Bench, a_model, in_store
from tests.support.faults import Proxy, proxy, refusing
from tests.support.networks import HERE

BIG = bytes(range(256)) * 12_000
PERMISSIONS = {"s3": "`s3:ListBucket`", "gs": "`storage.objects.list`", "az": "permissions Read and List"}
ASKS = {"s3": "list-type=2", "gs": "maxResults=", "az": "comp=list"}


@pytest.fixture(scope="module")
def bench(store_bench: Bench) -> Bench:
    """Each store in turn."""
    return store_bench


@pytest.fixture(scope="module")
def s3(users_of_s3: S3Bench) -> S3Bench:
    """S3 alone."""
    return users_of_s3


def a_subject(bench: Bench) -> Subject:
    """A folder, and one whose name has other letters."""
    scheme = bench.bucket.partition(":")[0]
    folder, spelled = a_model(bench), a_model(bench, folder=f"risk/größe-{uuid.uuid4().hex[:8]}/模型+&=%41")
    return Subject(
        upstream=bench.url,
        access=partial(bench.access, prefix="risk"),
        stranger=partial(bench.access, who="stranger", prefix="risk"),
        outsider=partial(bench.access, who="outsider", prefix="risk"),
        exact=in_store(f"{bench.bucket}/{folder}"),
        mutable=in_store(f"{bench.bucket}/{folder}"),
        missing=(in_store(f"{bench.bucket}/{folder}/weights"), in_store(f"{bench.bucket}/risk/none")),
        unicode=in_store(f"{bench.bucket}/{spelled}"),
        move=lambda: None,
        overwrite=lambda _: bench.put(f"{folder}/weights.bin", b"\x09" * 3000),
        permission=PERMISSIONS[scheme],
        canaries=bench.canaries,
        asks=ASKS[scheme],
        reads="weights.bin",
        nobody=partial(bench.access, who="", prefix="risk"),
    )


@pytest.fixture(scope="module")
def subject(bench: Bench) -> Subject:
    """One that all tests share."""
    return a_subject(bench)


@pytest.fixture
def fresh(bench: Bench) -> Subject:
    """One of the test's own."""
    return a_subject(bench)


@pytest.fixture
def front(subject: Subject) -> Iterator[Proxy]:
    """A proxy that shows the server behind the name that was asked for: it is signed."""
    with proxy(subject.upstream, keeps_host=True) as made:
        yield made


class TestContract(SourceContract):
    """Three stores, each with users."""

    absent = "upload the model there"
    keeps_host = True


async def test_the_clouds_own_client_has_the_same_model(bench: Bench, subject: Subject) -> None:
    for asked in (subject.exact, subject.unicode):
        assert asked.uri is not None
        uri = asked.uri.uri
        prefix = uri.removeprefix(f"{bench.bucket}/")
        access = bench.access(bench.url, prefix="risk")
        async with opened(access) as found:
            files = await found.artifacts.files(uri)
            ours = {f"{prefix}/{file.path}": await content(access, uri, file.path) for file in files}
        assert {f"{prefix}/{file.path}": file.size for file in files} == {
            name: len(text) for name, text in ours.items()
        }
        assert ours == bench.witness(f"{prefix}/")


def test_the_clouds_own_client_is_refused_as_we_are(bench: Bench) -> None:
    refusals = {
        "s3": ("SignatureDoesNotMatch", "AccessDenied"),
        "gs": ("RefreshError", "403"),
        "az": ("AuthorizationFailure", "AuthorizationPermissionMismatch"),
    }[bench.bucket[:2]]
    assert (bench.witness("risk/", "stranger"), bench.witness("risk/", "outsider")) == refusals


async def content(access: Access, uri: str, path: str) -> bytes:
    async with opened(access) as found:
        return b"".join([chunk async for chunk in found.artifacts.read(uri, path)])


async def test_a_key_is_a_model_of_one_file_and_a_folder_may_hold_one_of_its_own_name(bench: Bench) -> None:
    bench.put("one/model.onnx", BIG)
    bench.put("one/model.onnx-more", b"")
    bench.put("two/two", b"inner")
    access = bench.access(bench.url)
    async with opened(access) as found:
        assert await found.artifacts.files(f"{bench.bucket}/one/model.onnx") == [StoredFile("model.onnx", len(BIG))]
        assert await found.artifacts.files(f"{bench.bucket}/two") == [StoredFile("two", 5)]
    assert await content(access, f"{bench.bucket}/one/model.onnx", "model.onnx") == BIG
    assert await content(access, f"{bench.bucket}/two", "two") == b"inner"


async def test_parts_of_one_object_are_asked_for_and_nothing_else(bench: Bench, front: Proxy) -> None:
    name = uuid.uuid4().hex
    bench.put(f"parts/{name}", BIG)
    uri = f"{bench.bucket}/parts/{name}"
    parts = [Part(at, at + 100_000) for at in range(0, len(BIG) - 100_000, 100_000)]
    async with opened(bench.access(front.url)) as found:
        await found.artifacts.files(uri)
        front.seen.clear()
        for part in parts:
            got = b"".join([chunk async for chunk in found.artifacts.read(uri, name, part)])
            assert got == BIG[part.start : part.end]
    assert len(front.seen) == len(parts)


async def test_a_key_that_becomes_a_folder_is_one_when_it_is_listed_again(bench: Bench) -> None:
    name = uuid.uuid4().hex
    uri = f"{bench.bucket}/parts/{name}"
    async with opened(bench.access(bench.url)) as found:
        for key, content in ((f"parts/{name}", b"one"), (f"parts/{name}/{name}", b"inner")):
            bench.put(key, content)
            await found.artifacts.files(uri)
            assert b"".join([chunk async for chunk in found.artifacts.read(uri, name)]) == content


@pytest.mark.parametrize("store_bench", ["gs"], indirect=True)
async def test_what_google_unpacks_on_the_way_is_refused_where_it_is_of_the_model(store_bench: GcsBench) -> None:
    folder, one = uuid.uuid4().hex, f"a-{uuid.uuid4().hex}"
    store_bench.put(f"{folder}/weights.bin", BIG)
    async with opened(store_bench.access(store_bench.url)) as found:
        for key in (f"{folder}-other", one):
            keep_packed(store_bench, key)
        assert await found.artifacts.files(f"gs://models/{folder}") == [StoredFile("weights.bin", len(BIG))]
        keep_packed(store_bench, f"{folder}/b.json")
        for place, key in ((folder, f"{folder}/b.json"), (one, one)):
            with pytest.raises(SourceError, match=f"'{key}'.*`Content-Encoding: gzip`; upload it as it is") as failure:
                await found.artifacts.files(f"gs://models/{place}")
            assert failure.value.retry
        with pytest.raises(SourceError, match="has nothing at"):
            await found.artifacts.files(f"gs://models/{one[:-1]}")


def keep_packed(bench: GcsBench, key: str) -> None:
    """As `gcloud storage cp --gzip-local` uploads it."""
    told = {"uploadType": "media", "contentEncoding": "gzip", "name": key}
    url = f"{bench.store}/upload/storage/v1/b/models/o"
    httpx.post(url, params=told, content=gzip.compress(b"{}"), timeout=60).raise_for_status()


async def test_a_folder_that_a_console_made_is_no_file(bench: Bench) -> None:
    bench.put("console/", b"")
    bench.put("console/empty", b"")
    async with opened(bench.access(bench.url)) as found:
        assert await found.artifacts.files(f"{bench.bucket}/console/") == [StoredFile("empty", 0)]


async def test_many_objects_are_listed_page_by_page(
    bench: Bench, front: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        bench.put(f"many/{number}.json", b"")
    module = {"s3": "s3", "gs": "gcs", "az": "azure"}[bench.bucket[:2]]
    monkeypatch.setattr(f"crossfade.adapters.buckets.{module}.PAGE", 2)
    async with opened(bench.access(front.url)) as found:
        names = [file.path for file in await found.artifacts.files(f"{bench.bucket}/many")]
        assert names == [f"{number}.json" for number in range(5)]
        assert len(front.seen) == 3
        monkeypatch.setattr("crossfade.adapters.buckets.bucket._MOST_OBJECTS", 4)
        with pytest.raises(SourceError, match="has more than"):
            await found.artifacts.files(f"{bench.bucket}/many")


@pytest.mark.parametrize("path", ["elsewhere/fraud", "risk2/fraud", "ris", ""])
async def test_what_is_not_beneath_the_registrys_address_is_refused_and_asks_nobody(
    bench: Bench, front: Proxy, path: str
) -> None:
    access = bench.access(front.url, prefix="risk")
    uri = f"{bench.bucket}/{path}"
    with pytest.raises(SourceError, match="is not beneath") as failure:
        await resolve(access, in_store(uri))
    assert repr(uri) in str(failure.value)
    assert repr(f"{bench.bucket}/risk") in str(failure.value)
    async with opened(access) as found:  # nor in a pod, whatever it is told
        with pytest.raises(SourceError, match="is not beneath"):
            await found.artifacts.files(uri)
        with pytest.raises(SourceError, match="is not beneath"):
            await content(access, uri, "weights.bin")
    assert front.seen == []


@pytest.mark.parametrize("uri", ["s3://models/risk/../x", "s3://models/a//b", "s3://UP/x", "s3://a@169.254.169.254/x"])
async def test_an_address_that_is_none_asks_nobody(s3: S3Bench, uri: str) -> None:
    with proxy(s3.url) as front:
        with pytest.raises(SourceError, match="is no s3://"):
            await resolve(s3.access(front.url), in_store(uri))
        assert front.seen == []


async def test_a_session_token_is_shown(s3: S3Bench) -> None:
    folder = a_model(s3)
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
        }
    )
    arn = s3.do("iam", "create_role", RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    rights = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    )
    s3.do("iam", "put_role_policy", RoleName="r", PolicyName="rights", PolicyDocument=rights)
    made = s3.do("sts", "assume_role", RoleArn=arn, RoleSessionName="test")["Credentials"]
    s3.keys["session"] = (made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    assert (await resolve(s3.access(s3.url, "session"), in_store(f"s3://models/{folder}"))).uri
    s3.keys["expired"] = (made["AccessKeyId"], made["SecretAccessKey"], "canary-of-a-session")
    with pytest.raises(SourceError, match=r"does not accept who asks .*InvalidToken.* renew") as failure:
        await resolve(s3.access(s3.url, "expired"), in_store(f"s3://models/{folder}"))
    assert "canary-of-a-session" not in str(failure.value)


async def test_a_bucket_in_another_region_is_said_to_be(s3: S3Bench) -> None:
    folder = a_model(s3)
    with proxy(s3.url, keeps_host=True) as front:
        said = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region></Error>"
        front.inject(lambda answer: replace(answer, status=400, content=said))
        with pytest.raises(SourceError, match=r"not in the region 'us-east-1' but in 'eu-central-1'; correct `region`"):
            await resolve(s3.access(front.url), in_store(f"s3://models/{folder}"))
        front.inject(refusing(503), times=1)
        with pytest.raises(SourceError, match="refused to list bucket models with 503"):
            await resolve(s3.access(front.url), in_store(f"s3://models/{folder}"))


_ENTRY = "<Contents><Key>risk/a</Key><Size>1</Size></Contents>"
_LIST = "<ListBucketResult>{}</ListBucketResult>"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b"<html><body>hello</body></html>",
        _LIST.format(_ENTRY.replace("1", "-1")).encode(),
        _LIST.format(_ENTRY.replace("1", "1" * 5000)).encode(),
        _LIST.format("<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>").encode(),
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + _LIST.format(_ENTRY.replace("risk", "&a;")).encode(),
        _LIST.format(_ENTRY).encode("utf-16"),
        b"<a>" * 100_000,
        _LIST.format("<Contents><Size>1</Size></Contents>").encode(),
    ],
)
async def test_a_list_that_makes_no_sense_is_refused(s3: S3Bench, answer: bytes) -> None:
    with proxy(s3.url, keeps_host=True) as front:
        front.inject(lambda real: replace(real, content=answer))
        with pytest.raises(SourceError, match="a list that cannot be understood"):
            await resolve(s3.access(front.url), in_store("s3://models/risk"))


@pytest.mark.parametrize("key", ["risk/../a", "risk//a", "risk/a/.", "risk/a\\b"])
async def test_a_key_that_would_leave_the_models_folder_is_refused(s3: S3Bench, key: str) -> None:
    with proxy(s3.url, keeps_host=True) as front:
        front.inject(lambda real: replace(real, content=_LIST.format(_ENTRY.replace("risk/a", key)).encode()))
        with pytest.raises(SourceError, match="must be relative UTF-8"):
            await digest(s3.access(front.url), await resolve(s3.access(front.url), in_store("s3://models/risk")))


@pytest.mark.parametrize("address", ["http://169.254.169.254", "http://[fd00:ec2::254]", "http://127.0.0.1:1"])
async def test_an_endpoint_where_credentials_are_given_out_is_refused(bench: Bench, address: str) -> None:
    sources = OpenSources((), None)
    async with sources.open(bench.access(address, "")) as found:
        with pytest.raises(SourceError, match="where models must not come from"):
            await found.registry.resolve(in_store(f"{bench.bucket}/risk"))
    await sources.close()


@pytest.mark.parametrize(
    ("uri", "secrets", "sentence"),
    [
        ("s3://models", {"accountKey": "canary"}, "must have `accessKeyId` and `secretAccessKey`"),
        ("s3://models", {"accessKeyId": "é", "secretAccessKey": "canary"}, "must be plain ASCII"),
        ("gs://models", {"accountKey": "canary"}, "must have `serviceAccountKey`"),
        ("gs://models", {"serviceAccountKey": '{"private_key": "canary"}'}, "as Google gave it out"),
        ("gs://models", {"serviceAccountKey": "canary"}, "as Google gave it out"),
        ("az://models", {"serviceAccountKey": "canary"}, "must have `accountKey` or `sasToken`"),
        ("az://models", {"accountKey": "canary!"}, "must be base64"),
        ("az://models", {"sasToken": "sig=canaryé"}, "must be plain ASCII"),
    ],
)
async def test_secrets_that_are_of_no_use_are_said_to_be_and_not_repeated(
    uri: str, secrets: dict[str, Any], sentence: str
) -> None:
    access = Access("objectStore", "http://store", (("account", "team"), ("uri", uri)), Secrets(secrets))
    with pytest.raises(SourceError, match=sentence) as failure:
        async with opened(access):
            pass
    assert "canary" not in str(failure.value)


@pytest.mark.parametrize("store_bench", ["az"], indirect=True)
async def test_azures_key_signs_a_range_as_well(bench: Bench) -> None:
    bench.put("ranged/model.bin", b"0123456789")
    store = opened_bucket("az", bench.access(bench.url, "owner"), Guard(HERE), 30.0)
    assert isinstance(store, AzureBucket)
    asked = {"Range": "bytes=2-4"}
    reply = await store._web.ask("it", "/models/ranged/model.bin", {}, asked)
    assert (reply.status, reply.content) == (206, b"234")
    await store.close()


@pytest.mark.parametrize("store_bench", ["az"], indirect=True)
async def test_a_signature_of_azure_that_has_run_out_is_to_be_renewed(bench: Bench) -> None:
    folder = a_model(bench)
    for who in ("reader", "owner"):
        assert (await resolve(bench.access(bench.url, who), in_store(f"az://models/{folder}"))).uri
    with pytest.raises(SourceError, match=r"does not accept who asks .*AuthorizationFailure.* renew"):
        await resolve(bench.access(bench.url, "expired"), in_store(f"az://models/{folder}"))


@pytest.mark.parametrize("uri", ["s3://UP", "gs://a_/../b", "az://x", "ftp://models", ""])
async def test_a_registry_whose_address_is_none_can_be_edited(uri: str) -> None:
    with pytest.raises(SourceError, match=r"`objectStore.uri` of the ModelRegistry: .* is no s3://") as failure:
        async with opened(Access("objectStore", "http://store", (("uri", uri),))):
            pass
    assert failure.value.retry


def test_the_way_in_reads_keys_of_every_store_and_no_others() -> None:
    keys = ["accessKeyId", "secretAccessKey", "serviceAccountKey", "accountKey", "sasToken", "sessionToken"]
    assert secret_keys("objectStore") == keys
    assert dict(secrets_of({"accountKey": b"x\n", "other": b"y"}, "objectStore")) == {"accountKey": "x"}
    with pytest.raises(ValueError, match="must have `accessKeyId` and `secretAccessKey`, or `serviceAccountKey`, or"):
        secrets_of({"sessionToken": b"x"}, "objectStore")
    lines = b'{\n  "type": "service_account"\n}\n'
    assert (
        secrets_of({"serviceAccountKey": lines}, "objectStore")["serviceAccountKey"] == '{ "type": "service_account" }'
    )
