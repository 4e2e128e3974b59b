"""Catches bytes other than the promised ones that get before a model server, and a load that leaves half a model."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from crossfade.model.access import Access
from crossfade.observe.ahead import PART_BYTES
from crossfade.observe.staging import STAGING
from crossfade.observe.verify import DigestMismatch, Measured, fetch, measure
from crossfade.ports import WHOLE, Artifacts, Part, SourceError, StoredFile

from tests.contract.conftest import S3_OWNER, MlflowBench, resolved, store
from tests.support.folders import on_disk

MD5_OF_X = "9dd4e461268c8034f5c8564e155c67a6"
FILES = {"MLmodel": b"flavors: {}", "data/model.bin": b"0123456789" * 300_000, "data/empty": b""}


class Place:
    """A model in a store, and what its owner can do to it afterwards."""

    def __init__(
        self, artifacts: Artifacts, uri: str, write: Callable[[str, bytes], object], remove: Callable[[str], object]
    ) -> None:
        self.artifacts = artifacts
        self.uri = uri
        self.write = write
        self.remove = remove


@pytest.fixture
def in_a_folder(tmp_path: Path) -> Place:
    root = tmp_path / "models"

    def write(path: str, content: bytes) -> None:
        (root / "m" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "m" / path).write_bytes(content)

    return Place(store(None, root), f"file://{root}/m", write, lambda path: (root / "m" / path).unlink())


@pytest.fixture
def in_s3(s3: str) -> Place:
    def write(path: str, content: bytes) -> None:
        httpx.put(f"{s3}/models/m/{path}", content=content, auth=S3_OWNER, timeout=60).raise_for_status()

    def remove(path: str) -> None:
        httpx.delete(f"{s3}/models/m/{path}", auth=S3_OWNER, timeout=60).raise_for_status()

    return Place(store(), "s3://models/m", write, remove)


@pytest.fixture
async def in_mlflow(mlflow: MlflowBench) -> Place:
    name, version = mlflow.model(FILES)
    uri = (await resolved(Access("mlflow", mlflow.url), name=name, version=version)).immutable_uri
    return Place(
        store(mlflow.url),
        uri,
        lambda path, content: mlflow.put(f"{uri}/{path}", content),
        lambda path: mlflow.remove(f"{uri}/{path}"),
    )


@pytest.fixture(params=["in_a_folder", "in_s3", "in_mlflow"])
def place(request: pytest.FixtureRequest, s3: str, mlflow: MlflowBench) -> Place:
    """The model of FILES in each store. Naming the servers tells the session to start them."""
    found: Place = request.getfixturevalue(request.param)
    for path, content in FILES.items():
        found.write(path, content)
    return found


def entries(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def flip_a_byte(place: Place) -> None:
    changed = bytearray(FILES["data/model.bin"])
    changed[1_500_000] ^= 1
    place.write("data/model.bin", bytes(changed))


def rename(place: Place) -> None:
    place.write("data/renamed.bin", FILES["data/model.bin"])
    place.remove("data/model.bin")


def add(place: Place) -> None:
    place.write("data/extra", b"")


def remove(place: Place) -> None:
    place.remove("data/empty")


def swap(place: Place) -> None:
    place.write("MLmodel", FILES["data/empty"])
    place.write("data/empty", FILES["MLmodel"])


async def test_the_promised_bytes_are_loaded_whole(place: Place, tmp_path: Path) -> None:
    measured = await measure(place.artifacts, place.uri)
    assert (measured.files, measured.size_bytes) == (3, 3_000_011)
    target = tmp_path / "mnt" / "models"
    loaded = await fetch(place.artifacts, place.uri, measured.digest, target)
    assert loaded == replace(measured, weights=None), "which files are weights is told of what is resolved alone"
    assert on_disk(target) == FILES


@pytest.mark.parametrize("change", [flip_a_byte, rename, add, remove, swap])
async def test_a_model_changed_after_it_was_resolved_is_refused(
    place: Place, tmp_path: Path, change: Callable[[Place], None]
) -> None:
    measured = await measure(place.artifacts, place.uri)
    change(place)
    found = await measure(place.artifacts, place.uri)
    target = tmp_path / "target"
    with pytest.raises(DigestMismatch, match=f"has the digest {found.digest}, but {measured.digest} was promised"):
        await fetch(place.artifacts, place.uri, measured.digest, target)
    assert entries(target) == []


async def test_the_digest_is_the_same_whatever_the_store(in_a_folder: Place, in_s3: Place) -> None:
    for path, content in FILES.items():
        in_a_folder.write(path, content)
        in_s3.write(path, content)
    assert await measure(in_a_folder.artifacts, in_a_folder.uri) == await measure(in_s3.artifacts, in_s3.uri)


class Given:
    """A store that holds what a test says, also what no real store would: `read` may lie, hang or fail."""

    def __init__(self, files: dict[str, bytes], listed: Sequence[StoredFile] | None = None) -> None:
        self.contents = files
        self.listed = listed
        self.reads = 0
        self.on_read: Callable[[str], object] = lambda _path: None

    async def files(self, uri: str) -> Sequence[StoredFile]:
        return self.listed or [StoredFile(path, len(content)) for path, content in self.contents.items()]

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        self.reads += 1
        self.on_read(path)
        content = self.contents[path][part.start : part.end]
        for start in range(0, len(content), 1 << 20):
            yield content[start : start + (1 << 20)]


async def digest_of(files: dict[str, bytes]) -> str:
    return (await measure(Given(files), "s3://b/m")).digest


async def test_a_model_that_is_there_already_is_hashed_again_not_trusted(tmp_path: Path) -> None:
    digest = await digest_of(FILES)
    await fetch(Given(FILES), "s3://b/m", digest, tmp_path)
    again = Given(FILES)
    assert (await fetch(again, "s3://b/m", digest, tmp_path)).digest == digest
    assert again.reads == 0
    (tmp_path / "MLmodel").write_bytes(b"tampered!!!")
    with pytest.raises(DigestMismatch, match="holds files already, which has the digest"):
        await fetch(again, "s3://b/m", digest, tmp_path)


async def test_a_folder_with_someone_elses_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("my life's work")
    with pytest.raises(DigestMismatch):
        await fetch(Given(FILES), "s3://b/m", await digest_of(FILES), tmp_path)
    assert on_disk(tmp_path) == {"thesis.tex": b"my life's work"}


async def test_what_a_killed_load_left_behind_is_replaced(tmp_path: Path) -> None:
    (tmp_path / STAGING / "data").mkdir(parents=True)
    (tmp_path / STAGING / "data" / "model.bin").write_bytes(b"half")
    (tmp_path / "MLmodel").write_bytes(b"moved into place before the kill")
    await fetch(Given(FILES), "s3://b/m", await digest_of(FILES), tmp_path)
    assert on_disk(tmp_path) == FILES


async def test_a_cancelled_load_leaves_nothing_that_a_server_reads(tmp_path: Path) -> None:
    store = Given(FILES)
    task = asyncio.create_task(fetch(store, "s3://b/m", await digest_of(FILES), tmp_path))
    store.on_read = lambda _path: task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert entries(tmp_path) == [STAGING]


async def test_a_source_that_fails_midway_leaves_nothing_that_a_server_reads(tmp_path: Path) -> None:
    store = Given(FILES)

    def fail(path: str) -> None:
        if path == "data/empty":
            raise SourceError("the store went away")

    store.on_read = fail
    with pytest.raises(SourceError, match="the store went away"):
        await fetch(store, "s3://b/m", await digest_of(FILES), tmp_path)
    assert entries(tmp_path) == [STAGING]


@pytest.mark.parametrize("said", [10, 12])
async def test_a_file_of_another_length_than_listed_is_refused(tmp_path: Path, said: int) -> None:
    store = Given({"MLmodel": FILES["MLmodel"]}, [StoredFile("MLmodel", said)])
    with pytest.raises(SourceError, match="'MLmodel' of 's3://b/m' is not as long as its store said") as failure:
        await fetch(store, "s3://b/m", await digest_of(FILES), tmp_path)
    assert failure.value.retry is True
    assert entries(tmp_path) == [STAGING]


async def test_a_stream_without_an_end_is_cut_at_the_length_that_was_listed() -> None:
    class Endless(Given):
        async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
            for _ in range(1000):
                self.reads += 1
                yield b"x"

    store = Endless({"MLmodel": b"xx"})
    with pytest.raises(SourceError, match="not as long as its store said"):
        await measure(store, "s3://b/m")
    assert store.reads == 3


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/cron.d/x", "a/../../outside", "a\\..\\..\\x", f"{STAGING}/x", STAGING]
)
async def test_a_hostile_path_is_refused_before_a_byte_is_written(tmp_path: Path, path: str) -> None:
    target = tmp_path / "deep" / "target"
    store = Given({path: b"x"})
    with pytest.raises(SourceError) as failure:
        await fetch(store, "s3://b/m", "sha256:" + "0" * 64, target)
    assert failure.value.retry is False
    assert store.reads == 0
    assert on_disk(tmp_path) == {}


@pytest.mark.parametrize(
    ("promised", "kind"), [({"sha256": "0" * 64}, "SHA-256"), ({"md5": "0" * 32}, "MD5"), ({"md5": MD5_OF_X}, None)]
)
async def test_what_a_store_promises_of_a_file_is_kept_even_when_the_digest_is_right(
    tmp_path: Path, promised: dict[str, str], kind: str | None
) -> None:
    class Promising(Given):
        async def files(self, uri: str) -> Sequence[StoredFile]:
            return [replace(file, **promised) for file in await super().files(uri)]

    digest = await digest_of({"model": b"x"})
    if kind is None:
        assert (await fetch(Promising({"model": b"x"}), "s3://b/m", digest, tmp_path)).files == 1
        return
    with pytest.raises(DigestMismatch, match=f"has the {kind} .*, but its store says 0+"):
        await fetch(Promising({"model": b"x"}), "s3://b/m", digest, tmp_path)
    assert on_disk(tmp_path) == {}


async def test_a_model_without_files_is_refused_for_ever() -> None:
    with pytest.raises(SourceError, match="at least one file") as failure:
        await measure(Given({}), "s3://b/m")
    assert failure.value.retry is False


async def test_a_symlink_in_the_target_is_never_taken_for_the_model(tmp_path: Path) -> None:
    digest = await digest_of({"model": b"x"})
    target = tmp_path / "target"
    await fetch(Given({"model": b"x"}), "s3://b/m", digest, target)
    (target / "model").rename(tmp_path / "model")
    (target / "model").symlink_to(tmp_path / "model")
    with pytest.raises(DigestMismatch, match="'model', a symlink"):
        await fetch(Given({"model": b"x"}), "s3://b/m", digest, target)


async def test_a_decomposed_name_is_stored_as_its_digest_says(tmp_path: Path) -> None:
    files = {"cafe\u0301": b"x"}
    digest = await digest_of(files)
    assert digest == await digest_of({"caf\u00e9": b"x"})
    await fetch(Given(files), "s3://b/m", digest, tmp_path)
    assert entries(tmp_path) == ["caf\u00e9"]
    assert await fetch(Given(files), "s3://b/m", digest, tmp_path) == Measured(digest, 1, 1)


@pytest.mark.parametrize(("cheap", "reads"), [(True, 3), (False, 1)])
async def test_parts_are_asked_for_where_a_store_gives_them_cheaply(tmp_path: Path, cheap: bool, reads: int) -> None:
    files = {"model": bytes(2 * PART_BYTES + 1)}
    store = Given(files, [StoredFile("model", 2 * PART_BYTES + 1, parts=cheap)])
    digest = await digest_of(files)
    assert (await fetch(store, "s3://b/m", digest, tmp_path)).digest == digest
    assert store.reads == reads


async def test_files_are_readable_by_the_model_servers_own_user(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        await fetch(Given(FILES), "s3://b/m", await digest_of(FILES), tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / "data").stat().st_mode & 0o005 == 0o005
    assert (tmp_path / "data" / "model.bin").stat().st_mode & 0o004
