"""Would catch a request that looks for packages on the disk: two hundred small files are two hundred requests."""

import sys
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest
from crossfade.adapters.web import Guard, Web

from tests.support.networks import HERE
from tests.support.servers import Quiet, serving


class _Answers(Quiet, BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.say(200, b"{}")


class _Noting:
    """The first of the import system's finders: finds nothing, and notes what was looked for."""

    def __init__(self) -> None:
        self.wanted: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        self.wanted.append(name)
        return None


async def test_a_request_looks_for_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(_Answers) as url:
        web = Web(url, guard=Guard(HERE))
        await web.ask("it", "/a", {})
        finder = _Noting()
        monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
        assert (await web.ask("it", "/b", {})).status == 200
        assert b"".join([chunk async for chunk in web.stream("it", "/c")]) == b"{}"
        await web.close()
    assert finder.wanted == []
