"""Catches a DVC remote on S3 of which other bytes are read than DVC has pushed, and one that is read as whoever the
operator is."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from crossfade.model.access import Access, Secrets, secrets_of
from crossfade.observe.verify import DigestMismatch, fetch
from crossfade.ports import SourceError

from tests.contract.git_bench import READER, GitBench, anybody, pushing, source, steps_in, write
from tests.contract.registry_contract import digest, opened, resolve
from tests.contract.store_bench import S3Bench, clients, s3_bench
from tests.support.faults import Proxy, proxy
from tests.support.git_repositories import Repositories, serving

pytestmark = pytest.mark.cluster


def unsigned(headers: Mapping[str, str]) -> int | None:
    """What S3 says to nobody; moto falls over it."""
    return None if "authorization" in headers else 403


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Bench]:
    """A server that checks who asks."""
    with clients() as speaking, s3_bench(speaking) as made:
        yield made


@pytest.fixture
def front(s3: S3Bench) -> Iterator[Proxy]:
    """In front of it, as DVC's configuration names it."""
    with proxy(s3.url, keeps_host=True) as made:
        made.refuses = unsigned
        yield made


@pytest.fixture
def git(s3: S3Bench, front: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitBench]:
    """Repositories, on a machine that is the owner of all buckets by its own environment."""
    for name, value in zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), s3.keys["owner"], strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with serving(Repositories(tmp_path / "bare", tmp_path / "kept")) as made:
        yield GitBench(made, front, tmp_path / "clones")


@pytest.fixture
def pushed(git: GitBench, s3: S3Bench) -> str:
    """The address of a repository with a folder of two files, which DVC has pushed to S3."""
    name = git.bare()
    git.clone(name).mkdir(parents=True)
    steps_in(
        git.clone(name),
        ["git", "clone", "--quiet", str(git.served.folder / name), "."],
        *(["dvc", "init", "--quiet"], ["dvc", "remote", "add", "--default", "s3", "s3://models/dvc/store/"]),
        ["dvc", "remote", "modify", "s3", "endpointurl", git.kept.url],
        ["dvc", "remote", "modify", "--local", "s3", "endpointurl", s3.url],
        *(write("fraud/a.bin", b"1" * 64), write("fraud/b/é", b"2" * 64), ["dvc", "add", "--quiet", "fraud"]),
        *pushing(),
    )
    return f"{git.served.url}/{name}"


def let_in(s3: S3Bench, address: str, who: str) -> Access:
    """As nobody for the repository, and as this user for what DVC keeps."""
    return replace(anybody(address), secrets=Secrets(dict(zip(KEYS, s3.keys[who], strict=True))))


KEYS = ("accessKeyId", "secretAccessKey")


@pytest.mark.slow
async def test_what_dvc_pushes_to_s3_is_read_and_nothing_else(
    s3: S3Bench, front: Proxy, pushed: str, tmp_path: Path
) -> None:
    access = let_in(s3, pushed, "reader")
    reference = await resolve(access, source("fraud"))
    promised = await digest(access, reference)
    async with opened(access) as found:
        files = {file.path: file for file in await found.artifacts.files(reference.immutable_uri)}
    assert {path: file.size for path, file in files.items()} == {"a.bin": 64, "b/é": 64}
    assert all(s3.keys["reader"][0] in (told or "") for told in front.sent("Authorization"))
    md5 = files["a.bin"].md5 or ""
    key = f"dvc/store/files/md5/{md5[:2]}/{md5[2:]}"
    s3.put(key, b"3" * 64)
    with pytest.raises(SourceError, match=f"but its store says {md5}"):
        await digest(access, reference)
    async with opened(access) as found:
        with pytest.raises(DigestMismatch):
            await fetch(found.artifacts, reference.immutable_uri, promised, tmp_path / "pod")
    s3.do("s3", "delete_object", Bucket="models", Key=key)
    with pytest.raises(
        SourceError, match=r"'fraud/a.bin' is not to be had from the DVC remote 's3', `dvc push` it there"
    ):
        await digest(access, reference)


async def test_without_keys_a_bucket_is_asked_as_nobody_whoever_the_operator_is(front: Proxy, pushed: str) -> None:
    for secrets in (Secrets(), Secrets({"token": "canary-of-the-repository"})):
        with pytest.raises(SourceError, match=r"not to be had from the DVC remote 's3'.* 403") as failure:
            await resolve(replace(anybody(pushed), secrets=secrets), source("fraud"))
        assert failure.value.retry
    assert front.seen
    assert front.sent("Authorization") == {None}
    assert front.sent("X-Amz-Security-Token") == {None}
    front.refuses = lambda _: None


@pytest.mark.parametrize("who", ["outsider", "stranger"])
async def test_who_may_not_read_the_bucket_gets_nothing_of_it(s3: S3Bench, pushed: str, who: str) -> None:
    with pytest.raises(SourceError, match="403") as failure:
        await resolve(let_in(s3, pushed, who), source("fraud"))
    assert not any(canary in str(failure.value) for canary in s3.canaries)


async def test_no_server_on_this_machine_is_asked_that_a_commit_names(git: GitBench) -> None:
    name = git.bare()
    md5 = "0" * 32
    config = "[core]\nremote = s\n['remote \"s\"']\nurl = s3://models/x\nendpointurl = http://169.254.169.254\n"
    notes = f"outs:\n- md5: {md5}\n  size: 1\n  hash: md5\n  path: m\n"
    git.served.commit(name, {"m.dvc": notes.encode(), ".dvc/config": config.encode()})
    access = anybody(f"{git.served.url}/{name}")
    with pytest.raises(SourceError, match="where models must not come from"):
        await digest(access, await resolve(access, source("m")))


def test_a_secret_may_have_both_the_repositorys_password_and_keys() -> None:
    both = {"username": READER[0], "password": READER[1], "accessKeyId": "a", "secretAccessKey": "b"}
    raw = {key: text.encode() for key, text in both.items()}
    assert dict(secrets_of(raw, "git")) == both
    assert secrets_of({key: raw[key] for key in KEYS}, "git")["secretAccessKey"] == "b"
    with pytest.raises(ValueError, match=r"`token`, or `username` and `password`, or `accessKeyId` and"):
        secrets_of({"accessKeyId": b"a"}, "git")


async def test_half_of_the_keys_is_said_to_be_missing() -> None:
    access = replace(anybody("https://git.example.com/x.git"), secrets=Secrets({"token": "t", "accessKeyId": "a"}))
    with pytest.raises(SourceError, match="must have `accessKeyId` and `secretAccessKey`"):
        async with opened(access):
            pass
