"""Would catch a model of very many files that keeps the operator from everything else while its digest is made."""

import threading
from collections.abc import AsyncIterator, Iterable, Sequence

import pytest
from crossfade.model import manifest
from crossfade.model.manifest import File
from crossfade.observe import verify
from crossfade.ports import WHOLE, Part, StoredFile


class Store:
    """The Artifacts port: two files, one of them packaging."""

    async def files(self, uri: str) -> Sequence[StoredFile]:
        return [StoredFile("model.bin", 1), StoredFile("README.md", 1)]

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        yield b"x"


async def test_digests_are_made_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[int] = []

    def mvd1(files: Iterable[File]) -> str:
        places.append(threading.get_ident())
        return manifest.mvd1(files)

    monkeypatch.setattr(verify, "mvd1", mvd1)
    found = await verify.measure(Store(), "")
    assert found.weights not in (None, found.digest)
    assert places
    assert threading.get_ident() not in places
