"""A ledger as text for status and back, bit for bit: whoever goes on from it decides as if nothing had happened.

`m1.` or `t1.` (what it is of, and the version of its form), then base 85 of zlib of: how many long floats there are,
those byte by byte (all first bytes, all second ones, …: what they share compresses), and the rest as JSON, in which a
long float is `{}`. The checksum of zlib tells damage. Base 85 is RFC 1924's, but for what JSON writers escape.
"""

import json
import struct
import zlib
from base64 import b85decode, b85encode
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from crossfade.model.ledger import Calm, MetricLedger, Stratum, Totals, TrafficLedger

LONGEST = 4096
"""Characters that status has room for, a metric."""
_METRIC, _TRAFFIC = "m1.", "t1."
_FLOAT: dict[str, Any] = {}
_SHORT = 8
"""Characters up to which a float takes less room as decimals."""
_WRITTEN = str.maketrans("<>&", ".,:")
_READ = str.maketrans(".,:<>&", "<>&   ")
_LARGEST = 1 << 20
"""Bytes that a checkpoint may unpack to: far more than any ledger, far less than what a bomb would."""


def encode(ledger: MetricLedger) -> str:
    """A metric's ledger as printable ASCII; empty if it is longer than `LONGEST`, as with a hundred late pods."""
    text = _METRIC + _packed(ledger)
    return text if len(text) <= LONGEST else ""


def decode(text: str) -> MetricLedger:
    """The ledger that was encoded. Raises ValueError with a sentence for anything else."""
    values = _unpacked(text, _METRIC, MetricLedger)
    try:
        values["stable"], values["candidate"] = Totals(*values["stable"]), Totals(*values["candidate"])
        values["strata"] = tuple(Stratum(*stratum) for stratum in values["strata"])
        values["calm"] = Calm(*values["calm"])
    except TypeError as failure:
        raise ValueError(_damaged(text)) from failure
    return MetricLedger(**values)


def encode_traffic(ledger: TrafficLedger) -> str:
    """The traffic's ledger as printable ASCII."""
    return _TRAFFIC + _packed(ledger)


def decode_traffic(text: str) -> TrafficLedger:
    """The ledger that was encoded. Raises ValueError with a sentence for anything else."""
    return TrafficLedger(**_unpacked(text, _TRAFFIC, TrafficLedger))


def _packed(ledger: MetricLedger | TrafficLedger) -> str:
    floats: list[float] = []
    rest = json.dumps(_plain(ledger, floats), separators=(",", ":")).encode()
    raw = struct.pack(f"<{len(floats)}d", *floats)
    planes = b"".join(raw[place::8] for place in range(8))
    packed = zlib.compress(struct.pack("<I", len(floats)) + planes + rest, 9)
    return b85encode(packed).decode().translate(_WRITTEN)


def _plain(value: Any, floats: list[float]) -> Any:
    """The value as JSON can hold it; its long floats are moved to `floats`, in order."""
    if isinstance(value, float):
        if len(repr(value)) <= _SHORT:
            return value
        floats.append(value)
        return _FLOAT
    if isinstance(value, tuple):
        return [_plain(one, floats) for one in value]
    if isinstance(value, int | str | None):
        return value
    return [_plain(getattr(value, one.name), floats) for one in fields(value)]


def _unpacked(text: str, form: str, kind: type[MetricLedger | TrafficLedger]) -> dict[str, Any]:
    """The fields by name."""
    if not text.startswith(form):
        raise ValueError(
            f"a checkpoint must begin with {form!r}, not {text[: len(form)]!r}: it is of another version, or of "
            "something else"
        )
    try:
        packed = zlib.decompressobj()
        content = packed.decompress(b85decode(text[len(form) :].translate(_READ)), _LARGEST)
        _complete(packed)
        (count,) = struct.unpack_from("<I", content)
        rest = 4 + 8 * count
        raw = bytearray(8 * count)
        for place in range(8):
            raw[place::8] = content[4 + place * count : 4 + (place + 1) * count]
        values = _value(json.loads(content[rest:]), iter(struct.unpack(f"<{count}d", raw)))
        return dict(zip((one.name for one in fields(kind)), values, strict=True))
    except (zlib.error, struct.error, StopIteration, ValueError, TypeError, RecursionError) as failure:
        raise ValueError(_damaged(text)) from failure


def _complete(packed: "zlib._Decompress") -> None:
    """Raise ValueError when its end is missing, or is not the end."""
    if not packed.eof or packed.unused_data:
        raise ValueError


def _value(plain: Any, floats: Iterator[float]) -> Any:
    if plain == _FLOAT:
        return next(floats)
    return tuple([_value(one, floats) for one in plain]) if isinstance(plain, list) else plain


def _damaged(text: str) -> str:
    return (
        f"a checkpoint of {len(text)} characters is damaged and cannot be gone on from; evidence must be gathered anew"
    )
