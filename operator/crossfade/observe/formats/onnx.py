"""What goes into an ONNX file and what comes out: its graph's inputs and outputs, read while the file streams by.

Weights and nodes are passed over. Fields are numbered as in onnx.proto.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from crossfade.api.v1alpha1.facts import Signature
from crossfade.observe.formats.stream import BrokenError, Budget, Pull, Stream, T
from crossfade.observe.signatures import signature

_VARINT, _BYTES = 0, 2
_FIXED: Final = {1: 8, 5: 4}
_GRAPH: Final = 7
_INITIALIZER, _INPUT, _OUTPUT = 5, 11, 12
_TENSOR_NAME: Final = 8
_LONGEST_NAME: Final = 4096
_LONGEST_COLUMN: Final = 1 << 16
_MOST_COLUMNS: Final = 4096
_MOST_INITIALIZERS: Final = 16_384
_MOST_HELD: Final = 1 << 20
"""Bytes of inputs, outputs and names of weights."""
_DEEPEST: Final = 16
_SIGNED: Final = 1 << 63
_TENSOR, _SEQUENCE, _MAP, _SPARSE, _OPTIONAL = 1, 4, 5, 8, 9
_TENSORS: Final = (_TENSOR, _SPARSE)
_HELD: Final = {_SEQUENCE: 1, _MAP: 2, _OPTIONAL: 1}
"""Where types that hold others say of which type these are."""
_HOLDERS: Final = {_SEQUENCE: "sequence", _OPTIONAL: "optional"}
_ELEMENTS: Final = dict(
    enumerate(
        [
            *("float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "double"),
            *("uint32", "uint64", "complex64", "complex128", "bfloat16"),
        ],
        start=1,
    )
)
Column = dict[str, Any]


@dataclass(slots=True)
class _Graph:
    inputs: list[Column] = field(default_factory=list)
    outputs: list[Column] = field(default_factory=list)
    initializers: set[bytes] = field(default_factory=set)
    _held: int = 0

    def hold(self, size: int) -> None:
        """So many bytes more are to be held. Raises BrokenError where there is no room for them."""
        self._held += size
        if self._held > _MOST_HELD:
            raise BrokenError("has longer names and types than are read")


def interface(stream: Stream, budget: Budget) -> Pull[Signature | None]:
    """The signature of the file; None where it says nothing. Raises BrokenError where the bytes are no ONNX, or more
    than is worth reading."""
    graph = _Graph()
    while (yield from stream.more()):
        number, form, size = yield from _tag(stream, budget)
        if (number, form) == (_GRAPH, _BYTES):
            yield from _graph(stream, budget, size, graph)
        else:
            yield from stream.skip(size)
    for one in graph.inputs:  # older files list their weights among the inputs
        one["presence"] = "Optional" if one["name"].encode() in graph.initializers else "Required"
    return signature(inputs=graph.inputs, outputs=graph.outputs, parameters=[])


def _graph(stream: Stream, budget: Budget, size: int, graph: _Graph) -> Pull[None]:
    columns = {_INPUT: graph.inputs, _OUTPUT: graph.outputs}
    end = stream.position + size
    while stream.position < end:
        number, form, length = yield from _tag(stream, budget)
        if form == _BYTES and number in columns:
            if length > _LONGEST_COLUMN or len(columns[number]) >= _MOST_COLUMNS:
                raise BrokenError("has more inputs or outputs than are read")
            graph.hold(length)
            columns[number].append(_column((yield from stream.take(length)), budget))
        elif form == _BYTES and number == _INITIALIZER:
            yield from _initializer(stream, budget, length, graph)
        else:
            yield from stream.skip(length)
    _end_at(stream, end)


def _initializer(stream: Stream, budget: Budget, size: int, graph: _Graph) -> Pull[None]:
    end = stream.position + size
    while stream.position < end:
        number, form, length = yield from _tag(stream, budget)
        if (number, form) == (_TENSOR_NAME, _BYTES):
            if length > _LONGEST_NAME or len(graph.initializers) >= _MOST_INITIALIZERS:
                raise BrokenError("has more weights than are read")
            graph.hold(length)
            graph.initializers.add((yield from stream.take(length)))
        else:
            yield from stream.skip(length)
    _end_at(stream, end)


def _end_at(stream: Stream, end: int) -> None:
    if stream.position != end:
        raise BrokenError("has a field that is longer than what it is in")


def _tag(stream: Stream, budget: Budget) -> Pull[tuple[int, int, int]]:
    """Number and form of the next field, and how many bytes of it are to come."""
    tag = yield from _varint(stream, budget)
    form = tag & 7
    if form == _VARINT:
        yield from _varint(stream, budget)
        return tag >> 3, form, 0
    if form == _BYTES:
        return tag >> 3, form, (yield from _varint(stream, budget))
    return tag >> 3, form, _fixed(form)


def _fixed(form: int) -> int:
    if form not in _FIXED:
        raise BrokenError("has a field of a form that protobuf does not know")
    return _FIXED[form]


def _varint(stream: Stream, budget: Budget) -> Pull[int]:
    value = 0
    for place in range(10):
        budget.spend()
        (byte,) = yield from stream.take(1)
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value
    raise BrokenError("has a number without an end")


# what is held: one input or output


def _column(content: bytes, budget: Budget) -> Column:
    """A ValueInfoProto."""
    name, kind, shape = "", None, None
    for number, value in _fields(content, budget):
        if number == 1 and isinstance(value, bytes):
            name = value.decode("utf-8", "replace")
        elif number == 2 and isinstance(value, bytes):
            kind, shape = _spelled(value, budget, 0), _shape(value, budget, 0)
    return {"name": name, "type": kind, "shape": shape, "presence": "Required"}


def _spelled(content: bytes, budget: Budget, depth: int) -> str | None:
    """A TypeProto: a tensor's elements, or what holds others with what it holds; None where that is not said."""
    if depth >= _DEEPEST:
        return None
    number, inside = _kind(content, budget)
    said = inside.get(1)
    if number in _TENSORS:
        element = _ELEMENTS.get(said, f"type{said}") if isinstance(said, int) and said else None
        return f"sparse<{element}>" if element and number == _SPARSE else element
    held = inside.get(_HELD[number]) if number in _HELD else None
    inner = _spelled(held, budget, depth + 1) if isinstance(held, bytes) else None
    if inner is None:
        return None
    if number in _HOLDERS:
        return f"{_HOLDERS[number]}<{inner}>"
    return f"map<{_ELEMENTS.get(said, said)},{inner}>" if isinstance(said, int) and said else None


def _shape(content: bytes, budget: Budget, depth: int) -> str | None:
    """Of a tensor, or of those that are held: `-1` for sizes that are open, whatever they are called; None of any
    rank."""
    number, inside = _kind(content, budget)
    held = inside.get(_HELD[number]) if number in _HELD and depth < _DEEPEST else None
    if isinstance(held, bytes):
        return _shape(held, budget, depth + 1)
    shape = inside.get(2) if number in _TENSORS else None
    if not isinstance(shape, bytes):
        return None
    sizes = [_size(one, budget) for number, one in _fields(shape, budget) if number == 1 and isinstance(one, bytes)]
    return f"[{', '.join(str(size) for size in sizes)}]"


def _kind(content: bytes, budget: Budget) -> tuple[int, dict[int, int | bytes]]:
    """Which kind of type it is, by its field, and what is said of it."""
    for number, value in _fields(content, budget):
        if isinstance(value, bytes) and (number in _TENSORS or number in _HELD):
            return number, dict(_fields(value, budget))
    return 0, {}


def _size(dimension: bytes, budget: Budget) -> int:
    value = dict(_fields(dimension, budget)).get(1)
    return value if isinstance(value, int) and value < _SIGNED else -1


def _fields(content: bytes, budget: Budget) -> Iterator[tuple[int, int | bytes]]:
    """Numbers with their values, of those that are numbers or bytes. Raises BrokenError."""
    stream = Stream()
    stream.give(content)
    stream.ended = True
    while stream.at < len(content):
        tag = _now(_varint(stream, budget))
        number, form = tag >> 3, tag & 7
        if form == _VARINT:
            yield number, _now(_varint(stream, budget))
        elif form == _BYTES:
            yield number, _now(stream.take(_now(_varint(stream, budget))))
        else:
            _now(stream.skip(_fixed(form)))


def _now(pull: Pull[T]) -> T:
    """What comes of reading when all is there."""
    try:
        next(pull)
    except StopIteration as done:
        found: T = done.value
        return found
    raise BrokenError("ends in the middle")
