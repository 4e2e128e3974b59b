"""Files that are packed as a whole, as joblib does it, unpacked in pieces."""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Final

from crossfade.observe.formats.stream import BrokenError, Pull, Stream

_PIECE_BYTES: Final = 1 << 18
_FREE_BYTES: Final = 64 << 20
_MOST_RATIO: Final = 200
_MOST_MEMORY: Final = 128 << 20
"""What lzma may take for its window; its strongest preset takes 65 MiB."""


class _Zlib:
    """zlib's decompressor, with the manners of the other two."""

    def __init__(self, window: int) -> None:
        self._inner = zlib.decompressobj(window)
        self._rest = b""

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._rest

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._inner.decompress(self._rest + data, max_length)
        self._rest = self._inner.unconsumed_tail
        return out


Make = Callable[[], _Zlib | bz2.BZ2Decompressor | lzma.LZMADecompressor]
_STRONG: Final[tuple[tuple[bytes, Make], ...]] = (
    (b"\x1f\x8b\x08", lambda: _Zlib(31)),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(memlimit=_MOST_MEMORY)),
)
CLOSED: Final = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd")
"""How files begin that are packed as it is not done here: 7z, RAR, LZ4, Zstandard."""


def unpacking(head: bytes) -> tuple[Make, bool] | None:
    """What unpacks a file that begins so, and whether it can be nothing else."""
    for magic, make in _STRONG:
        if head.startswith(magic):
            return make, True
    if len(head) > 1 and head[0] & 0x8F == 8 and (head[0] << 8 | head[1]) % 31 == 0:
        return lambda: _Zlib(15), False
    if head.startswith(b"\x5d\x00\x00"):
        return lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MOST_MEMORY), False
    return None


def unpack(stream: Stream, make: Make, take: Callable[[bytes], bool]) -> Pull[None]:
    """Give the plain bytes to `take`, while it returns that it wants more. Raises BrokenError."""
    packed = plain = 0
    while (yield from stream.more()):
        unpacker = make()
        while not unpacker.eof:
            part = b""
            if unpacker.needs_input:
                if not (yield from stream.more()):
                    raise BrokenError("ends in the middle")
                part = stream.piece[stream.at : stream.at + _PIECE_BYTES]
                stream.at += len(part)
                packed += len(part)
            try:
                out = unpacker.decompress(part, _PIECE_BYTES)
            except (zlib.error, lzma.LZMAError, OSError, EOFError):
                raise BrokenError("is packed, and cannot be unpacked") from None
            plain += len(out)
            if plain > _FREE_BYTES + _MOST_RATIO * packed:
                raise BrokenError(f"unpacks to more than {_MOST_RATIO} times its size")
            if not take(out):
                return
        stream.at -= len(unpacker.unused_data)
