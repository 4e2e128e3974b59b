"""Catches a Git repository of which other commits or files are read than Git has there, and whose bad days end in wrong
bytes."""

import base64
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from crossfade.adapters import git_server
from crossfade.adapters.git_server import GitServer
from crossfade.adapters.web import Guard
from crossfade.model.access import Access, Secrets
from crossfade.observe.verify import measure
from crossfade.ports import SourceError

from tests.contract.git_bench import (
    CONFIG,
    MODEL,
    OUTSIDER,
    READER,
    STRANGER,
    WEIGHTS,
    GitBench,
    Registered,
    anybody,
    artifact,
    by_password,
    loaded,
    reader,
    source,
)
from tests.contract.registry_contract import RegistryContract, Subject, digest, listed, opened, resolve
from tests.support.faults import (
    Answer,
    Fault,
    Proxy,
    compressing,
    dripping,
    proxy,
    refusing,
    swelling,
    truncating,
)
from tests.support.networks import HERE


def a_subject(git: GitBench) -> Subject:
    """A model of two commits, of which the branch `main` means the first: weights of DVC's and a file of Git's."""
    name = git.create()
    first = git.push(name, (WEIGHTS, b"1" * 4096), **{CONFIG: b"{}"})
    git.push(name, ("modèles/模型 é/poids.bin", b"3" * 64), branch="añejo/模型")

    def move() -> None:
        git.push(name, (WEIGHTS, b"2" * 4096))

    def overwrite(uri: str) -> None:
        assert first in uri
        md5 = hashlib.md5(b"1" * 4096).hexdigest()
        (git.served.kept / name / "files" / "md5" / md5[:2] / md5[2:]).write_bytes(b"9" * 4096)

    return Subject(
        upstream=git.served.url,
        access=lambda address: by_password(READER, f"{address}/{name}"),
        stranger=lambda address: by_password(STRANGER, f"{address}/{name}"),
        outsider=lambda address: by_password(OUTSIDER, f"{address}/{name}"),
        exact=source(MODEL, first),
        mutable=source(MODEL),
        missing=(
            *(source("models/none"), source(MODEL, "none"), source(MODEL, "0" * 40)),
            *(artifact("none", version="v1.0.0"), artifact("none", stage="prod")),
        ),
        unicode=source("modèles/模型 é", "añejo/模型"),
        move=move,
        overwrite=overwrite,
        permission="permission to read the repository",
        canaries=tuple(shape for who in (READER, OUTSIDER, STRANGER) for shape in shapes(who)),
        asks="/info/refs",
        reads="/files/md5/",
    )


def shapes(who: tuple[str, str]) -> tuple[str, str]:
    """The secret as it is, and as it is sent."""
    return who[1], base64.b64encode(":".join(who).encode()).decode()


@pytest.fixture(scope="module")
def subject(git: GitBench) -> Subject:
    """One that all tests share."""
    return a_subject(git)


@pytest.fixture
def fresh(git: GitBench) -> Subject:
    """One of the test's own."""
    return a_subject(git)


@pytest.mark.slow
class TestContract(RegistryContract):
    """Git's own server, and DVC's remote at a place of its own."""

    @pytest.fixture
    def front(self, subject: Subject, git: GitBench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
        """The proxy in front of Git; what is to happen to files happens at what DVC keeps."""
        with proxy(subject.upstream) as made:

            def inject(fault: Fault, where: str = "", times: float = float("inf")) -> None:
                Proxy.inject(git.kept if where == subject.reads else made, fault, where, times)

            monkeypatch.setattr(made, "inject", inject)
            yield made
            git.kept.fault = None

    @pytest.fixture
    def files(self, front: Proxy, git: GitBench) -> Proxy:
        """What DVC keeps."""
        return git.kept


async def test_a_tag_or_a_branch_that_moves_changes_nothing_that_was_resolved(git: GitBench, tmp_path: Path) -> None:
    there = Registered(git)
    git.served.git(there.name, "tag", "--annotate", "--message", "one", "v1", there.commits[0])
    access = reader(git, there.name)
    by_tag, by_branch = await resolve(access, source(MODEL, "v1")), await resolve(access, source(MODEL, "main"))
    assert (by_tag.registry_version, by_branch.registry_version) == (there.commits[0], there.commits[2])
    assert (await resolve(access, source(MODEL, "refs/tags/v1"))).immutable_uri == by_tag.immutable_uri
    git.served.git(there.name, "tag", "--force", "v1", there.commits[1])
    git.served.git(there.name, "update-ref", "refs/heads/main", there.commits[0])
    git.served.git(there.name, "update-ref", "refs/heads/v1", there.commits[0])
    assert (await resolve(access, source(MODEL, "v1"))).registry_version == there.commits[1], "tags go first, as in Git"
    assert (await resolve(access, source(MODEL, "main"))).registry_version == there.commits[0]
    assert (await loaded(access, by_branch, tmp_path / "a"))["model.bin"] == bytes([2]) * 64
    git.served.git(there.name, "reflog", "expire", "--expire=all", "--all")
    git.served.git(there.name, "gc", "--prune=now", "--quiet")
    with pytest.raises(SourceError, match=f"has no commit {there.commits[2]}; register it there") as failure:
        await loaded(access, by_branch, tmp_path / "b")
    assert failure.value.retry


async def test_a_token_is_sent_as_a_password(git: GitBench, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Registered(git)
    monkeypatch.setitem(git.served.passwords, "x-access-token", "canary-of-a-token")
    access = Access("git", f"{git.served.url}/{there.name}", secrets=Secrets({"token": "canary-of-a-token"}))
    assert (await resolve(access, source(MODEL))).registry_version == there.commits[2]
    with pytest.raises(SourceError, match="does not accept who asks"):
        await resolve(anybody(access.address), source(MODEL))
    with pytest.raises(SourceError, match=r"is not there \(404\); correct the ModelRegistry's `git.address`"):
        await resolve(reader(git, "team/none.git"), source(MODEL))


POST = "/git-upload-pack"


def breaking(answer: Answer) -> Answer:
    """One bit of a byte in the middle is another one."""
    middle = len(answer.content) // 2
    content = answer.content
    return Answer(
        answer.status, answer.headers, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    )


@pytest.mark.parametrize("fault", [truncating, breaking, compressing, dripping, swelling], ids=lambda one: one.__name__)
async def test_a_pack_that_is_damaged_or_without_end_is_none(subject: Subject, fault: Fault) -> None:
    with proxy(subject.upstream) as front:
        front.inject(fault, POST)
        with pytest.raises(SourceError) as failure:
            await resolve(subject.access(front.url), subject.exact, timeout=0.5)
        assert failure.value.retry
        front.inject(fault, POST, times=1)
        with pytest.raises(SourceError):
            await resolve(subject.access(front.url), subject.mutable, timeout=0.5)


async def test_a_question_is_not_sent_elsewhere_and_waits_as_long_as_it_is_told(subject: Subject) -> None:
    with proxy(subject.upstream) as front, proxy(subject.upstream) as other:
        front.inject(refusing(307, Location=f"{other.url}/x"), POST)
        with pytest.raises(SourceError, match="which is not followed") as failure:
            await resolve(subject.access(front.url), subject.exact)
        assert failure.value.retry
        assert other.seen == []
        front.inject(refusing(503, Retry_After="7"), POST)
        with pytest.raises(SourceError) as failure:
            await resolve(subject.access(front.url), subject.exact)
        assert failure.value.wait == 7.0


async def test_what_is_no_git_server_or_an_old_one_is_said_to_be(git: GitBench, subject: Subject) -> None:
    with proxy(subject.upstream) as front:
        old = b"001e# service=git-upload-pack\n0000" + b"003d" + b"0" * 40 + b" refs/heads/main\n0000"
        for content, sentence in (
            (old, "does not speak version 2 of Git's protocol"),
            (b"<html>", "is not Git's protocol"),
            (b"000eversion 2\n0000", "cannot send a commit without its history"),
            (b"0000", "does not speak version 2"),
            (b"", "ends in the middle"),
        ):
            front.inject(lambda answer, content=content: Answer(200, {}, content), "/info/refs")
            with pytest.raises(SourceError, match=sentence):
                await resolve(subject.access(front.url), subject.exact)
    name = git.bare("--object-format=sha256")
    with pytest.raises(SourceError, match="names its objects by SHA-256, which is not read"):
        await resolve(reader(git, name), source(MODEL))


async def test_more_than_can_be_read_is_refused_before_it_fills_the_memory(
    git: GitBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = git.bare(filters=False)
    commit = git.served.commit(name, {WEIGHTS: b"1", **{f"large/{n}": os.urandom(1 << 20) for n in range(3)}})
    monkeypatch.setattr(git_server, "_MOST_PACK_BYTES", 2 << 20)
    with pytest.raises(SourceError, match=r"has more than 2 MiB at one commit; let the server leave out files"):
        await resolve(reader(git, name), source(MODEL, commit))
    git.served.git(name, "config", "uploadpack.allowFilter", "true")
    assert (await resolve(reader(git, name), source(MODEL, commit))).registry_version == commit
    monkeypatch.setattr(git_server, "_MOST_TREE_BYTES", 16)
    with pytest.raises(SourceError, match="MiB of objects in it"):
        await resolve(reader(git, name), source(MODEL, commit))


async def test_a_large_file_of_gits_own_is_read_as_it_is(git: GitBench, tmp_path: Path) -> None:
    name = git.bare()
    large = os.urandom(8 << 20)
    git.served.commit(name, {WEIGHTS: large, CONFIG: b"", f"{MODEL}/a": b"1" * 3000, f"{MODEL}/b": b"1" * 2999 + b"2"})
    git.served.git(name, "repack", "-a", "-d", "-f", "--quiet")
    access = reader(git, name)
    found = await loaded(access, await resolve(access, source(MODEL)), tmp_path / "m")
    assert found == {"model.bin": large, "config.json": b"", "a": b"1" * 3000, "b": b"1" * 2999 + b"2"}


@pytest.mark.parametrize(("mode", "kind"), [("120000", "a symlink"), ("160000", "a submodule")])
async def test_links_and_other_repositories_are_no_part_of_a_model(git: GitBench, mode: str, kind: str) -> None:
    name = git.bare()
    first = git.served.commit(name, {WEIGHTS: b"1"})
    oid = first if kind == "a submodule" else git.served.git(name, "hash-object", "-w", "--stdin", stdin=b"/etc/passwd")
    git.served.commit(name, {f"{MODEL}/other": (mode, oid)})
    for path in (MODEL, f"{MODEL}/other", f"{MODEL}/other/x", "models"):
        with pytest.raises(SourceError, match=f"has {kind} in .*; commit the files themselves") as failure:
            await resolve(reader(git, name), source(path))
        assert not failure.value.retry
    assert (await resolve(reader(git, name), source(WEIGHTS))).registry_version


@pytest.mark.parametrize("path", ["../x", "a/../b", "./a", "models/fraud/model.bin.dvc", ".dvc/config"])
async def test_a_path_that_leads_elsewhere_or_to_dvcs_own_notes_is_refused(git: GitBench, path: str) -> None:
    name = git.bare()
    git.served.commit(name, {f"{WEIGHTS}.dvc": b"outs: []", ".dvc/config": b""})
    with pytest.raises(SourceError, match=r"must be relative|DVC's own notes"):
        await resolve(reader(git, name), source(path))


async def test_a_pointer_of_lfs_is_not_taken_for_the_model(git: GitBench) -> None:
    name = git.bare()
    git.served.commit(
        name, {WEIGHTS: b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"}
    )
    access = reader(git, name)
    reference = await resolve(access, source(MODEL))
    with pytest.raises(SourceError, match=r"has the file 'model.bin' in Git LFS, which is not read yet"):
        await digest(access, reference)


@pytest.mark.parametrize(
    "uri", ["git+{url}@main#x", "git+http://other/x.git@{oid}#x", "git+{url}@{oid}#../x", "git+{url}@{oid}"]
)
async def test_an_address_that_is_none_of_ours_asks_nobody(git: GitBench, subject: Subject, uri: str) -> None:
    with proxy(subject.upstream) as front:
        access = subject.access(front.url)
        async with opened(access) as found:
            with pytest.raises(SourceError, match="must be"):
                await found.artifacts.files(uri.format(url=access.address, oid="0" * 40))
        assert front.seen == []


@pytest.mark.parametrize("filters", [True, False])
async def test_tags_are_read_without_the_files_behind_them(
    git: GitBench, filters: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = git.bare(filters=filters)
    for number in range(3):
        git.served.commit(name, {WEIGHTS: os.urandom(4 << 20)})
        git.served.git(name, "tag", "--annotate", "--message", "m", f"fraud@v{number}.0.0", "main")
    monkeypatch.setattr(git_server, "_MOST_PACK_BYTES", 2 << 20)
    server = GitServer(reader(git, name), Guard(HERE))
    oids = {ref.oid for ref in await server.refs(["refs/tags/fraud@"])}
    assert oids <= (await server.tags(oids)).keys()
    await server.close()


async def test_a_model_at_one_commit_is_asked_for_once(subject: Subject) -> None:
    with proxy(subject.upstream) as front:
        async with opened(subject.access(front.url)) as found:
            first = await found.registry.resolve(subject.exact)
            asked = len(front.seen)
            assert await found.registry.resolve(subject.exact) == first
            assert (await measure(found.artifacts, first.immutable_uri)).files == 3
        assert len(front.seen) - asked <= 2 * 2, "the sizes and the bytes of two files of Git's"


async def test_tags_that_are_versions_are_listed_of_a_path_and_of_an_artifact(git: GitBench) -> None:
    name, registry = git.create(), {"registryRef": {"name": "git"}}
    files = {f"{MODEL}/config.json": b"{}", "artifacts.yaml": f"fraud: {{path: {MODEL}}}".encode()}
    commit = git.served.commit(name, files)
    for tag in ("v1.2.0", "1.10.0", "champion", "fraud@v1.0.0", "fraud@v1.1.0", "fraud#prod"):
        git.served.git(name, "tag", "--annotate", "--message", "m", tag, commit)
    access = by_password(READER, f"{git.served.url}/{name}")
    found = await listed(access, git={"path": MODEL, "semver": "^1"}, **registry)
    assert {tag: one.git and one.git.revision for tag, one in found.items()} == {
        tag: tag for tag in ("v1.2.0", "1.10.0")
    }
    found = await listed(access, git={"artifact": "fraud", "semver": "^1"}, **registry)
    assert {tag: one.git and one.git.version for tag, one in found.items()} == {
        tag: tag for tag in ("v1.0.0", "v1.1.0")
    }
