"""The opcodes of pickles, and how long the argument of each is, by the standard library's own table."""

import pickletools
import struct
from typing import Final

from crossfade.observe.formats.stream import BrokenError, Pull, Stream
from crossfade.observe.formats.values import MOST_TEXT

NAMES: Final = {ord(op.code): op.name for op in pickletools.opcodes}
_LENGTHS: Final = {
    pickletools.TAKEN_FROM_ARGUMENT1: "<B",
    pickletools.TAKEN_FROM_ARGUMENT4: "<i",
    pickletools.TAKEN_FROM_ARGUMENT4U: "<I",
    pickletools.TAKEN_FROM_ARGUMENT8U: "<Q",
}
_SIZES: Final = {ord(op.code): op.arg.n if op.arg is not None else 0 for op in pickletools.opcodes}
_TWO_LINES: Final = frozenset(b"ci")
_MOST_KEPT: Final = 4 * MOST_TEXT
"""Bytes of an argument that is kept: as many as a text of the letters that are kept can have."""


def argument(stream: Stream, code: int) -> Pull[bytes | None]:
    """The bytes of the opcode's argument, None when they are too many to matter. Two lines come as one, with the break
    between them."""
    size = _SIZES[code]
    if size >= 0:
        return (yield from stream.take(size)) if size else b""
    if size == pickletools.UP_TO_NEWLINE:
        first = yield from stream.line()
        if code not in _TWO_LINES:
            return first
        second = yield from stream.line()
        return None if first is None or second is None else first + b"\n" + second
    form = _LENGTHS[size]
    (count,) = struct.unpack(form, (yield from stream.take(struct.calcsize(form))))
    if count < 0:
        raise BrokenError("has something of a negative length")
    if count <= _MOST_KEPT:
        return (yield from stream.take(count))
    yield from stream.skip(count)
    return None
