"""Would catch a model without end, which keeps the operator reading for as long as its store likes."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from crossfade.observe import stream, verify
from crossfade.observe.verify import fetch, measure
from crossfade.ports import WHOLE, Archive, FromStartError, Part, SourceError, StoredFile

from tests.support.folders import tar

DIGEST = "sha256:" + "0" * 64
MOST = 1000


class Store:
    """These files, of which it notes what is read; an archive's connection breaks `breaks` times near its end."""

    def __init__(self, *listed: StoredFile, content: bytes = b"", breaks: int = 0) -> None:
        self.listed, self.content, self.breaks = listed, content, breaks
        self.asked: list[str] = []

    async def files(self, uri: str) -> Sequence[StoredFile]:
        return self.listed

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        self.asked.append(path)
        yield self.content[:-1]
        if self.breaks:
            self.breaks -= 1
            raise FromStartError("it broke")
        yield self.content[-1:]


def archive(**sizes: int) -> Store:
    """One archive of files of these sizes."""
    content = tar({name: b"x" * size for name, size in sizes.items()})
    return Store(StoredFile("model.tar", len(content), archive=Archive("tar")), content=content)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (stream, verify):
        monkeypatch.setattr(module, "MOST_BYTES", MOST)


async def test_what_is_listed_as_too_large_is_refused_for_good_before_a_byte_is_read(tmp_path: Path) -> None:
    store = Store(StoredFile("a", MOST - 1), StoredFile("b", 2))
    for read in (lambda: measure(store, "s3://m"), lambda: fetch(store, "s3://m", DIGEST, tmp_path)):
        with pytest.raises(
            SourceError, match=r"^the model at 's3://m' has 1001 bytes, and no more than 1000 are"
        ) as why:
            await read()
        assert not why.value.retry
    assert store.asked == []


async def test_an_archive_is_as_large_as_what_it_unpacks_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MOST_BYTES", 1 << 20)  # as it is stored it is small enough
    assert (await measure(archive(a=MOST), "")).size_bytes == MOST
    with pytest.raises(SourceError, match="more than 1000 bytes") as why:
        await measure(archive(a=MOST, b=1), "")
    assert not why.value.retry


async def test_bytes_that_were_undone_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MOST_BYTES", 1 << 20)
    store = archive(a=MOST)
    store.breaks = 2
    assert (await measure(store, "")).size_bytes == MOST
