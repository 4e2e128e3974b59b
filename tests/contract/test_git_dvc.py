"""Catches a model of which other files are read than DVC's own client gets, and bytes that DVC did not write down."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from crossfade.api.v1alpha1.facts import Provenance
from crossfade.model.access import Access
from crossfade.model.moments import stamp
from crossfade.observe.verify import DigestMismatch, fetch
from crossfade.ports import SourceError

from tests.contract.git_bench import (
    CONFIG,
    MODEL,
    WEIGHTS,
    GitBench,
    getting,
    loaded,
    pushing,
    reader,
    source,
    steps_in,
    write,
)
from tests.contract.registry_contract import digest, opened, resolve
from tests.support.faults import refusing
from tests.support.folders import on_disk

_TRAIN = """
import json, os
os.makedirs("out")
open("out/m.bin", "w").write("weights")
json.dump({"auc": 0.91, "by": {"region": 1}, "note": "x"}, open("metrics.json", "w"))
"""


@pytest.fixture(scope="module")
def pipeline(git: GitBench) -> str:
    """A repository with a model that a stage made, one of tracked files and folders, and one of Git's files."""
    name = git.create()
    git.do(
        name,
        *(write("models/fraud/model.bin", b"1" * 100), write("models/fraud/config.json", b"{}")),
        *(write("models/fraud/deep/tok/a.txt", b"a"), write("models/fraud/deep/tok/b/ç.txt", b"c")),
        *(["dvc", "add", "--quiet", path] for path in ("models/fraud/model.bin", "models/fraud/deep/tok")),
        *(write("train/data.csv", b"1,2"), write("train/params.yaml", b"train: {lr: 0.1, layers: [3, 4]}\n")),
        *(write("train/train.py", _TRAIN.encode()), write("train/one.bin", b"0" * 64)),
        *(["dvc", "add", "--quiet", "train/data.csv"], ["dvc", "add", "--quiet", "train/one.bin"]),
        [
            *["dvc", "--cd", "train", "stage", "add", "--quiet", "--name", "train"],
            *["--params", "train.lr,train.layers", "--deps", "data.csv", "--deps", "train.py"],
            *["--outs", "out", "--metrics-no-cache", "metrics.json", sys.executable, "train.py"],
        ],
        ["dvc", "--cd", "train", "repro", "--quiet"],
        *pushing(),
    )
    return name


@pytest.mark.slow
async def test_the_model_is_what_dvcs_own_client_gets(git: GitBench, pipeline: str, tmp_path: Path) -> None:
    paths = [
        *("models/fraud", "models/fraud/deep/tok", "models/fraud/deep/tok/b", "models/fraud/deep/tok/b/ç.txt"),
        *("models/fraud/config.json", "models/fraud/model.bin", "train/out", "train/out/m.bin", "models"),
    ]
    folders = {path: tmp_path / str(number) / path.rpartition("/")[2] for number, path in enumerate(paths)}
    steps_in(tmp_path, *(getting(git, pipeline, folder, "get", path) for path, folder in folders.items()))
    access = reader(git, pipeline)
    for path, folder in folders.items():
        ours = await loaded(access, await resolve(access, source(path)), folder.parent / "ours")
        assert ours == on_disk(folder), path
        assert ours


async def test_what_a_stage_read_and_measured_is_known(git: GitBench, pipeline: str) -> None:
    reference = await resolve(reader(git, pipeline), source("train/out"))
    assert reference.facts is not None
    assert reference.facts.lineage is not None
    told = reference.facts.lineage.to_json()
    commit = git.do(pipeline, ["git", "rev-parse", "HEAD"]).strip()
    assert reference.registry_version == commit
    assert reference.immutable_uri == f"git+{git.served.url}/{pipeline}@{commit}#train/out"
    assert told == {
        "origin": "Registry",
        "gitCommit": commit,
        "gitRepository": f"{git.served.url}/{pipeline}",
        "user": "name@git",
        "source": f"{sys.executable} train.py",
        "datasets": [
            {"name": "train/data.csv", "digest": f"md5:{hashlib.md5(b'1,2').hexdigest()}"},
            {"name": "train/train.py", "digest": f"md5:{hashlib.md5(_TRAIN.encode()).hexdigest()}"},
        ],
        "parameters": {"train.lr": "0.1", "train.layers": "[3, 4]"},
    }
    written = int(git.do(pipeline, ["git", "show", "--no-patch", "--format=%at", commit]))
    made = Provenance(origin="Registry", created_by="name@git", created_at=stamp(written))
    assert reference.facts.provenance == made
    assert reference.facts.evaluation is not None
    scores = {score.metric: score.value for score in reference.facts.evaluation.scores}
    assert scores == {"auc": "0.91", "by.region": "1"}


@pytest.mark.slow
async def test_a_server_that_cannot_leave_out_files_gives_the_same(git: GitBench, tmp_path: Path) -> None:
    name = git.create(filters=False)
    git.push(name, (WEIGHTS, b"1" * 4096), **{CONFIG: b"{}" * 5000, "large": bytes(range(256)) * 8000})
    access = reader(git, name)
    ours = await loaded(access, await resolve(access, source(MODEL)), tmp_path / "ours")
    assert ours.keys() == {"model.bin", "config.json", ".gitignore"}
    steps_in(tmp_path, getting(git, name, tmp_path / "theirs", "get", MODEL))
    assert ours == on_disk(tmp_path / "theirs")


STORE = "[core]\n    remote = store\n['remote \"store\"']\n    url = {url}\n"


def tracked(git: GitBench, outs: str, config: str = STORE, **kept: bytes) -> str:
    """A repository with a .dvc file of this content, and files by their MD5 in the remote of `config`; its name."""
    name = git.bare()
    url = f"{git.kept.url}/kept/{name}"
    git.served.commit(name, {f"{MODEL}.dvc": outs.encode(), ".dvc/config": config.format(url=url).encode()})
    for md5, content in kept.items():
        file = git.served.kept / name / "files" / "md5" / md5[:2] / md5[2:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return name


def folder_of(entries: Any) -> tuple[str, dict[str, bytes]]:
    """A .dvc file that tracks a folder of these entries, and what is kept for it."""
    content = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    md5 = hashlib.md5(content).hexdigest() + ".dir"
    return f"outs:\n- md5: {md5}\n  hash: md5\n  path: fraud\n", {md5: content, EMPTY: b""}


EMPTY = hashlib.md5(b"").hexdigest()


STRANGE: list[tuple[Any, str]] = [
    ([{"md5": EMPTY, "relpath": "../../etc/passwd"}], "must be relative UTF-8"),
    ([{"md5": EMPTY, "relpath": "/etc/passwd"}], "must be relative UTF-8"),
    ([{"md5": EMPTY, "relpath": "a\\b"}], "must be relative UTF-8"),
    ([{"md5": EMPTY, "relpath": ""}], "must be relative UTF-8"),
    ([{"md5": "../../x", "relpath": "a"}], "an entry that has no path or no MD5"),
    ([{"md5": f"{EMPTY}.dir", "relpath": "a"}], "an entry that has no path or no MD5"),
    ([{"relpath": "a"}], "an entry that has no path or no MD5"),
    ({"md5": EMPTY, "relpath": "a"}, "cannot be understood"),
    (b"[" * 100_000, "cannot be understood"),
    ([{"md5": EMPTY, "relpath": str(number)} for number in range(100_001)], "more than 100000 files"),
    (b"[" + b" " * (8 << 20) + b"]", "has more than 8 MiB"),
]


@pytest.mark.parametrize(("entries", "sentence"), STRANGE, ids=range(len(STRANGE)))
async def test_a_list_of_files_that_makes_no_sense_is_refused(git: GitBench, entries: Any, sentence: str) -> None:
    outs, kept = folder_of(entries)
    with pytest.raises(SourceError, match=sentence) as failure:
        await resolve(reader(git, tracked(git, outs, **kept)), source(MODEL))
    assert not failure.value.retry


async def test_two_files_of_one_path_are_no_model(git: GitBench) -> None:
    outs, kept = folder_of([{"md5": EMPTY, "relpath": "é"}, {"md5": EMPTY, "relpath": "e\u0301"}])
    access = reader(git, tracked(git, outs, **kept))
    with pytest.raises(SourceError, match="two files of the model have the same path"):
        await digest(access, await resolve(access, source(MODEL)))


async def test_other_bytes_than_dvc_promises_are_not_taken_when_a_model_is_resolved(git: GitBench) -> None:
    good = b"1" * 64
    md5 = hashlib.md5(good).hexdigest()
    name = tracked(git, f"outs:\n- md5: {md5}\n  size: 64\n  hash: md5\n  path: fraud\n", **{md5: b"2" * 64})
    access = reader(git, name)
    reference = await resolve(access, source(MODEL))
    with pytest.raises(
        SourceError, match=f"has the MD5 {hashlib.md5(b'2' * 64).hexdigest()}, but its store says {md5}"
    ) as failure:
        await digest(access, reference)
    assert failure.value.retry, "it may be mended"
    outs, kept = folder_of([{"md5": md5, "relpath": "a"}])
    changed = {name: content.replace(b"a", b"b") for name, content in kept.items()}
    with pytest.raises(SourceError, match=r"has not the MD5 \w+\.dir; it is damaged") as failure:
        await resolve(reader(git, tracked(git, outs, **changed)), source(MODEL))
    assert failure.value.retry
    outs, kept = folder_of([{"md5": md5, "relpath": "a"}])
    access = reader(git, tracked(git, outs, **kept))
    with pytest.raises(
        SourceError, match=r"'models/fraud/a' is not to be had from the DVC remote 'store', `dvc push` it"
    ):
        await digest(access, await resolve(access, source(MODEL)))


async def test_a_folders_list_that_differs_is_another_model_to_a_pod(git: GitBench, tmp_path: Path) -> None:
    outs, kept = folder_of([{"md5": EMPTY, "relpath": "a"}])
    name = tracked(git, outs, **kept)
    access = reader(git, name)
    reference = await resolve(access, source(MODEL))
    promised = await digest(access, reference)
    md5 = next(iter(kept))
    (git.served.kept / name / "files" / "md5" / md5[:2] / md5[2:]).write_bytes(kept[md5].replace(b"a", b"b"))
    async with opened(access) as found:
        with pytest.raises(DigestMismatch, match=r"has not the MD5 \w+\.dir; it is damaged"):
            await fetch(found.artifacts, reference.immutable_uri, promised, tmp_path / "pod")
    assert not (tmp_path / "pod").exists() or not any((tmp_path / "pod").rglob("*"))


async def test_a_remote_is_asked_as_nobody_and_its_wish_for_time_is_kept(git: GitBench) -> None:
    access = reader(git, tracked(git, _ONE.replace("  size: 0\n", ""), **{EMPTY: b""}))
    git.kept.seen.clear()
    git.kept.inject(refusing(503, Retry_After="7"), "files/md5", times=1)
    with pytest.raises(SourceError, match="503") as failure:
        await digest(access, await resolve(access, source(MODEL)))
    assert failure.value.wait == 7.0
    assert await digest(access, await resolve(access, source(MODEL)))
    assert git.kept.seen
    assert git.kept.sent("Authorization") == {None}


_ONE = f"outs:\n- md5: {EMPTY}\n  size: 0\n  hash: md5\n  path: fraud\n"


UNREAD = [
    (_ONE, "", "names no default remote in .dvc/config"),
    (_ONE, "[core]\nremote = gone\n", "has no remote 'gone' in .dvc/config"),
    (_ONE, "[core]\nremote\n  x", "has a .dvc/config that cannot be understood"),
    (_ONE, "no section", "has a .dvc/config that cannot be understood"),
    (_ONE, STORE.replace("{url}", "/mnt/dvc"), "which is 'a path' and cannot be read from here"),
    (_ONE, STORE.replace("{url}", "../dvc"), "which is 'a path' and cannot be read from here"),
    (_ONE, STORE.replace("{url}", "gs://bucket/x"), "which is 'gs' and cannot be read from here"),
    (_ONE, STORE + "    version_aware = true\n", "by versions of the store"),
    (_ONE, STORE.replace("{url}", "http://u:canary-of-a-remote@h/x"), "a user or a query, where credentials hide"),
    (_ONE, STORE.replace("{url}", "s3://canary-of-a-remote@b/x"), "a user or a query, where credentials hide"),
    (_ONE, STORE.replace("{url}", "https://h/x?sig=canary"), "a user or a query, where credentials hide"),
    (_ONE, STORE.replace("{url}", "http://169.254.169.254/x"), "where models must not come from"),
    (_ONE.replace("  hash: md5\n", ""), STORE, "under DVC without a plain MD5"),
    (_ONE.replace(EMPTY, "../../x"), STORE, "under DVC without a plain MD5"),
    (_ONE.replace("fraud", "/fraud"), STORE, "whose path is not relative"),
    ("outs: &a [*a]", STORE, "no YAML mapping without aliases"),
    ("outs: []", STORE, "register it there"),
    (f"outs: []\nmeta: {'a' * (1 << 20)}", STORE, "no YAML mapping without aliases of at most 1 MiB"),
]


@pytest.mark.parametrize(("outs", "config", "sentence"), UNREAD, ids=range(len(UNREAD)))
async def test_what_dvc_keeps_in_ways_that_are_not_read_is_named(
    git: GitBench, outs: str, config: str, sentence: str
) -> None:
    access = reader(git, tracked(git, outs.replace("  size: 0\n", ""), config))
    with pytest.raises(SourceError, match=sentence) as failure:
        await digest(access, await resolve(access, source(MODEL)))
    assert "canary" not in str(failure.value)


async def test_the_remote_that_the_registry_names_is_read(git: GitBench) -> None:
    config = STORE.replace("{url}", "gs://bucket/x") + '[\'remote "mirror"\']\n    url = "{url}/"\n'
    name = tracked(git, _ONE, config, **{EMPTY: b""})
    access = reader(git, name, dvcRemote="mirror")
    assert await digest(access, await resolve(access, source(MODEL)))
    per_file = tracked(git, f"{_ONE}  remote: mirror\n", config, **{EMPTY: b""})
    access = reader(git, per_file)
    assert await digest(access, await resolve(access, source(MODEL)))
    with pytest.raises(SourceError, match=r"has no remote 'other' in .dvc/config"):
        await resolve_and_list(reader(git, name, dvcRemote="other"))


async def resolve_and_list(access: Access) -> None:
    """As far as the sizes of all files."""
    reference = await resolve(access, source(MODEL))
    async with opened(access) as found:
        await found.artifacts.files(reference.immutable_uri)


LONG = "0x" + "f" * 5000
"""A number of more digits than Python shows."""


async def test_what_a_stage_says_that_makes_no_sense_is_left_out(git: GitBench) -> None:
    name = git.bare()
    stage = {
        "cmd": ["a", 1, "b"],
        "outs": [{"path": "m.bin"}],
        "deps": [{"path": 1}, {"path": "https://u:canary@h/x?sig=canary"}, 2],
    }
    metrics = ["large.json", "link.json", "none.json", {"yes.yaml": None}, 3, "/etc/passwd", "../x"]
    link = git.served.git(name, "hash-object", "-w", "--stdin", stdin=b"yes.yaml")
    files: dict[str, bytes | tuple[str, str]] = {
        "m.bin": b"1",
        "dvc.lock": json.dumps({"stages": {"t": {**stage, "params": {"p": {"a": None, "b": "LONG"}, "q": 1}}, "u": 1}})
        .replace('"LONG"', LONG)
        .encode(),
        "dvc.yaml": json.dumps({"stages": {"t": {"metrics": metrics}}, "metrics": "x"}).encode(),
        "large.json": json.dumps({f"m{number}": number for number in range(20_000)}).encode(),
        "yes.yaml": f"a: 1\nb: [1]\nc: {{d: 2.5, e: true, f: {LONG}}}\n".encode(),
        "link.json": ("120000", link),
    }
    git.served.commit(name, files)
    facts = (await resolve(reader(git, name), source("m.bin"))).facts
    assert facts is not None
    assert facts.lineage is not None
    assert facts.evaluation is not None
    assert (facts.lineage.source, facts.lineage.parameters) == ("a && b", {"a": "None", "b": LONG[:512]})
    assert [data.to_json() for data in facts.lineage.datasets] == [{"name": "https://h/x"}]
    assert {score.metric: score.value for score in facts.evaluation.scores} == {"a": "1", "c.d": "2.5"}
