"""Catches an OCI registry whose credentials go astray or are shown, whose layers make other files than were packed, and
whose bad days end in wrong bytes."""

import base64
import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import zstandard
from crossfade.api.v1alpha1.facts import Provenance
from crossfade.model.access import Access, Secrets
from crossfade.observe.verify import DigestMismatch, fetch, measure
from crossfade.ports import Asked, SourceError

from tests.contract.conftest import serving
from tests.contract.oci_bench import (
    MODELPACK,
    OUTSIDER,
    READER,
    STRANGER,
    Json,
    Layer,
    OciBench,
    a_subject,
    by_password,
    descriptor,
    registry,
    source,
    weight,
    with_passwords,
    with_tokens,
)
from tests.contract.registry_contract import RegistryContract, Subject, digest, listed, opened, resolve
from tests.support.faults import Answer, proxy, refusing, truncating
from tests.support.folders import on_disk, tar

pytestmark = pytest.mark.cluster

IMAGE = "application/vnd.oci.image"


@pytest.fixture(scope="module")
def oci(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OciBench]:
    """The registry with a token server."""
    with with_tokens(tmp_path_factory.mktemp("registry")) as made:
        yield made


@pytest.fixture(scope="module")
def subject(oci: OciBench) -> Subject:
    """One that all tests share."""
    return a_subject(oci)


@pytest.fixture
def fresh(oci: OciBench) -> Subject:
    """One of the test's own."""
    return a_subject(oci)


class TestContract(RegistryContract):
    """Debian's registry, with a token server."""


async def test_a_token_that_ends_while_a_layer_is_read_is_renewed(oci: OciBench) -> None:
    subject = a_subject(oci)
    ended: set[str] = set()

    def cut(answer: Answer) -> Answer:
        ended.update(str(token) for token in front.sent("authorization") if token)
        return truncating(answer)

    with proxy(oci.url) as front:
        front.refuses = lambda headers: 401 if headers.get("authorization") in ended else None
        async with opened(subject.access(front.url)) as found:
            where = (await found.registry.resolve(subject.exact)).immutable_uri
            whole = await measure(found.artifacts, where)
            front.inject(cut, where="/blobs/", times=1)
            assert await measure(found.artifacts, where) == whole
        ranges = {headers["range"] for _, headers in front.seen if "range" in headers}
    assert ended
    assert len(ranges) == 1


async def test_a_token_that_ends_between_two_layers_is_renewed(oci: OciBench) -> None:
    subject = a_subject(oci)
    ended: set[str | None] = set()
    with proxy(oci.url) as front:
        front.refuses = lambda headers: 401 if headers.get("authorization") in ended else None
        async with opened(subject.access(front.url)) as found:
            where = (await found.registry.resolve(subject.exact)).immutable_uri
            first, *_ = await found.artifacts.files(where)
            ended |= front.sent("authorization") - {None}
            read = [chunk async for chunk in found.artifacts.read(where, first.path)]
    assert ended
    assert sum(map(len, read)) == first.size


async def contents(access: Access, reference: str, folder: Path) -> dict[str, bytes]:
    """The files that a pod would get."""
    found = await resolve(access, source(reference))
    async with opened(access) as one:
        measured = await measure(one.artifacts, found.immutable_uri)
        await fetch(one.artifacts, found.immutable_uri, measured.digest, folder)
    return on_disk(folder)


def reader(oci: OciBench) -> Access:
    return by_password(READER, oci.url)


def a_name() -> str:
    return f"models/model-{uuid.uuid4().hex[:8]}"


async def test_a_modelpack_is_its_weights_configs_code_and_docs(oci: OciBench, tmp_path: Path) -> None:
    name = a_name()
    config = {
        "descriptor": {
            "family": "churn",
            "name": "churn-small",
            "version": "1.0.0",
            "licenses": ["Apache-2.0", "MIT"],
            "revision": "0a1b2c",
            "sourceURL": "https://user:canary@git.example.com/churn",
            "authors": ["Ada", "Grace"],
            "createdAt": "2026-11-01T10:00:00Z",
        },
        "config": {"format": "onnx"},
    }
    layers = [
        weight("deep/weights", b"1"),
        Layer(tar({"a/b": b"2"}), f"{MODELPACK}.weight.config.v1.tar", {"org.cncf.model.filepath": "a"}),
        Layer(gzip.compress(tar({"code": b"3"})), f"{MODELPACK}.code.v1.tar+gzip", {}),
        Layer(zstandard.ZstdCompressor().compress(tar({"doc": b"4"})), f"{MODELPACK}.doc.v1.tar+zstd", {}),
        Layer(b"rows", f"{MODELPACK}.dataset.v1.raw", {"org.cncf.model.filepath": "rows.csv"}),
    ]
    oci.modelpack(f"{name}:1", *layers, config=config)
    wanted = {"deep/weights": b"1", "a/b": b"2", "code": b"3", "doc": b"4"}
    assert await contents(reader(oci), f"{name}:1", tmp_path) == wanted
    facts = (await resolve(reader(oci), source(f"{name}:1"))).facts
    assert facts is not None
    assert facts.lineage is not None
    assert (facts.lineage.git_commit, facts.lineage.git_repository) == ("0a1b2c", "https://git.example.com/churn")
    made = Provenance(origin="Registry", created_by="Ada, Grace", created_at="2026-11-01T10:00:00Z")
    assert facts.provenance == made
    assert facts.tags is not None
    assert facts.tags.values == {
        "family": "churn",
        "name": "churn-small",
        "version": "1.0.0",
        "licenses": "Apache-2.0, MIT",
        "format": "onnx",
    }


async def test_a_modelkit_is_what_its_layers_hold(oci: OciBench, tmp_path: Path) -> None:
    name, kind = a_name(), "application/vnd.kitops.modelkit"
    layers = [
        Layer(tar({"model/weights": b"1"}), f"{kind}.model.v1.tar", {}),
        Layer(gzip.compress(tar({"code": b"2"})), f"{kind}.code.v1.tar+gzip", {}),
        Layer(tar({"rows": b"3"}), f"{kind}.dataset.v1.tar", {}),
    ]
    kitfile = {
        "manifestVersion": "1.0.0",
        "package": {"name": "churn", "license": "MIT"},
        "model": {"framework": "onnx"},
    }
    oci.push(f"{name}:1", layers, kitfile, f"{kind}.config.v1+json")
    assert await contents(reader(oci), f"{name}:1", tmp_path) == {"model/weights": b"1", "code": b"2"}
    facts = (await resolve(reader(oci), source(f"{name}:1"))).facts
    assert facts is not None
    assert facts.tags is not None
    assert facts.tags.values == {"name": "churn", "licenses": "MIT", "framework": "onnx"}


async def test_an_image_is_what_lies_in_its_folder_models(oci: OciBench, tmp_path: Path) -> None:
    name = a_name()
    layers = [
        Layer(gzip.compress(tar({"etc/passwd": b"root"})), f"{IMAGE}.layer.v1.tar+gzip", {}),
        Layer(gzip.compress(tar({"models/1/weights": b"1"})), f"{IMAGE}.layer.v1.tar+gzip", {}),
    ]
    manifest = json.loads(oci.blob(oci.push(f"{name}:1", layers, {}, f"{IMAGE}.config.v1+json")).read_bytes())
    assert await contents(reader(oci), f"{name}:1", tmp_path) == {"1/weights": b"1"}
    assert (await resolve(reader(oci), source(f"{name}:1"))).image_id == manifest["config"]["digest"]


async def test_what_oras_pushes_by_itself_is_what_was_pushed(oci: OciBench, tmp_path: Path) -> None:
    name, folder = a_name(), tmp_path / "pushed"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "weights é").write_bytes(b"1" * 70000)
    (folder / "config.json").write_bytes(b"{}")
    oci.push_files(f"{name}:1", folder, ["config.json", "deep"])
    found = await contents(reader(oci), f"{name}:1", tmp_path / "got")
    assert found == {"config.json": b"{}", "deep/er/weights é": b"1" * 70000}
    assert (await resolve(reader(oci), source(f"{name}:1"))).image_id is None, "its config says that it is an image"


async def test_an_index_of_one_image_is_that_image_and_of_more_is_refused(oci: OciBench) -> None:
    name = a_name()
    first = oci.modelpack(f"{name}:1", weight("weights", b"1"))
    second = oci.modelpack(f"{name}:2", weight("weights", b"2"))
    proof = {"vnd.docker.reference.type": "attestation-manifest"}
    entries = [
        descriptor(oci.blob(one).read_bytes(), f"{IMAGE}.manifest.v1+json") | {"annotations": notes}
        for one, notes in ((first, {}), (second, proof))
    ]
    oci.push_index(f"{name}:one", entries)
    assert (await resolve(reader(oci), source(f"{name}:one"))).immutable_uri.endswith(f"{name}@{first}")
    oci.push_index(f"{name}:two", [entries[0], entries[1] | {"annotations": {}}])
    with pytest.raises(SourceError, match="index of 2 manifests, one for each platform; name one") as failure:
        await resolve(reader(oci), source(f"{name}:two"))
    assert not failure.value.retry


@pytest.mark.parametrize(
    ("layers", "kind", "sentence"),
    [
        ([], f"{MODELPACK}.config.v1+json", "has no layer with a file of a model"),
        ([Layer(b"1", f"{MODELPACK}.weight.v1.raw", {})], f"{MODELPACK}.config.v1+json", r"without the annotation"),
        ([Layer(b"1", "text/plain", {})], f"{MODELPACK}.config.v1+json", "'text/plain', which is not read"),
        ([Layer(b"1", "text/plain", {})], f"{IMAGE}.config.v1+json", "'text/plain', which is not read"),
        ([Layer(b"1", "text/plain", {})], "application/x", "is no ModelPack, no ModelKit and no image"),
    ],
)
async def test_what_makes_no_model_is_refused_for_good(
    oci: OciBench, layers: list[Layer], kind: str, sentence: str
) -> None:
    name = a_name()
    oci.push(f"{name}:1", layers, {}, kind)
    with pytest.raises(SourceError, match=sentence) as failure:
        await resolve(reader(oci), source(f"{name}:1"))
    assert not failure.value.retry


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ([weight("../weights", b"1")], "must be relative"),
        ([weight("/weights", b"1")], "must be relative"),
        ([weight("a", b"1"), weight("a", b"2")], "the same path"),
        ([weight("a", b"1"), Layer(tar({"a": b"2"}), f"{MODELPACK}.code.v1.tar", {})], "the same path"),
        ([Layer(tar({"/a": b"2"}), f"{MODELPACK}.code.v1.tar", {})], "must be relative"),
        ([Layer(b"nonsense", f"{MODELPACK}.code.v1.tar+gzip", {})], "is no gzip"),
    ],
)
async def test_layers_that_cannot_be_files_of_one_folder_are_refused_for_good(
    oci: OciBench, layers: list[Layer], sentence: str
) -> None:
    name = a_name()
    oci.modelpack(f"{name}:1", *layers)
    found = await resolve(reader(oci), source(f"{name}:1"))
    with pytest.raises(SourceError, match=sentence) as failure:
        await digest(reader(oci), found)
    assert not failure.value.retry


async def test_an_archive_that_is_damaged_on_the_disk_may_be_mended_and_never_loads(
    oci: OciBench, tmp_path: Path
) -> None:
    name = a_name()
    oci.modelpack(
        f"{name}:1", Layer(gzip.compress(tar({"a": name.encode() * 500})), f"{MODELPACK}.weight.v1.tar+gzip", {})
    )
    found = await resolve(reader(oci), source(f"{name}:1"))
    promised = await digest(reader(oci), found)
    oci.overwrite(found.immutable_uri)
    with pytest.raises(SourceError, match="was damaged") as failure:
        await digest(reader(oci), found)
    assert failure.value.retry
    async with opened(reader(oci)) as one:
        with pytest.raises(DigestMismatch):
            await fetch(one.artifacts, found.immutable_uri, promised, tmp_path / "m")
    assert list((tmp_path / "m").iterdir()) == []


async def test_a_manifest_of_another_digest_is_refused(oci: OciBench, subject: Subject) -> None:
    with proxy(oci.url) as front:
        front.inject(lambda a: type(a)(a.status, a.headers, a.content + b" "), "/manifests/")
        with pytest.raises(SourceError, match="whose digest is") as failure:
            await resolve(subject.access(front.url), subject.exact)
    assert failure.value.retry


async def test_layers_may_lie_at_another_host_which_gets_no_credentials(oci: OciBench, subject: Subject) -> None:
    sent: list[str | None] = []
    with serving(blobs_of(oci, sent)) as elsewhere, proxy(oci.url) as front:
        access = subject.access(front.url)
        found = await resolve(access, subject.exact)
        promised = await digest(access, found)
        front.inject(lambda a: refusing(307, Location=f"{elsewhere}/{digest_in(a)}")(a), "/blobs/")
        assert await digest(access, found) == promised
        assert sent == [None, None]
        front.inject(refusing(307, Location="http://169.254.169.254/x"), "/blobs/")
        with pytest.raises(SourceError, match="must not come from"):
            await digest(access, found)


def digest_in(answer: Answer) -> str:
    """Of the blob that this is."""
    return answer.headers["docker-content-digest"]


def blobs_of(oci: OciBench, sent: list[str | None]) -> Callable[..., BaseHTTPRequestHandler]:
    """A store that serves blobs to everybody, and notes in `sent` as whom."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(self.headers.get("Authorization"))
            raw = oci.blob(self.path.rpartition("/")[2]).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


@pytest.mark.parametrize("realm", ["http://169.254.169.254/token", "ftp://x/token", "http://a:b@127.0.0.1/token", ""])
async def test_a_token_server_that_must_not_be_asked_is_not(oci: OciBench, subject: Subject, realm: str) -> None:
    with proxy(oci.url) as front:
        front.inject(refusing(401, WWW_Authenticate=f'Bearer realm="{realm}",service="models"'))
        with pytest.raises(SourceError, match=r"must not come from|is not asked") as failure:
            await resolve(subject.access(front.url), subject.exact)
    assert failure.value.retry


async def test_a_secret_of_docker_lets_in_as_well(oci: OciBench, subject: Subject) -> None:
    auth = base64.b64encode(":".join(READER).encode()).decode()
    for entry in ({"auth": auth}, {"username": READER[0], "password": READER[1]}):
        for host in (oci.host, f"http://{oci.host}", f"http://{oci.host}/v1/"):
            config = json.dumps({"auths": {"other.example.com": {"auth": "x"}, host: entry}})
            access = Access("oci", oci.url, (), Secrets({".dockerconfigjson": config}))
            assert (await resolve(access, subject.exact)).registry_version


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"auths": {"other": {"auth": "canary"}}}, "has nothing for"),
        ({"auths": {"HOST": {"auth": "canary"}}}, "must have user and password for"),
        ({"auths": {"HOST": {}}}, "must have user and password for"),
        ({}, "has nothing for"),
    ],
)
async def test_a_secret_of_docker_without_this_host_says_so(
    oci: OciBench, subject: Subject, config: Json, sentence: str
) -> None:
    secrets = Secrets({".dockerconfigjson": json.dumps(config).replace("HOST", oci.host)})
    with pytest.raises(SourceError, match=sentence) as failure:
        await resolve(Access("oci", oci.url, (), secrets), subject.exact)
    assert failure.value.retry
    assert "canary" not in str(failure.value)


async def test_nobody_is_told_to_name_a_secret(oci: OciBench, subject: Subject) -> None:
    with pytest.raises(SourceError, match="lets nobody read"):
        await resolve(Access("oci", oci.url), subject.exact)


async def test_whether_it_is_there_needs_no_name_and_no_repository(oci: OciBench) -> None:
    for access in (Access("oci", oci.url), by_password(OUTSIDER, oci.url)):
        async with opened(access) as found:
            assert isinstance(found.registry, Asked)
            await found.registry.check()
    with proxy(oci.url) as front:
        front.inject(refusing(404))
        async with opened(by_password(READER, front.url)) as found:
            assert isinstance(found.registry, Asked)
            with pytest.raises(SourceError, match=r"answered /v2/ with 404; check that the address is an OCI"):
                await found.registry.check()


async def test_a_registry_that_asks_for_a_password_gets_it(tmp_path: Path) -> None:
    with with_passwords(tmp_path) as guarded, proxy(guarded.url) as front:
        guarded.modelpack("churn:1", weight("weights", b"1"))
        found = await resolve(by_password(READER, front.url), source("churn:1"))
        assert (await digest(by_password(READER, front.url), found)).startswith("sha256:")
        with pytest.raises(SourceError, match="does not accept who asks for churn"):
            await resolve(by_password(STRANGER, front.url), source("churn:1"))
        for who, known in ((READER, True), (STRANGER, False)):
            async with opened(by_password(who, front.url)) as one:
                assert isinstance(one.registry, Asked)
                with nullcontext() if known else pytest.raises(SourceError, match=r"accept who asks \(401\); give"):
                    await one.registry.check()
        with pytest.raises(SourceError, match="lets nobody read"):
            await resolve(Access("oci", front.url), source("churn:1"))


async def test_a_registry_that_asks_nobody_is_told_no_secret(tmp_path: Path) -> None:
    with registry(tmp_path, backend="basic") as public, proxy(public.url) as front:
        public.modelpack("churn:1", weight("weights", b"1"))
        found = await resolve(by_password(READER, front.url), source("churn:1"))
        assert (await digest(by_password(READER, front.url), found)).startswith("sha256:")
        assert front.sent("authorization") == {None}


async def test_tags_that_are_versions_are_listed(oci: OciBench) -> None:
    name = a_name()
    for tag in ("1.2.0", "v1.10.0", "champion", "2.0.0-rc.1", "1.3"):
        oci.modelpack(f"{name}:{tag}", weight("weights", tag.encode()))
    followed = {"oci": {"repository": name, "semver": "^1"}, "registryRef": {"name": "models"}}
    found = await listed(by_password(READER, oci.url), **followed)
    assert {tag: one.oci and one.oci.reference for tag, one in found.items()} == {
        tag: f"{name}:{tag}" for tag in ("1.2.0", "v1.10.0", "2.0.0-rc.1")
    }
    with pytest.raises(SourceError, match="has no repository"):
        await listed(by_password(READER, oci.url), **followed | {"oci": {"repository": a_name(), "semver": "^1"}})
    with pytest.raises(SourceError, match="permission to pull from the repository"):
        await listed(by_password(OUTSIDER, oci.url), **followed)
