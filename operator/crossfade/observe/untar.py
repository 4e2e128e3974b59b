"""A tar archive that comes in pieces: each header is checked before a byte of its file is taken, and one header at a
time is held in memory, whatever the archive's size."""

import tarfile
from collections.abc import Callable
from typing import Final

_BLOCK: Final = 512
_END: Final = bytes(_BLOCK)
_MOST_EXTENDED: Final = 1 << 20
"""Bytes of an extended header: names have hundreds, and these are held in memory."""
_FILES: Final = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_WITHOUT_CONTENT: Final = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)
_WHITEOUT: Final = ".wh."

Take = Callable[[bytes | memoryview], object]
"""Gets the pieces of one file."""
Open = Callable[[str, int], Take]
"""Begins the file of this path and size. Raises ValueError when there can be none; the one before is whole."""


class Untar:
    """Finds the files below the folder `below`, for `begin` to open. ValueError from `feed` and `finish` says what is
    wrong with the archive."""

    def __init__(self, begin: Open, below: str) -> None:
        self._begin = begin
        self._below = below
        self._header = bytearray()
        self._take: Take = _ignore
        self._left = 0
        self._padding = 0
        self._extended = bytearray()
        self._then: Callable[[], None] = _nothing
        self._long: dict[str, str] = {}
        self._ended = False

    def feed(self, piece: bytes) -> None:
        """The next bytes of the archive."""
        view = memoryview(piece)
        while view and not self._ended:
            view = view[self._step(view) :]

    def finish(self) -> None:
        """No more will come."""
        if not self._ended:
            raise ValueError("it has no end, so that a part of it may be missing")

    def _step(self, view: memoryview) -> int:
        """How many bytes of it were used."""
        if self._left:
            piece = view[: self._left]
            self._take(piece)
            self._left -= len(piece)
            if not self._left:
                self._then()
            return len(piece)
        if self._padding:
            skipped = min(self._padding, len(view))
            self._padding -= skipped
            return skipped
        piece = view[: _BLOCK - len(self._header)]
        self._header += piece
        if len(self._header) == _BLOCK:
            block, self._header = bytes(self._header), bytearray()
            self._entry(block)
        return len(piece)

    def _entry(self, block: bytes) -> None:
        if block == _END:
            self._ended = True
            return
        try:
            found = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as failure:
            raise ValueError(f"it is no tar archive: {failure}") from None
        if found.size < 0:
            raise ValueError("it has a file of a negative size")
        if found.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
            self._extend(found.size, self._pax)
        elif found.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
            self._extend(found.size, self._longname if found.type == tarfile.GNUTYPE_LONGNAME else _nothing)
        elif found.type == tarfile.XGLTYPE:
            self._expect(found.size, _ignore)
        else:
            self._named(found)

    def _named(self, found: tarfile.TarInfo) -> None:
        """An entry with its name and size, which a header before it may have told."""
        long, self._long = self._long, {}
        name, size = long.get("path", found.name), found.size
        if "size" in long:
            size = _number(long["size"])
        if found.type in _WITHOUT_CONTENT:
            size = 0
        path = self._inside(name)
        if path is None or found.type == tarfile.DIRTYPE:
            self._expect(size, _ignore)
        elif found.type not in _FILES or any(key.startswith("GNU.sparse.") for key in long):
            raise ValueError(f"{name!r} is a link, a sparse or another special file; pack the file itself")
        elif self._below and path.rpartition("/")[2].startswith(_WHITEOUT):
            raise ValueError(f"{name!r} removes what a layer below it has; build it so that no layer does")
        else:
            self._expect(size, self._begin(path, size))

    def _inside(self, name: str) -> str | None:
        """The path in the model; None when it is not the model's."""
        while name.startswith("./"):
            name = name[2:].lstrip("/")
        if name in ("", "."):
            return None
        if not self._below:
            return name
        plain = name.removeprefix("/")
        if plain.rstrip("/") in (self._below, f"{_WHITEOUT}{self._below}", f"{_WHITEOUT}{_WHITEOUT}.opq"):
            return plain
        return plain.removeprefix(f"{self._below}/") if plain.startswith(f"{self._below}/") else None

    def _extend(self, size: int, then: Callable[[], None]) -> None:
        if size > _MOST_EXTENDED:
            raise ValueError(f"it has a header of more than {_MOST_EXTENDED} bytes")
        self._extended = bytearray()
        self._expect(size, self._extended.extend, then)

    def _expect(self, size: int, take: Take, then: Callable[[], None] | None = None) -> None:
        self._take, self._left, self._padding = take, size, -size % _BLOCK
        self._then = then or _nothing
        if not size:
            self._then()

    def _longname(self) -> None:
        self._long["path"] = bytes(self._extended).rstrip(b"\0").decode("utf-8", "surrogateescape")

    def _pax(self) -> None:
        """Records of `<length> <key>=<value>` and a line break."""
        rest = bytes(self._extended)
        while rest:
            length, _, _ = rest.partition(b" ")
            end = _number(length.decode("ascii", "replace"))
            record = rest[len(length) + 1 : end]
            if not 0 < end <= len(rest) or b"=" not in record or not record.endswith(b"\n"):
                raise ValueError("it has an extended header that cannot be read")
            key, _, value = record[:-1].partition(b"=")
            if key in (b"path", b"size") or key.startswith(b"GNU.sparse."):
                self._long[key.decode("ascii", "replace")] = value.decode("utf-8", "surrogateescape")
            rest = rest[end:]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise ValueError("it has an extended header that cannot be read")
    return int(text)


def _ignore(_: object) -> None:
    pass


def _nothing() -> None:
    pass
