"""Would catch an ONNX file whose inputs or outputs are misread, or one that is read for ever."""

import tracemalloc
from io import BytesIO
from pathlib import Path

import pytest
from crossfade.api.v1alpha1.facts import Signature
from crossfade.observe.formats.inspection import Inspection
from crossfade.observe.formats.onnx import interface
from crossfade.observe.formats.stream import BrokenError, Budget, SpentError, Stream
from hypothesis import given
from hypothesis import strategies as st

FILES = Path(__file__).parent / "files"
ALL_KINDS = (FILES / "interface.onnx").read_bytes()
PLAIN = (FILES / "model.onnx").read_bytes()


def number(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80]) + number(value >> 7) if value > 0x7F else bytes([value])


def part(field: int, content: bytes) -> bytes:
    return number(field << 3 | 2) + number(len(content)) + content


NAMED = part(1, b"x")
TENSOR = part(2, part(1, b"\x08\x01"))


class Nowhere(BytesIO):
    """Takes bytes and holds none of them."""

    def write(self, piece: bytes) -> int:  # type: ignore[override]
        return len(piece)


def written(inspection: Inspection, path: str, content: bytes, piece_bytes: int = 1 << 20) -> None:
    file = inspection.create(path, len(content), Nowhere())
    for at in range(0, len(content), piece_bytes):
        file.write(content[at : at + piece_bytes])
    file.close()


def signature(*files: bytes, piece_bytes: int = 1 << 20) -> Signature | None:
    inspection = Inspection()
    for number, content in enumerate(files):
        written(inspection, f"{number}.onnx", content, piece_bytes)
    assert inspection.result().pickle == "None"
    return inspection.signature()


@pytest.mark.parametrize("piece_bytes", [1, 7, 1 << 20])
def test_what_onnx_itself_writes(piece_bytes: int) -> None:
    found = signature(ALL_KINDS, piece_bytes=piece_bytes)
    assert found is not None
    assert [(one.name, one.type, one.shape, one.presence) for one in found.inputs] == [
        ("pixels", "float", "[-1, 3, -1, 4]", "Required"),
        ("city", "string", None, "Required"),
        ("weight", "double", "[2, 3]", "Optional"),
    ]
    assert [(one.name, one.type, one.shape) for one in found.outputs] == [
        ("label", "int64", "[]"),
        ("probabilities", "sequence<map<int64,float>>", None),
        ("maybe", "optional<bool>", "[1]"),
    ]
    assert (found.origin, found.parameters, found.digest) == ("Artifact", [], None)


def test_files_that_say_different_things_say_nothing_together() -> None:
    assert signature(PLAIN, PLAIN) == signature(PLAIN)
    assert signature(PLAIN, ALL_KINDS) is None
    assert signature(PLAIN, b"\x08\x0e" + part(7, part(11, NAMED)[:-1])) is None
    assert signature() is None
    assert signature(*[PLAIN] * 129) is None


def test_what_is_beside_other_models_does_not_speak_for_them() -> None:
    inspection = Inspection()
    written(inspection, "artifacts/tokenizer.onnx", PLAIN)
    written(inspection, "README.md", b"what it is")
    assert inspection.signature() == signature(PLAIN)
    written(inspection, "python_model.pkl", b"\x80\x04N.")
    assert inspection.signature() is None


def test_a_file_that_begins_again_counts_as_it_came_at_last() -> None:
    inspection = Inspection()
    written(inspection, "model.onnx", ALL_KINDS)
    inspection.remove("model.onnx")
    written(inspection, "model.onnx", PLAIN)
    assert inspection.signature() == signature(PLAIN)


def read(content: bytes, budget: Budget | None = None) -> Signature | None:
    stream = Stream()
    stream.give(content)
    stream.ended = True
    pull = interface(stream, budget or Budget(1000))
    try:
        next(pull)
    except StopIteration as done:
        found: Signature | None = done.value
        return found
    raise AssertionError("it wants more than there is")


@pytest.mark.parametrize(
    "graph",
    [
        part(11, NAMED)[:-1],
        number(11 << 3 | 2) + number(1 << 40),
        part(11, b"x" * (1 << 17)),
        part(5, part(8, b"x" * 5000)),
        number(11 << 3 | 3),
        b"\xff" * 11,
        part(5, number(8 << 3 | 2) + number(2) + b"x"),
    ],
)
def test_what_is_no_graph_is_given_up(graph: bytes) -> None:
    with pytest.raises(BrokenError):
        read(part(7, graph + part(12, NAMED + TENSOR)))


def test_reading_ends_after_so_many_fields_however_small_they_are() -> None:
    with pytest.raises(SpentError):
        read(part(7, b"\x08\x00" * 5000 + part(11, NAMED)))


def test_numbers_cost_by_their_bytes() -> None:
    wide = b"\x88" + b"\x80" * 8 + b"\x00" + b"\x80" * 9 + b"\x01"
    assert read(part(7, wide * 20 + part(11, NAMED))) is not None
    with pytest.raises(SpentError):
        read(part(7, wide * 60 + part(11, NAMED)))


@pytest.mark.parametrize(
    "one", [part(11, part(1, b"\xf0\x9f\x98\x80" + b"\xff" * 60_000)), part(5, part(8, b"%04d" + b"x" * 4000))]
)
def test_whatever_a_file_says_little_of_it_is_held(one: bytes) -> None:
    many = b"".join(one.replace(b"%04d", b"%04d" % count) for count in range((32 << 20) // len(one)))
    content = b"\x08\x0e" + part(7, many)
    tracemalloc.start()
    try:
        assert signature(content, piece_bytes=1 << 16) is None
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 << 20


@pytest.mark.parametrize("holder", [1, 4, 5, 8, 9])
def test_the_shape_of_what_is_in_others_is_one_too(holder: int) -> None:
    def of(size: int) -> Signature | None:
        tensor = b"\x08\x01" + part(2, part(1, number(1 << 3) + number(size)))
        inner = tensor if holder in (1, 8) else b"\x08\x07" * (holder == 5) + part(1 + (holder == 5), part(1, tensor))
        denotation = part(6, b"IMAGE")
        return read(part(7, part(11, NAMED + part(2, denotation + part(holder, inner)))))

    found = of(3)
    assert found is not None
    assert found.inputs[0].shape == "[3]"
    assert found != of(4)


def test_elements_that_are_said_to_be_none_are_not_said() -> None:
    found = read(part(7, part(11, NAMED + part(2, part(1, b"\x08\x00")))))
    assert found is not None
    assert found.inputs[0].type is None


def test_types_that_are_in_one_another_without_end_are_not_said() -> None:
    kind = part(1, b"\x08\x01")
    for _ in range(200):
        kind = part(4, part(1, kind))
    found = read(part(7, part(11, NAMED + part(2, kind))))
    assert found is not None
    assert found.inputs[0].type is None


@given(st.binary(max_size=60), st.integers(0, len(ALL_KINDS)), st.integers(0, 60))
def test_whatever_the_bytes_are_it_comes_to_an_end(junk: bytes, at: int, instead: int) -> None:
    """No other exception than BrokenError: any other would count as a fault of ours, and against the file."""
    for content in (junk, part(7, junk), part(7, part(11, junk)), ALL_KINDS[:at] + junk + ALL_KINDS[at + instead :]):
        try:
            read(content)
        except BrokenError:
            continue
