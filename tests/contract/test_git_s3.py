"""Catches a DVC remote on S3 of which other bytes are read than DVC has pushed."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from crossfade.ports import SourceError

from tests.contract.conftest import S3_OWNER
from tests.contract.git_bench import GitBench, anybody, pushing, source, steps_in, write
from tests.contract.registry_contract import digest, opened, resolve
from tests.support.faults import Proxy
from tests.support.git_repositories import Repositories, serving

pytestmark = pytest.mark.cluster


@pytest.fixture
def git(s3: str, tmp_path: Path) -> Iterator[GitBench]:
    """Repositories on the network of the S3 server."""
    with serving(Repositories(tmp_path / "bare", tmp_path / "kept")) as made:
        yield GitBench(made, Proxy(s3, s3), tmp_path / "clones")


async def test_what_dvc_pushes_to_s3_is_read_and_nothing_else(git: GitBench, s3: str) -> None:
    name = git.bare()
    git.clone(name).mkdir(parents=True)
    steps_in(
        git.clone(name),
        ["git", "clone", "--quiet", str(git.served.folder / name), "."],
        *(["dvc", "init", "--quiet"], ["dvc", "remote", "add", "--default", "s3", "s3://models/dvc/store/"]),
        *(write("fraud/a.bin", b"1" * 64), write("fraud/b/é", b"2" * 64), ["dvc", "add", "--quiet", "fraud"]),
        *pushing(),
    )
    access = anybody(f"{git.served.url}/{name}")
    reference = await resolve(access, source("fraud"))
    assert await digest(access, reference)
    async with opened(access) as found:
        files = {file.path: file for file in await found.artifacts.files(reference.immutable_uri)}
    assert {path: file.size for path, file in files.items()} == {"a.bin": 64, "b/é": 64}
    md5 = files["a.bin"].md5 or ""
    place = f"{s3}/models/dvc/store/files/md5/{md5[:2]}/{md5[2:]}"
    change("PUT", place, b"3" * 64)
    with pytest.raises(SourceError, match=f"but its store says {md5}"):
        await digest(access, reference)
    change("DELETE", place)
    with pytest.raises(
        SourceError, match=r"'fraud/a.bin' is not to be had from the DVC remote 's3', `dvc push` it there"
    ):
        await digest(access, reference)


def change(method: str, place: str, content: bytes = b"") -> None:
    """Write or remove an object."""
    httpx.request(method, place, content=content, auth=S3_OWNER).raise_for_status()
