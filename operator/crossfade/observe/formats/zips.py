"""A zip archive that comes in pieces, read from its front, and held against the directory at its end.

Readers of zips go by the directory. What is in front is what they will read only if both tell the same files at the
same places, so an archive in which they differ, as no program writes it, is not read.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable
from typing import Final, Protocol

from crossfade.observe.formats.stream import BrokenError, Pull, Stream

LOCAL: Final = b"PK\x03\x04"
_CENTRAL, _END, _END64, _LOCATOR = b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_SIZES: Final = b"PK\x07\x08"
_STORED, _DEFLATED = 0, 8
_ENCRYPTED: Final = 0x2041
_SIZES_FOLLOW: Final = 0x8
_ALL: Final = 0xFFFFFFFF
_PIECE_BYTES: Final = 1 << 18
_FREE_BYTES: Final = 64 << 20
_MOST_RATIO: Final = 200


TAIL_BYTES: Final = 22 + 0xFFFF
"""How far from a file's end a zip's end may begin."""


def ends_as_zip(tail: bytes) -> bool:
    """Whether a file with this end is one for those who look for an archive from there."""
    at = tail.rfind(_END)
    while at >= 0:
        if len(tail) - at >= 22 and struct.unpack_from("<H", tail, at + 20)[0] == len(tail) - at - 22:
            return True
        at = tail.rfind(_END, 0, at)
    return False


class Member(Protocol):
    """One file of the archive."""

    def feed(self, piece: bytes) -> None:
        """The next bytes of it, unpacked."""

    def finish(self) -> None:
        """No more will come."""


class Zip:
    """The files of an archive, each begun by `begin`, which is told its name."""

    def __init__(self, stream: Stream, begin: Callable[[str], Member]) -> None:
        self._stream = stream
        self._begin = begin
        self._front, self._directory = hashlib.sha256(), hashlib.sha256()
        self._count = self._listed = 0
        self._record: int | None = None

    def read(self) -> Pull[None]:
        """To the last byte. Raises BrokenError."""
        stream, directory = self._stream, None
        while True:
            place = stream.position
            sign = yield from stream.take(4)
            if sign == LOCAL and directory is None:
                yield from self._member(place)
            elif sign == _CENTRAL:
                directory = place if directory is None else directory
                yield from self._entry()
            elif sign in (_END64, _LOCATOR) and directory is not None:
                yield from self._long_end(sign, directory, place)
            elif sign == _END:
                yield from self._end(place if directory is None else directory)
                return
            else:
                raise BrokenError("is a zip archive with something between its files")

    def _member(self, place: int) -> Pull[None]:
        _, flags, method, _, _, _, packed, size, name_bytes, extra_bytes = struct.unpack(
            "<HHHHHIIIHH", (yield from self._stream.take(26))
        )
        name = yield from self._stream.take(name_bytes)
        packed, size, _ = _long(packed, size, 0, (yield from self._stream.take(extra_bytes)))
        _check(flags, method)
        member = self._begin(name.decode("utf-8", "replace"))
        if method == _STORED:
            if flags & _SIZES_FOLLOW:
                packed = yield from self._stored_to_sizes(member)
            else:
                yield from self._stored(member, packed)
        else:
            found = yield from self._deflated(member)
            if flags & _SIZES_FOLLOW:
                yield from self._sizes(found)
            elif found != packed:
                raise BrokenError("is a zip archive with a file of another size than it says")
            packed = found
        member.finish()
        self._count += 1
        self._front.update(struct.pack("<QQHI", place, packed, method, name_bytes) + name)

    def _stored(self, member: Member, left: int) -> Pull[None]:
        stream = self._stream
        while left:
            if not (yield from stream.more()):
                raise BrokenError("ends in the middle")
            part = stream.piece[stream.at : stream.at + left]
            stream.at += len(part)
            left -= len(part)
            member.feed(part)

    def _stored_to_sizes(self, member: Member) -> Pull[int]:
        """Up to where the sizes that follow are those of what was there, as PyTorch writes its files."""
        stream, count = self._stream, 0
        while True:
            found = stream.piece.find(_SIZES, stream.at)
            end = found if found >= 0 else len(stream.piece) - len(_SIZES) + 1
            if end > stream.at:
                member.feed(stream.piece[stream.at : end])
                count += end - stream.at
                stream.at = end
            if found < 0:
                if stream.ended:
                    raise BrokenError("ends in the middle")
                yield
                continue
            while len(stream.piece) - stream.at < 24 and not stream.ended:
                yield
            behind = stream.piece[stream.at : stream.at + 24]
            for form, length in (("<8xQQ", 24), ("<8xII", 16)):
                if len(behind) >= length and struct.unpack(form, behind[:length]) == (count, count):
                    stream.at += length
                    return count
            member.feed(behind[:1])
            count, stream.at = count + 1, stream.at + 1

    def _deflated(self, member: Member) -> Pull[int]:
        stream, unpacker = self._stream, zlib.decompressobj(-15)
        count = plain = 0
        while not unpacker.eof:
            if not (yield from stream.more()):
                raise BrokenError("ends in the middle")
            part = stream.piece[stream.at : stream.at + _PIECE_BYTES]
            try:
                out = unpacker.decompress(part, _PIECE_BYTES)
            except zlib.error:
                raise BrokenError("is a zip archive with a file that cannot be unpacked") from None
            used = len(part) - len(unpacker.unconsumed_tail) - len(unpacker.unused_data)
            stream.at += used
            count, plain = count + used, plain + len(out)
            if plain > _FREE_BYTES + _MOST_RATIO * count:
                raise BrokenError(f"unpacks to more than {_MOST_RATIO} times its size")
            member.feed(out)
            if not used and not out and not unpacker.eof:
                raise BrokenError("is a zip archive with a file that cannot be unpacked")
        return count

    def _sizes(self, packed: int) -> Pull[None]:
        first = yield from self._stream.take(4)
        if first == _SIZES:
            yield from self._stream.skip(4)
        (said,) = struct.unpack("<I", (yield from self._stream.take(4)))
        yield from self._stream.skip(4)
        if said != packed:
            raise BrokenError("is a zip archive with a file of another size than it says")
        following = yield from self._peek(8)
        if following[:2] != b"PK":  # sizes of eight bytes
            yield from self._stream.skip(8)

    def _peek(self, count: int) -> Pull[bytes]:
        stream = self._stream
        while len(stream.piece) - stream.at < count and not stream.ended:
            yield
        return stream.piece[stream.at : stream.at + count]

    def _entry(self) -> Pull[None]:
        """One entry of the directory."""
        _, _, flags, method, _, _, _, packed, size, name_bytes, extra_bytes, said_bytes, _, _, _, place = struct.unpack(
            "<HHHHHHIIIHHHHHII", (yield from self._stream.take(42))
        )
        name = yield from self._stream.take(name_bytes)
        extra = yield from self._stream.take(extra_bytes)
        said = yield from self._stream.take(said_bytes)
        _check(flags, method)
        if b"PK" in extra + said:
            raise BrokenError("is a zip archive with another one hidden in its directory")
        packed, _, place = _long(packed, size, place, extra)
        self._listed += 1
        self._directory.update(struct.pack("<QQHI", place, packed, method, name_bytes) + name)

    def _long_end(self, sign: bytes, directory: int, place: int) -> Pull[None]:
        """Where the directory is, in archives that may be large."""
        if sign == _LOCATOR:
            _, said, _ = struct.unpack("<IQI", (yield from self._stream.take(16)))
            if said != self._record:
                raise BrokenError("is a zip archive with its directory elsewhere than it says")
            return
        self._record = place
        (length,) = struct.unpack("<Q", (yield from self._stream.take(8)))
        if length != 44:
            raise BrokenError("is a zip archive with something between its files")
        *_, said = struct.unpack("<HHIIQQQQ", (yield from self._stream.take(44)))
        if said != directory:
            raise BrokenError("is a zip archive with its directory elsewhere than it says")

    def _end(self, directory: int) -> Pull[None]:
        _, _, _, count, _, said, comment_bytes = struct.unpack("<HHHHIIH", (yield from self._stream.take(18)))
        comment = yield from self._stream.take(comment_bytes)
        if said not in (directory, _ALL) or (count not in (self._listed, 0xFFFF)) or b"PK" in comment:
            raise BrokenError("is a zip archive with its directory elsewhere than it says")
        if self._listed != self._count or self._front.digest() != self._directory.digest():
            raise BrokenError("is a zip archive whose directory tells other files than are in it")
        if (yield from self._stream.more()):
            raise BrokenError("is a zip archive with something behind its end")


def _check(flags: int, method: int) -> None:
    if flags & _ENCRYPTED:
        raise BrokenError("is a zip archive with an encrypted file")
    if method not in (_STORED, _DEFLATED):
        raise BrokenError("is a zip archive with a file that is packed as few can unpack it")


def _long(packed: int, size: int, place: int, extra: bytes) -> tuple[int, int, int]:
    """The numbers of eight bytes that stand for those of four that are too small."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + length]
        at += 4 + length
        if kind != 1:
            continue
        numbers = [number for (number,) in struct.iter_unpack("<Q", field[: len(field) // 8 * 8])]
        if size == _ALL and numbers:
            size = numbers.pop(0)
        if packed == _ALL and numbers:
            packed = numbers.pop(0)
        if place == _ALL and numbers:
            place = numbers.pop(0)
    return packed, size, place
