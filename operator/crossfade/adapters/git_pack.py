"""Git's packs, parsed while they stream: no object is in memory but for who wants it. Pure."""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

COMMIT, TREE, BLOB, TAG, _OFS_DELTA, _REF_DELTA = 1, 2, 3, 4, 6, 7
KINDS: Final = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob", TAG: b"tag"}
_HEADER: Final = struct.Struct(">4sII")
_OID_BYTES: Final = 20
_SLICE: Final = 1 << 16
_LONGEST_NUMBER: Final = 10
_MOST_OBJECTS: Final = 200_000
_OBJECT_BYTES: Final = 300
"""What an object, or an entry of a folder once it is parsed, takes in memory besides its content."""


class PackError(ValueError):
    """What came is no pack that can be read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An object begins: its place in the pack, its kind (0 for a delta), how many bytes follow once unpacked, and for a
    delta the place or the id of what it changes."""

    place: int
    kind: int
    size: int
    base: int | bytes | None = None


class Pack:
    """Feed it the pack's bytes; it gives for each object its Entry, its bytes in pieces, and None at its end. `done` is
    True once the last byte has come and the pack's own sum is right. Unpacked it has at most `most` bytes, where that
    is given."""

    def __init__(self, most: int | None = None) -> None:
        self._most, self._unpacked = most, 0
        self._buffer = bytearray()
        self._place = 0
        self._left: int | None = None
        self._sum = hashlib.sha1(usedforsecurity=False)
        self._entry: Entry | None = None
        self._inflater = zlib.decompressobj()
        self._made = 0
        self.done = False

    def feed(self, piece: bytes) -> Iterator[Entry | bytes | None]:
        """What the next bytes make. Raises PackError."""
        self._buffer += piece
        while not self.done:
            if self._entry is not None:
                before = len(self._buffer)
                yield from self._inflate(self._entry)
                if len(self._buffer) == before and self._entry is not None:
                    return
            elif self._left == 0:
                if len(self._buffer) < _OID_BYTES:
                    return
                self._finish()
            else:
                entry = self._begin()
                if entry is not None:
                    yield entry
                elif self._left is None or self._entry is None:
                    return

    def _begin(self) -> Entry | None:
        """The next object's header; None where more bytes are needed."""
        if self._left is None:
            if len(self._buffer) < _HEADER.size:
                return None
            magic, version, self._left = _HEADER.unpack(bytes(self._buffer[: _HEADER.size]))
            if magic != b"PACK" or version != 2:
                raise PackError("it does not begin as a pack")
            self._consume(_HEADER.size)
            if self._left == 0:
                raise PackError("it is empty")
            if self._left > _MOST_OBJECTS:
                raise PackError(f"there are more than {_MOST_OBJECTS} objects in it")
        found = _entry_at(self._buffer, self._place)
        if found is None:
            return None
        self._entry, length = found
        self._unpacked += self._entry.size
        if self._most is not None and self._unpacked > self._most:
            raise PackError(f"it unpacks to more than {self._most >> 20} MiB")
        self._consume(length)
        self._inflater, self._made = zlib.decompressobj(), 0
        return self._entry

    def _inflate(self, entry: Entry) -> Iterator[bytes | None]:
        raw = bytes(self._buffer[: min(_SLICE, entry.size + 64)])
        try:
            plain = self._inflater.decompress(raw, _SLICE)
        except zlib.error:
            raise PackError("an object in it is damaged") from None
        rest = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
        self._consume(len(raw) - len(rest))
        self._made += len(plain)
        if self._made > entry.size or (self._inflater.eof and self._made != entry.size):
            raise PackError("an object in it is not as long as it says")
        if plain:
            yield plain
        if self._inflater.eof:
            self._entry = None
            self._left = (self._left or 1) - 1
            yield None

    def _finish(self) -> None:
        if bytes(self._buffer) != self._sum.digest():
            raise PackError("it is not what its own sum says")
        self.done = True

    def _consume(self, length: int) -> None:
        self._sum.update(bytes(self._buffer[:length]))
        del self._buffer[:length]
        self._place += length


class Objects:
    """The objects of a pack, by id in hex, but for blobs where those are not wanted: (kind, content). Together they
    take at most about `most` bytes of memory, folders as they are once all of them are parsed.

    What changes an object that comes later waits for it; what it never comes for changes a blob that nobody wants.
    """

    def __init__(self, most: int, *, blobs: bool) -> None:
        self.found: dict[str, tuple[int, bytes]] = {}
        self._most, self._held = most, 0
        self._blobs = blobs
        self._ids: dict[int, str] = {}
        self._entry: Entry | None = None
        self._content: bytearray | None = None
        self._waiting: dict[int | str, list[tuple[Entry, bytes]]] = {}
        self._places: set[int] = set()

    def take(self, event: Entry | bytes | None) -> None:
        """The next of what a Pack gives. Raises PackError."""
        if isinstance(event, Entry):
            self._entry = event
            self._content = bytearray() if self._wanted(event) else None
        elif self._content is not None and self._entry is not None:
            if event is None:
                self._hold(_OBJECT_BYTES)
                self._keep(self._entry, bytes(self._content))
                return
            self._content += event
            self._hold(len(event))

    def _wanted(self, entry: Entry) -> bool:
        if isinstance(entry.base, int):
            return entry.base in self._ids or entry.base in self._places
        return entry.kind != BLOB or self._blobs

    def _keep(self, entry: Entry, content: bytes) -> None:
        """The object, and all that waited for it."""
        ready = [(entry, content)]
        while ready:
            entry, content = ready.pop()
            whole = self._whole(entry, content)
            if whole is None:
                continue
            name = oid(*whole)
            self.found[name] = whole
            self._ids[entry.place] = name
            self._places.discard(entry.place)
            ready += self._waiting.pop(name, []) + self._waiting.pop(entry.place, [])

    def _whole(self, entry: Entry, content: bytes) -> tuple[int, bytes] | None:
        """Kind and content; None when it waits for what it changes."""
        kind = entry.kind
        if entry.base is not None:
            base = entry.base.hex() if isinstance(entry.base, bytes) else self._ids.get(entry.base, entry.base)
            if base not in self.found:
                self._waiting.setdefault(base, []).append((entry, content))
                self._places.add(entry.place)
                return None
            kind, original = self.found[str(base)]
            self._hold(-len(content))
            content = patched(original, content, self._most - self._held)
            self._hold(len(content))
        self._hold(memory(kind, content) - len(content) - _OBJECT_BYTES)
        return kind, content

    def _hold(self, count: int) -> None:
        self._held += count
        if self._held > self._most:
            raise PackError(f"there are more than {self._most >> 20} MiB of objects in it")


def memory(kind: int, content: bytes) -> int:
    """About how many bytes an object takes, a folder also parsed."""
    entries = content.count(0) if kind == TREE else 0
    return len(content) + _OBJECT_BYTES * (1 + entries)


def oid(kind: int, content: bytes) -> str:
    """The id of an object, in hex."""
    hasher = hasher_of(kind, len(content))
    hasher.update(content)
    return hasher.hexdigest()


def hasher_of(kind: int, size: int) -> "hashlib._Hash":
    """What makes the id of an object of this size, once it has been fed its content."""
    return hashlib.sha1(KINDS[kind] + b" %d\0" % size, usedforsecurity=False)


def patched(base: bytes, delta: bytes, most: int) -> bytes:
    """What a delta makes of its base, at most so many bytes. Raises PackError."""
    try:
        return _patched(base, delta, most)
    except IndexError:
        raise PackError("a change in it ends in the middle") from None


def _patched(base: bytes, delta: bytes, most: int) -> bytes:
    length, at = _number(delta, 0)
    size, at = _number(delta, at)
    if length != len(base) or size > most:
        raise PackError("a change in it fits nothing, or is too large")
    made = bytearray()
    while at < len(delta):
        order = delta[at]
        at += 1
        if order & 0x80:
            start, count, at = _copied(delta, at, order)
            if start + count > len(base):
                raise PackError("a change in it copies what is not there")
            made += base[start : start + count]
        elif order:
            made += delta[at : at + order]
            at += order
        else:
            raise PackError("a change in it is of no kind that is known")
        if len(made) > size:
            break
    if len(made) != size:
        raise PackError("a change in it is not as long as it says")
    return bytes(made)


def _copied(delta: bytes, at: int, order: int) -> tuple[int, int, int]:
    """Start and length of what is copied, and the place after both."""
    values = []
    for bits in (range(4), range(4, 7)):
        value = 0
        for index, bit in enumerate(bits):
            if order >> bit & 1:
                value |= delta[at] << 8 * index
                at += 1
        values.append(value)
    return values[0], values[1] or 0x10000, at


def _entry_at(buffer: bytearray, place: int) -> tuple[Entry, int] | None:
    """The header at the buffer's start and its length; None where more bytes are needed."""
    try:
        first = buffer[0]
        kind, size, at = first >> 4 & 7, first & 15, 1
        if first & 0x80:
            more, at = _number(buffer, 1)
            size |= more << 4
        if kind in KINDS:
            return Entry(place, kind, size), at
        if kind == _REF_DELTA:
            _ = buffer[at + _OID_BYTES - 1]
            return Entry(place, 0, size, bytes(buffer[at : at + _OID_BYTES])), at + _OID_BYTES
        if kind == _OFS_DELTA:
            back, at = _offset(buffer, at)
            return Entry(place, 0, size, place - back), at
    except IndexError:
        if len(buffer) > 2 * _LONGEST_NUMBER + _OID_BYTES:
            raise PackError("an object in it has no proper beginning") from None
        return None
    raise PackError("an object in it is of no kind that is known")


def _number(buffer: bytes | bytearray, at: int) -> tuple[int, int]:
    """Seven bits a byte, the lowest first, and the place after them."""
    value = 0
    for index in range(_LONGEST_NUMBER):
        byte = buffer[at + index]
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, at + index + 1
    raise PackError("a number in it has no end")


def _offset(buffer: bytearray, at: int) -> tuple[int, int]:
    """How far back a delta's base is, and the place after it."""
    value = -1
    for index in range(_LONGEST_NUMBER):
        byte = buffer[at + index]
        value = (value + 1) << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at + index + 1
    raise PackError("a number in it has no end")
