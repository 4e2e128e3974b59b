"""Git's protocol, version 2, as bytes: lines, requests and answers. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

FLUSH, DELIMITER, END = b"0000", b"0001", b"0002"
_CONTROLS: Final = (FLUSH, DELIMITER, END)
_PACK, _ERROR = 1, 3


class WireError(ValueError):
    """What came is not the protocol, or the server's own word of a failure (`told`)."""

    def __init__(self, message: str, told: str = "") -> None:
        super().__init__(message)
        self.told = told


class Lines:
    """Feed it bytes; it gives the lines in them: what a line holds, or FLUSH, DELIMITER or END."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The lines that are whole. Raises WireError."""
        self._buffer += piece
        while len(self._buffer) >= 4:
            head = bytes(self._buffer[:4])
            if head in _CONTROLS:
                del self._buffer[:4]
                yield head
                continue
            length = _length(head)
            if len(self._buffer) < length:
                return
            held = bytes(self._buffer[4:length])
            del self._buffer[:length]
            if held.startswith(b"ERR "):
                told = held[4:204].decode("utf-8", "replace").strip()
                raise WireError("the server reports a failure", told if told.isprintable() else "")
            yield held

    def finish(self) -> None:
        """Raise WireError when half a line is left."""
        if self._buffer:
            raise WireError("the answer ends in the middle")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server can do; `filters` is whether it leaves out what is not wanted."""

    filters: bool


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch or a tag: its full name, the id of its object, and of what an annotated tag leads to."""

    name: str
    oid: str
    peeled: str | None = None

    @property
    def commit(self) -> str:
        """What it means in the end."""
        return self.peeled or self.oid


def capabilities(content: bytes) -> Capabilities:
    """Of what the server says first. Raises WireError."""
    lines = [line.rstrip(b"\n") for line in _all(content) if line not in _CONTROLS and not line.startswith(b"#")]
    if b"version 2" not in lines[:1]:
        raise WireError("the server does not speak version 2 of Git's protocol")
    told = dict(line.decode("utf-8", "replace").partition("=")[::2] for line in lines[1:])
    if "fetch" not in told or "shallow" not in told["fetch"].split():
        raise WireError("the server cannot send a commit without its history")
    if told.get("object-format", "sha1") != "sha1":
        raise WireError("the repository names its objects by SHA-256, which is not read")
    return Capabilities("filter" in told["fetch"].split())


def list_refs(prefixes: Iterable[str]) -> bytes:
    """The request for all refs whose names begin with one of these."""
    return _request("ls-refs", ["peel", *(f"ref-prefix {prefix}" for prefix in prefixes)])


def refs(content: bytes) -> list[Ref]:
    """The answer to it. Raises WireError."""
    found = []
    for held in _all(content):
        if held in _CONTROLS:
            continue
        oid, _, rest = held.decode("utf-8", "replace").rstrip("\n").partition(" ")
        name, *more = rest.split(" ")
        peeled = next((part.removeprefix("peeled:") for part in more if part.startswith("peeled:")), None)
        if not _is_oid(oid) or not name or (peeled is not None and not _is_oid(peeled)):
            raise WireError("the list of branches and tags cannot be understood")
        found.append(Ref(name, oid, peeled))
    return found


def fetch(wants: Iterable[str], more: Iterable[str] = ()) -> bytes:
    """The request for a pack with these objects."""
    arguments = ["no-progress", "ofs-delta", *more, *(f"want {oid}" for oid in wants), "done"]
    return _request("fetch", arguments)


class PackIn:
    """Feed it the answer to `fetch`; it gives the bytes of the pack in it."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._begun = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The pack's next bytes. Raises WireError."""
        for line in self._lines.feed(piece):
            if not self._begun:
                self._begun = line == b"packfile\n"
            elif line in _CONTROLS:
                continue
            elif line[0] == _PACK:
                yield line[1:]
            elif line[0] == _ERROR:
                told = line[1:201].decode("utf-8", "replace").strip()
                raise WireError("the server reports a failure", told if told.isprintable() else "")


def _request(command: str, arguments: Iterable[str]) -> bytes:
    return _line(f"command={command}") + DELIMITER + b"".join(_line(text) for text in arguments) + FLUSH


def _line(text: str) -> bytes:
    held = text.encode() + b"\n"
    return b"%04x" % (len(held) + 4) + held


def _all(content: bytes) -> list[bytes]:
    lines = Lines()
    found = list(lines.feed(content))
    lines.finish()
    if not found or found[-1] != FLUSH:
        raise WireError("the answer ends in the middle")
    return found


def _length(head: bytes) -> int:
    try:
        length = int(head, 16)
    except ValueError:
        length = 0
    if length < 5:
        raise WireError("the answer is not Git's protocol")
    return length


def _is_oid(text: str) -> bool:
    return len(text) == 40 and not set(text) - set("0123456789abcdef")
