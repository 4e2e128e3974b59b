"""Catches a model that is refused for ever on account of what was undone."""

from collections.abc import AsyncIterator, Sequence

import pytest
from crossfade.observe import stream
from crossfade.observe.verify import measure
from crossfade.ports import WHOLE, Archive, FromStartError, Part, SourceError, StoredFile

from tests.support.folders import tar


class Breaking:
    """A store of one archive of so many files, whose connection breaks `breaks` times near its end."""

    def __init__(self, files: int, breaks: int) -> None:
        self.content = tar({f"file-{number}": b"" for number in range(files)})
        self.breaks = breaks

    async def files(self, uri: str) -> Sequence[StoredFile]:
        return [StoredFile("model.tar", len(self.content), archive=Archive("tar"))]

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        yield self.content[:-1]
        if self.breaks:
            self.breaks -= 1
            raise FromStartError("it broke")
        yield self.content[-1:]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_FILES", 5)


@pytest.mark.parametrize("breaks", [1, 2])
async def test_files_that_were_undone_do_not_count(breaks: int) -> None:
    assert (await measure(Breaking(5, breaks), "")).files == 5


async def test_one_file_too_many_is_refused_also_after_a_break() -> None:
    with pytest.raises(SourceError, match="more than 5 files"):
        await measure(Breaking(6, 1), "")
