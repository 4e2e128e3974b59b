"""Catches a loader that ends well without verified bytes, or badly without the status and sentence that say why."""

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from crossfade.adapters.sources import OpenSources
from crossfade.cli import last_words
from crossfade.cli import load as loader
from crossfade.cli.access import WayIn
from crossfade.model.access import Access
from crossfade.model.manifest import File, mvd1
from crossfade.observe.staging import STAGING, STATUS
from crossfade.observe.verify import measure
from crossfade.ports import WHOLE, Part, SourceError, StoredFile

from tests.contract.conftest import MlflowBench, inherited_environment, resolved, store
from tests.support.networks import HERE

ZERO = "sha256:" + "0" * 64


def load(uri: str, digest: str, to: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as a pod does."""
    return subprocess.run(
        [sys.executable, "-m", "crossfade", "load", "--uri", uri, "--digest", digest, "--to", str(to)],
        env=inherited_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder `m` with a model of one file, below the allowed root."""
    (tmp_path / "root" / "m").mkdir(parents=True)
    (tmp_path / "root" / "m" / "weights").write_bytes(b"weights")
    return tmp_path / "root"


@pytest.mark.cluster
async def test_an_mlflow_artifact_overwritten_after_it_was_resolved_is_refused(
    mlflow: MlflowBench, tmp_path: Path
) -> None:
    name, version = mlflow.model({"MLmodel": b"flavors", "model.pkl": b"good"})
    reference = await resolved(Access("mlflow", mlflow.url), name=name, version=version)
    uri = reference.immutable_uri
    digest = (await measure(store(mlflow.url), uri)).digest

    done = load(uri, digest, tmp_path / "first", CROSSFADE_MLFLOW_ADDRESS=mlflow.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert digest in done.stdout
    assert (tmp_path / "first" / "model.pkl").read_bytes() == b"good"

    mlflow.put(f"{uri}/model.pkl", b"evil")
    again = await resolved(Access("mlflow", mlflow.url), name=name, version=version)
    assert again == reference, "MLflow noticed nothing"
    done = load(uri, digest, tmp_path / "second", CROSSFADE_MLFLOW_ADDRESS=mlflow.url)
    assert done.returncode == loader.EXIT_DIGEST_MISMATCH == 3
    assert f"but {digest} was promised" in done.stderr
    assert list((tmp_path / "second").iterdir()) == []


async def test_it_loads_into_a_folder_that_is_a_mount_and_again_after_a_restart(folder: Path, tmp_path: Path) -> None:
    uri = f"file://{folder}/m"
    digest = (await measure(store(None, folder), uri)).digest
    (tmp_path / "mnt").mkdir()
    for _ in range(2):
        done = load(uri, digest, tmp_path / "mnt", CROSSFADE_FILE_ROOT=str(folder))
        assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "mnt").iterdir()] == ["weights"]


def test_other_bytes_end_it_with_one_line_and_status_3(folder: Path, tmp_path: Path) -> None:
    done = load(f"file://{folder}/m", ZERO, tmp_path / "mnt", CROSSFADE_FILE_ROOT=str(folder))
    assert done.returncode == 3
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("crossfade load: the model at 'file://")


def test_a_source_that_will_never_do_ends_it_at_once_with_status_4(tmp_path: Path) -> None:
    done = load("file:///etc", ZERO, tmp_path / "mnt")
    assert done.returncode == loader.EXIT_SOURCE_UNREACHABLE == 4
    assert "set CROSSFADE_FILE_ROOT" in done.stderr
    assert "trying again" not in done.stdout


async def test_a_source_that_may_come_is_tried_again_until_the_time_is_up(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "_FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(loader, "_TRY_SECONDS", 0.1)
    status, sentence = await loader._load(
        f"file://{folder}/absent",
        ZERO,
        tmp_path / "mnt",
        loader._sources(None, None, folder, ()),
        WayIn(None, tmp_path),
    )
    assert (status, "No such file" in sentence) == (4, True)


class Trickling:
    """A store whose every connection brings one byte more, and breaks."""

    content = b"weights"

    def __init__(self, status: Path) -> None:
        self.status = status
        self.told: list[tuple[str, str, int]] = []

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """See ports.Artifacts."""
        return [StoredFile("model", len(self.content))]

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """See ports.Artifacts."""
        yield self.content[part.start : part.start + 1]
        if part.start + 1 < len(self.content):
            raise SourceError("the connection broke")

    @asynccontextmanager
    async def open(self, access: Access | None) -> AsyncIterator[Any]:
        """See ports.Sources."""
        if self.status.exists():
            found = json.loads(self.status.read_text())
            self.told.append((found["state"], found["message"], found["bytesDone"]))
        yield SimpleNamespace(artifacts=self)


async def test_the_time_for_tries_begins_anew_whenever_something_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loader, "_FIRST_WAIT_SECONDS", 0.1)
    monkeypatch.setattr(loader, "_TRY_SECONDS", 0.5)
    digest = mvd1([File("model", 7, hashlib.sha256(b"weights").hexdigest())])
    store = Trickling(tmp_path / "mnt" / STAGING / STATUS)
    status, sentence = await loader._load("s3://b/m", digest, tmp_path / "mnt", store, WayIn(None, tmp_path))
    assert (status, sentence) == (0, f"1 files with 7 bytes verified as {digest} in {tmp_path / 'mnt'}")
    assert (tmp_path / "mnt" / "model").read_bytes() == b"weights"
    assert store.told == [("Waiting", "the connection broke", count) for count in range(1, 7)]
    assert capsys.readouterr().out == "crossfade load: the connection broke; trying again in 0 s\n" * 6


async def test_credentials_that_are_refused_are_not_repeated(web: tuple[str, Path], tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "token").write_text("canary\n")
    told = json.dumps({"name": "risk", "system": "mlflow", "address": web[0], "secret": "mlflow"})
    sources = OpenSources((), None, allowed=HERE)
    status, sentence = await loader._load(
        "mlflow-artifacts:/1/m", ZERO, tmp_path / "mnt", sources, WayIn(told, tmp_path)
    )
    await sources.close()
    assert (status, "refused mlflow-artifacts/artifacts with 404" in sentence) == (4, True)
    assert "canary" not in sentence


async def test_a_folder_that_cannot_be_written_ends_it_with_status_1(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mnt").write_text("a file where the folder should be")
    done = load(f"file://{folder}/m", ZERO, tmp_path / "mnt", CROSSFADE_FILE_ROOT=str(folder))
    assert done.returncode == loader.EXIT_FAILED == 1
    assert "cannot be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_digest_that_is_none_is_a_wrong_use(folder: Path, tmp_path: Path) -> None:
    done = load(f"file://{folder}/m", "sha256:short", tmp_path / "mnt", CROSSFADE_FILE_ROOT=str(folder))
    assert done.returncode == 2
    assert "64 hex digits" in done.stderr


def test_a_network_that_is_none_is_a_wrong_use(folder: Path, tmp_path: Path) -> None:
    done = load(f"file://{folder}/m", ZERO, tmp_path / "mnt", CROSSFADE_ALLOWED_NETWORKS="10.0.0.1/8")
    assert done.returncode == 2
    assert "10.0.0.0/8" in done.stderr


async def test_a_pod_loads_from_no_network_that_it_was_not_told_of(web: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = web
    (folder / "weights").write_bytes(b"abc")
    digest = mvd1([File("weights", 3, hashlib.sha256(b"abc").hexdigest())])
    refused = await asyncio.to_thread(load, f"{url}/weights", digest, tmp_path / "mnt")
    listed = {"CROSSFADE_ALLOWED_NETWORKS": "10.0.0.0/8,127.0.0.0/8"}
    done = await asyncio.to_thread(load, f"{url}/weights", digest, tmp_path / "mnt", **listed)
    assert (refused.returncode, done.returncode) == (loader.EXIT_SOURCE_UNREACHABLE, 0)
    assert "leads to 127.0.0.1, where models must not come from (loopback, 127.0.0.0/8)" in refused.stderr


async def test_the_sentence_reaches_the_termination_log_cut_to_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "termination-log"
    log.write_text("old")
    monkeypatch.setattr(last_words, "_TERMINATION_LOG", log)
    last_words.tell_kubelet("x" * 9000)
    assert log.read_text() == "x" * 4096


def test_sigterm_ends_it_at_once_and_leaves_nothing_that_a_server_reads(tmp_path: Path) -> None:
    """As a container's first process it would otherwise outlive the signal."""
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, str(tmp_path / "mnt")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.terminate()
        _, complaint = process.communicate()
    assert (process.returncode, complaint) == (143, "")
    assert [path.name for path in (tmp_path / "mnt").iterdir()] == [STAGING]


def test_the_loader_starts_without_the_operators_heavy_parts(tmp_path: Path) -> None:
    """Not only until it has read its arguments."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"1")
    asked = {"uri": f"file://{tmp_path}/model", "digest": f"sha256:{'0' * 64}", "to": f"{tmp_path}/to"}
    arguments = [f"--{name}={value}" for name, value in asked.items()] + [f"--file-root={tmp_path}"]
    script = f"import sys; from crossfade.cli.load import load; print(load({arguments}), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    status, *modules = done.stdout.split()
    assert (status, "crossfade.observe.verify" in modules) == ("3", True)
    assert {"kopf", "kubernetes", "obstore", "pydantic", "typer"}.isdisjoint(modules)


WAITING = """
import asyncio, sys
from contextlib import asynccontextmanager
from types import SimpleNamespace
from crossfade.__main__ import main
from crossfade.cli import load as loader
from crossfade.ports import StoredFile

class Endless:
    async def files(self, uri):
        return [StoredFile("weights", 10)]

    async def read(self, uri, path, part):
        yield b"half"
        print("loading", flush=True)
        await asyncio.Event().wait()

@asynccontextmanager
async def opened(access):
    yield SimpleNamespace(artifacts=Endless())

loader._sources = lambda *_: SimpleNamespace(open=opened)
sys.argv = ["crossfade", "load", "--uri", "s3://b/m", "--digest", "sha256:" + "0" * 64, "--to", sys.argv[1]]
main()
"""
