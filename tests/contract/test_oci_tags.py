"""Catches an OCI registry of whose tags only the first page is seen."""

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from crossfade.adapters.oci_server import OciServer
from crossfade.adapters.web import Guard
from crossfade.model.access import Access
from crossfade.ports import SourceError

from tests.contract.conftest import serving
from tests.contract.oci_bench import by_oras
from tests.support.networks import HERE


class Paging(BaseHTTPRequestHandler):
    """A registry that gives `most` tags at a time, as the distribution specification has it; Debian gives all at
    once. ORAS's own client turns its pages as well."""

    tags: tuple[str, ...] = ("a", "b", "c", "d", "e")
    most = 2

    def do_GET(self) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query))
        later = [tag for tag in self.tags if tag > asked.get("last", "")]
        page = later[: min(int(asked.get("n", self.most)), self.most)]
        self.send_response(200)
        if len(later) > len(page):
            self.send_header("Link", f'</v2/m/tags/list?n={self.most}&last={page[-1]}>; rel="next"')
        self.end_headers()
        self.wfile.write(json.dumps({"name": "m", "tags": page}).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


async def test_tags_come_page_by_page_and_no_more_than_are_wanted() -> None:
    with serving(Paging) as address:
        server = OciServer(Access("oci", address), Guard(HERE))
        assert await server.tags("m", 5) == list(Paging.tags)
        with pytest.raises(SourceError, match="has more than 4 tags of m; remove old ones"):
            await server.tags("m", 4)
        await server.close()


@pytest.mark.slow
def test_oras_turns_the_same_pages(tmp_path: Path) -> None:
    with serving(Paging) as address:
        assert by_oras(tmp_path, address, "m") == {"tags": list(Paging.tags)}
