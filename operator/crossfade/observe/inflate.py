"""Packed bytes in, plain bytes out, in pieces: nothing that comes out is held, however much it is."""

import zlib
from collections.abc import Callable
from typing import IO, Final, Protocol, cast

from crossfade.ports import Packing

_PIECE_BYTES: Final = 1 << 18
_GZIP: Final = 31
"""zlib's number for a gzip header and a window of 32 KiB."""
_MOST_WINDOW: Final = 8 << 20
"""What every reader of Zstandard should have room for (RFC 8878, 3.1.1.1.2)."""

Sink = Callable[[bytes], object]


class Inflater(Protocol):
    """Packed bytes in; ValueError says that they are damaged."""

    def feed(self, piece: bytes) -> None:
        """The next packed bytes."""

    def finish(self) -> None:
        """No more will come."""


def inflater(packing: Packing, sink: Sink) -> Inflater:
    """One for this packing."""
    makers: dict[Packing, Callable[[Sink], Inflater]] = {"tar": _Plain, "tar+gzip": _Gzip, "tar+zstd": _Zstd}
    return makers[packing](sink)


class _Plain:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def feed(self, piece: bytes) -> None:
        self._sink(piece)

    def finish(self) -> None:
        pass


class _Gzip:
    """Gzip of one or many members, as parallel packers write it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False

    def feed(self, piece: bytes) -> None:
        try:
            full = False
            while piece or full:
                if self._member.eof:
                    self._member = zlib.decompressobj(_GZIP)
                self._begun = True
                plain = self._member.decompress(piece, _PIECE_BYTES)
                self._sink(plain)
                full = len(plain) == _PIECE_BYTES and not self._member.eof
                piece = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        except zlib.error:
            raise ValueError("it is no gzip, or a damaged one") from None

    def finish(self) -> None:
        if self._begun and not self._member.eof:
            raise ValueError("its gzip ends too early")


class _Zstd:
    def __init__(self, sink: Sink) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        decompressor = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW)
        self._writer = decompressor.stream_writer(
            cast("IO[bytes]", _Written(sink)), write_size=_PIECE_BYTES, closefd=False
        )

    def feed(self, piece: bytes) -> None:
        try:
            self._writer.write(piece)
        except self._error:
            raise ValueError("it is no Zstandard, a damaged one, or one with a window of more than 8 MiB") from None

    def finish(self) -> None:
        pass


class _Written:
    """A file to write to, as the library wants one."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, piece: bytes) -> int:
        self._sink(piece)
        return len(piece)
