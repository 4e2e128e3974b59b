"""Catches a Hub whose model is another one than its own client would have, whose token goes where it has no business,
and whose bad days end in wrong bytes."""

import hashlib
import json
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from crossfade.adapters.artifacts import hub_artifacts
from crossfade.adapters.hub_address import parsed
from crossfade.adapters.sources import OpenSources, own_registries
from crossfade.api.v1alpha1.modelversion import HuggingFaceSource, Source
from crossfade.cli.load import EXIT_DIGEST_MISMATCH
from crossfade.model.access import Access, Secrets
from crossfade.model.manifest import File, mvd1
from crossfade.observe.verify import DigestMismatch, fetch
from crossfade.ports import SourceError

from testbed.binaries.environments import python_env
from tests.contract.registry_contract import RegistryContract, Subject, digest, listed, opened, resolve
from tests.contract.test_loader import load
from tests.support.faults import proxy, refusing, truncating
from tests.support.hub import Hub, serving
from tests.support.networks import HERE

READER, OUTSIDER, STRANGER = "hf_canaryReader", "hf_canaryOutsider", "hf_canaryStranger"
WEIGHTS = "model.safetensors"
CARD = b"---\nlicense: mit\nbase_model: org/base\ndatasets: [org/data]\n---\n# A model\n"
_CLIENT = Path(__file__).parents[1] / "support" / "hub_client.py"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A Hub with two users."""
    made = Hub(tmp_path_factory.mktemp("hub"), tokens={READER: "reader", OUTSIDER: "outsider"})
    with serving(made):
        yield made


def way_in(token: str, address: str) -> Access:
    return Access("huggingFace", address, secrets=Secrets({"token": token}))


def anybody(address: str) -> Access:
    return Access("huggingFace", address)


def source(repo: str, revision: str = "main", **more: Sequence[str]) -> Source:
    return Source(hugging_face=HuggingFaceSource.model_validate({"repo": repo, "revision": revision, **more}))


def a_repo() -> str:
    return f"org/model-{uuid.uuid4().hex[:8]}"


def pushed(hub: Hub, number: int, repo: str, branch: str = "main") -> str:
    """One more commit, with a large file and small ones."""
    weights = hashlib.sha256(f"{repo} {number}".encode()).digest() * 10  # each its own: a Hub keeps equal ones once
    files = {"README.md": CARD, "config.json": b'{"version": %d}' % number, WEIGHTS: weights}
    return hub.push(repo, files, (WEIGHTS,), branch)


def a_subject(hub: Hub) -> Subject:
    """A gated model of two commits, of which the branch `main` means the first."""
    repo, spelled = a_repo(), a_repo()
    first = pushed(hub, 1, repo)
    hub.push(spelled, {"poids é/模型.json": b"{}", "größe.bin": b"1" * 300}, ("größe.bin",), branch="añejo/模型")
    hub.admitted[repo] = {"reader"}
    return Subject(
        upstream=hub.url,
        access=partial(way_in, READER),
        stranger=partial(way_in, STRANGER),
        outsider=partial(way_in, OUTSIDER),
        exact=source(repo, first),
        mutable=source(repo),
        missing=(source(repo, "none"), source(repo, "0" * 40), source("org/none"), source("none")),
        unicode=source(spelled, "añejo/模型"),
        move=lambda: str(pushed(hub, 2, repo)),
        overwrite=lambda uri: hub.damage(repo, parsed(uri).commit, WEIGHTS, b"\x09" * 320),
        permission="grant access to the token's user",
        canaries=(READER, OUTSIDER, STRANGER),
        asks="/api/models/",
        reads="/resolve/",
    )


@pytest.fixture(scope="module")
def subject(hub: Hub) -> Subject:
    """One that all tests share."""
    return a_subject(hub)


@pytest.fixture
def fresh(hub: Hub) -> Subject:
    """One of the test's own."""
    return a_subject(hub)


class TestContract(RegistryContract):
    """The stand-in, with users."""


def by_the_client(hub: Hub, asked: Source, token: str, folder: Path, **more: Any) -> dict[str, Any]:
    """What the Hub's own client makes of it."""
    model = asked.hugging_face
    assert model is not None
    told = {
        "endpoint": hub.url,
        "token": token,
        "repo": model.repo,
        "revision": model.revision,
        "allow": model.allow_patterns,
        "ignore": model.ignore_patterns,
        "folder": str(folder / "files"),
        **more,
    }
    environment = {
        "HOME": str(folder),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_ETAG_TIMEOUT": "60",
        "HF_HUB_DOWNLOAD_TIMEOUT": "60",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
    }
    command = [python_env("hub") / "bin" / "python", _CLIENT, json.dumps(told)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def digest_of(folder: Path) -> str:
    """Of the files that the client has put there, without its own notes."""
    paths = [path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts]
    content = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return mvd1(File(path, len(text), hashlib.sha256(text).hexdigest()) for path, text in content.items())


async def test_the_hubs_own_client_has_the_same_model(hub: Hub, subject: Subject, tmp_path: Path) -> None:
    for number, asked in enumerate((subject.exact, subject.mutable, subject.unicode)):
        theirs = by_the_client(hub, asked, READER, tmp_path / str(number))
        access = way_in(READER, hub.url)
        reference = await resolve(access, asked)
        assert theirs["commit"] == reference.registry_version
        async with opened(access) as found:
            ours = await found.artifacts.files(reference.immutable_uri)
        assert {file.path: [file.size, file.sha256 or ""] for file in ours} == theirs["files"]
        assert digest_of(tmp_path / str(number) / "files") == await digest(access, reference)


def test_the_hubs_own_client_is_refused_as_we_are(hub: Hub, subject: Subject, tmp_path: Path) -> None:
    revision, _, repository, _ = subject.missing
    refusals = [
        *((revision, READER, "RevisionNotFoundError", 404), (repository, READER, "RepositoryNotFoundError", 404)),
        *((repository, "", "RepositoryNotFoundError", 401), (subject.exact, STRANGER, "HfHubHTTPError", 401)),
        *((subject.exact, OUTSIDER, "GatedRepoError", 403), (subject.exact, "", "GatedRepoError", 401)),
    ]
    for asked, token, error, status in refusals:
        assert by_the_client(hub, asked, token, tmp_path) == {"error": error, "status": status}


@pytest.mark.slow
async def test_patterns_mean_what_they_mean_to_the_hubs_own_client(hub: Hub, tmp_path: Path) -> None:
    names = ("README.md", "config.json", "model.bin", "onnx/model.onnx", "onnx/deep/a.json", "A.JSON", "[x].txt", "é&=")
    repo = a_repo()
    hub.push(repo, {name: name.encode() for name in names})
    choices: list[dict[str, Sequence[str]]] = [
        {"allowPatterns": ["*.json"]},
        {"allowPatterns": ["onnx/"], "ignorePatterns": ["*.onnx"]},
        {"ignorePatterns": ["*.bin", "README*", "?.JSON"]},
        {"allowPatterns": ["[[]x].txt", "é&=", "model.*"]},
    ]
    for number, patterns in enumerate(choices):
        asked = source(repo, **patterns)
        reference = await resolve(anybody(hub.url), asked)
        by_the_client(hub, asked, "", tmp_path / str(number))
        assert digest_of(tmp_path / str(number) / "files") == await digest(anybody(hub.url), reference)
    with pytest.raises(SourceError, match=r"has no files at .* correct `allowPatterns`"):
        await digest(anybody(hub.url), await resolve(anybody(hub.url), source(repo, allowPatterns=["none"])))
    with pytest.raises(SourceError, match="are too long together"):
        await resolve(anybody(hub.url), source(repo, allowPatterns=["é" * 128] * 32))


@pytest.mark.slow
async def test_many_files_are_listed_page_by_page_of_the_very_server(hub: Hub, tmp_path: Path) -> None:
    repo = a_repo()
    hub.push(repo, {f"shards/{number:05}.json": b"%d" % number for number in range(260)})
    with proxy(hub.url) as front:
        reference = await resolve(anybody(front.url), source(repo))
        assert await digest(anybody(front.url), reference)
        pages = [path for path, _ in front.seen if "/tree/" in path]
    assert len(pages) == 6
    assert len(by_the_client(hub, source(repo), "", tmp_path)["files"]) == 260


async def test_a_large_file_elsewhere_is_read_there_without_the_token(
    hub: Hub, fresh: Subject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with proxy(hub.url) as front, proxy(hub.url) as cdn:
        monkeypatch.setattr(hub, "elsewhere", cdn.url)
        access = way_in(READER, front.url)
        reference = await resolve(access, fresh.exact)
        found = await digest(access, reference)
        by_the_client(hub, fresh.exact, READER, tmp_path)
        assert digest_of(tmp_path / "files") == found
        assert cdn.seen
        assert cdn.sent("authorization") == {None}
        assert front.sent("authorization") == {f"Bearer {READER}"}
        cdn.inject(truncating, times=1)
        assert await digest(access, reference) == found
        assert "bytes=160-" in cdn.sent("range")
        assert cdn.sent("authorization") == {None}
        cdn.inject(truncating)
        with pytest.raises(SourceError) as failure:
            await digest(access, reference)
        assert "signature" not in str(failure.value)


@pytest.mark.parametrize(
    "elsewhere",
    [
        *("http://169.254.169.254", "http://[fe80::1]", "http://0.0.0.0", "http://[::ffff:169.254.169.254]"),
        *("http://192.168.7.7", "http://[fd12::5]"),
    ],
)
async def test_a_large_file_at_an_address_that_is_guarded_is_not_read(
    hub: Hub, subject: Subject, monkeypatch: pytest.MonkeyPatch, elsewhere: str
) -> None:
    monkeypatch.setattr(hub, "elsewhere", elsewhere)
    access = way_in(READER, hub.url)
    with pytest.raises(SourceError, match="where models must not come from"):
        await digest(access, await resolve(access, subject.exact))


async def test_what_the_administrator_configured_may_be_on_this_machine_and_what_it_redirects_to_may_not(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = a_repo()
    pushed(hub, 1, repo)
    sources = OpenSources(own_registries(hugging_face_address=hub.url), None)
    async with sources.open(None) as found:
        reference = await found.registry.resolve(source(repo))
        assert len(await found.artifacts.files(reference.immutable_uri)) == 3
        with proxy(hub.url) as cdn:
            monkeypatch.setattr(hub, "elsewhere", cdn.url)
            with pytest.raises(SourceError, match=r"leads to 127\.0\.0\.1, where models must not come from"):
                [_ async for _ in found.artifacts.read(reference.immutable_uri, WEIGHTS)]
            assert cdn.seen == []
    await sources.close()


async def test_what_the_administrators_hub_redirects_to_may_be_in_a_network_that_is_listed(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = a_repo()
    pushed(hub, 1, repo)
    sources = OpenSources(own_registries(hugging_face_address=hub.url), None, allowed=HERE)
    async with sources.open(None) as found:
        reference = await found.registry.resolve(source(repo))
        with proxy(hub.url) as cdn:
            monkeypatch.setattr(hub, "elsewhere", cdn.url)
            assert [_ async for _ in found.artifacts.read(reference.immutable_uri, WEIGHTS)]
            assert cdn.seen
    await sources.close()


async def test_a_large_file_that_is_not_what_the_hub_says_is_refused_when_it_is_resolved(hub: Hub) -> None:
    repo = a_repo()
    commit = pushed(hub, 1, repo)
    hub.damage(repo, commit, WEIGHTS, b"\x09" * 320)
    with pytest.raises(SourceError, match=r"has the SHA-256 \w+, but its store says \w+") as failure:
        await digest(anybody(hub.url), await resolve(anybody(hub.url), source(repo)))
    assert failure.value.retry


async def test_a_history_that_is_rewritten_takes_the_bytes_along_and_gives_no_others(hub: Hub, tmp_path: Path) -> None:
    repo = a_repo()
    pushed(hub, 1, repo)
    reference = await resolve(anybody(hub.url), source(repo))
    promised = await digest(anybody(hub.url), reference)
    hub.git(repo, "update-ref", "-d", "refs/heads/main")
    hub.git(repo, "gc", "--prune=now", "--quiet")
    pushed(hub, 2, repo)
    async with opened(anybody(hub.url)) as found:
        with pytest.raises(SourceError, match="RevisionNotFound"):
            await fetch(found.artifacts, reference.immutable_uri, promised, tmp_path / "m")


async def test_a_private_model_is_not_there_for_others(hub: Hub) -> None:
    repo = a_repo()
    pushed(hub, 1, repo)
    hub.readers[repo] = {"reader"}
    assert (await resolve(way_in(READER, hub.url), source(repo))).registry_version
    for access, hint in (
        (way_in(OUTSIDER, hub.url), "it may be private to others"),
        (anybody(hub.url), "a private one needs `credentials`"),
    ):
        with pytest.raises(SourceError, match=f"shows no model '{repo}'; register it there, .*{hint}"):
            await resolve(access, source(repo))


async def test_what_the_scanners_found_is_known_and_the_card_where_the_model_has_it_not(hub: Hub) -> None:
    repo = a_repo()
    commit = pushed(hub, 1, repo)
    hub.scans[repo] = {"scansDone": True, "filesWithIssues": [{"path": "evil.pkl", "level": "unsafe"}]}
    facts = (await resolve(anybody(hub.url), source(repo))).facts
    assert facts is not None
    assert facts.card is None, "its own file says it"
    assert facts.scan is not None
    assert facts.scan.to_json() == {"origin": "Registry", "state": "Done", "suspects": {"evil.pkl": "unsafe"}}
    assert facts.registry_url == f"{hub.url}/{repo}/tree/{commit}"
    without = (await resolve(anybody(hub.url), source(repo, ignorePatterns=["README.md"]))).facts
    assert without is not None
    assert without.card is not None
    assert (without.card.origin, without.card.license) == ("Registry", "of-the-hub")


async def test_a_limit_that_is_said_in_the_hubs_own_header_is_waited_for(subject: Subject) -> None:
    with proxy(subject.upstream) as front:
        front.inject(refusing(429, RateLimit='"api";r=0;t=120'))
        with pytest.raises(SourceError) as failure:
            await resolve(subject.access(front.url), subject.exact)
        assert failure.value.wait == 120.0


async def test_a_commit_that_is_not_the_one_asked_for_is_none(subject: Subject) -> None:
    with proxy(subject.upstream) as front:
        front.inject(lambda answer: type(answer)(200, answer.headers, b'{"sha": "%s"}' % (b"0" * 40)))
        with pytest.raises(SourceError, match=r"answered with the commit 0{40} where"):
            await resolve(subject.access(front.url), subject.exact)


@pytest.mark.parametrize(
    "uri", ["hf://org/m@main", "hf://../m@" + "0" * 40, "hf://org/m/../x@" + "0" * 40, "hf://h:80/x@" + "0" * 40]
)
async def test_an_address_that_is_none_of_ours_asks_nobody(hub: Hub, uri: str, tmp_path: Path) -> None:
    with proxy(hub.url) as front:
        async with opened(anybody(front.url)) as found:
            with pytest.raises(SourceError, match="must be hf://"):
                await fetch(found.artifacts, uri, "sha256:" + "0" * 64, tmp_path / "m")
        assert front.seen == []


_FILE = {"type": "file", "oid": "1", "size": 1, "path": "a"}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ([{**_FILE, "path": 1}], "a list of files that cannot be understood"),
        ([{**_FILE, "size": "1"}], "a list of files that cannot be understood"),
        ([{**_FILE, "lfs": {"oid": "main"}}], "a list of files that cannot be understood"),
        ([{**_FILE, "lfs": "x"}], "a list of files that cannot be understood"),
        ([{**_FILE, "path": "../a"}], "must be relative UTF-8"),
        ([{**_FILE, "path": "/a"}], "must be relative UTF-8"),
        ([{**_FILE, "size": -1}], "a list of files that cannot be understood"),
        ([_FILE, _FILE], "two files of the model have the same path"),
        ([1], "answered tree with what cannot be understood"),
        ({}, "answered tree with what cannot be understood"),
    ],
)
async def test_a_list_that_makes_no_sense_is_refused(subject: Subject, answer: Any, sentence: str) -> None:
    with proxy(subject.upstream) as front:
        access = subject.access(front.url)
        reference = await resolve(access, subject.exact)
        front.inject(lambda real: type(real)(200, {}, json.dumps(answer).encode()), "/tree/")
        with pytest.raises(SourceError, match=sentence):
            await digest(access, reference)


async def test_a_list_that_never_ends_is_given_up(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_artifacts, "_MOST_ENTRIES", 10)
    with proxy(subject.upstream) as front:
        access = subject.access(front.url)
        reference = await resolve(access, subject.exact)
        link = {"Link": '<http://169.254.169.254/?cursor=1>; rel="next"'}
        for page, sentence in (([], "cannot be understood"), ([_FILE] * 3, "more than 10 entries")):
            front.inject(lambda real, page=page: type(real)(200, link, json.dumps(page).encode()), "/tree/")
            with pytest.raises(SourceError, match=sentence):
                await digest(access, reference)


async def test_a_loader_has_the_operators_own_hub_and_ends_as_it_should(hub: Hub, tmp_path: Path) -> None:
    repo = a_repo()
    commit = pushed(hub, 1, repo)
    reference = await resolve(anybody(hub.url), source(repo, ignorePatterns=["config.*"]))
    promised = await digest(anybody(hub.url), reference)
    done = load(reference.immutable_uri, promised, tmp_path / "m", CROSSFADE_HUGGING_FACE_ADDRESS=hub.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["README.md", WEIGHTS]
    hub.damage(repo, commit, WEIGHTS, b"\x09" * 320)
    done = load(reference.immutable_uri, promised, tmp_path / "n", CROSSFADE_HUGGING_FACE_ADDRESS=hub.url)
    assert done.returncode == EXIT_DIGEST_MISMATCH
    done = load(reference.immutable_uri, promised, tmp_path / "n")
    assert "set CROSSFADE_HUGGING_FACE_ADDRESS to the Hugging Face Hub" in done.stderr


async def test_a_loader_refuses_a_large_file_that_was_changed_afterwards(hub: Hub, tmp_path: Path) -> None:
    repo = a_repo()
    commit = pushed(hub, 1, repo)
    reference = await resolve(anybody(hub.url), source(repo))
    promised = await digest(anybody(hub.url), reference)
    hub.damage(repo, commit, WEIGHTS, b"\x09" * 320)
    async with opened(anybody(hub.url)) as found:
        with pytest.raises(DigestMismatch, match="but its store says"):
            await fetch(found.artifacts, reference.immutable_uri, promised, tmp_path / "m")
    assert list((tmp_path / "m").iterdir()) == []


async def test_tags_that_are_versions_are_listed(hub: Hub) -> None:
    repo = a_repo()
    for number, tag in enumerate(("v1.2.0", "v1.10.0", "champion"), 1):
        commit = pushed(hub, number, repo)
        hub.git(repo, "tag", tag, commit)
    found = await listed(way_in(READER, hub.url), huggingFace={"repo": repo, "semver": "^1", "allowPatterns": ["a*"]})
    assert found == {tag: source(repo, tag, allowPatterns=["a*"]) for tag in ("v1.2.0", "v1.10.0")}
    with pytest.raises(SourceError, match="shows no model"):
        await listed(way_in(READER, hub.url), huggingFace={"repo": "org/none", "semver": "^1"})
