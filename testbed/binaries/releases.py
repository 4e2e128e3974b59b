"""The projects' own release downloads, each held to the sum that its publisher lists beside it."""

import shutil
import tarfile
from pathlib import Path

import httpx

from testbed.binaries.catalogue import Release, Tool, machine
from testbed.binaries.source import NotHereError, verify
from testbed.errors import TestbedError
from testbed.progress import Progress

_TIMEOUT = httpx.Timeout(30.0, connect=2.0)  # where downloads are refused, the next source is asked within two seconds


class Releases:
    """Downloads what the tool's `releases` name."""

    name = "release downloads"

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport

    def fetch(self, tool: Tool, into: Path, progress: Progress) -> None:
        """See Source."""
        if not tool.releases:
            raise NotHereError("not published as a download")
        with httpx.Client(transport=self._transport, timeout=_TIMEOUT, follow_redirects=True) as client:
            try:
                for release in tool.releases:
                    self._fetch_one(client, tool, release, into, progress)
            except (httpx.HTTPError, httpx.InvalidURL) as failure:
                raise NotHereError(f"{type(failure).__name__}: {failure}") from failure

    def _fetch_one(self, client: httpx.Client, tool: Tool, release: Release, into: Path, progress: Progress) -> None:
        url = release.url.format(machine=machine())
        wanted = self._published_sum(client, release, url.rpartition("/")[2])
        progress(f"{tool.name} {tool.version}: downloading {url}")
        download = into / ".download"
        with client.stream("GET", url) as answer, download.open("wb") as file:
            answer.raise_for_status()
            for block in answer.iter_bytes():
                file.write(block)
        verify(download, wanted, url)
        _unpack(download, release, into / release.program)
        download.unlink()

    def _published_sum(self, client: httpx.Client, release: Release, file: str) -> str:
        url = release.sums.format(machine=machine())
        answer = client.get(url).raise_for_status()
        for line in answer.text.splitlines():
            words = line.split()
            if len(words) == 1 or (len(words) > 1 and words[-1].lstrip("*./") == file):
                return words[0]
        raise TestbedError(f"{url} lists no sum for {file}; correct the entry in the catalogue")


def _unpack(download: Path, release: Release, program: Path) -> None:
    if not release.member:
        shutil.copy(download, program)
    else:
        with tarfile.open(download) as archive:
            member = archive.extractfile(release.member.format(machine=machine()))
            if member is None:
                raise TestbedError(f"{release.url} holds no file {release.member}; correct the entry in the catalogue")
            with program.open("wb") as file:
                shutil.copyfileobj(member, file, 1 << 20)
    program.chmod(0o755)
