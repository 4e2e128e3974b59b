"""Would catch a pickle that hangs the operator, takes its memory, or hides imports that an unpickler does."""

import bz2
import gzip
import io
import itertools
import pickle
import random
import struct
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from crossfade.observe.formats.findings import Findings
from crossfade.observe.formats.inspection import Inspection
from crossfade.observe.formats.pickles import Pickles
from crossfade.observe.formats.stream import Budget
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.observe.formats.looked import looked_at
from tests.unit.observe.formats.malicious import corpus, short

MOST_BYTES = 48 << 20
STEPS = 50_000


def read(content: bytes, steps: int = STEPS) -> Findings:
    pickles = Pickles(Budget(steps))
    pickles.feed(content)
    pickles.finish()
    return pickles.findings


class Harmless:
    """What an unpickler gets for everything that it imports."""

    def __new__(cls, *_: Any, **__: Any) -> "Harmless":
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass

    def extend(self, values: Any) -> None:
        pass

    def add(self, value: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


def _recording(base: type[Any]) -> type[Any]:
    class Recording(base):  # type: ignore[misc]
        def __init__(self, content: bytes) -> None:
            super().__init__(io.BytesIO(content))
            self.found: list[str] = []

        def find_class(self, module: str, name: str) -> type[Harmless]:
            self.found.append(f"{module}.{name}")
            return Harmless

        def persistent_load(self, _: Any) -> None:
            return None

    return Recording


UNPICKLERS = [_recording(pickle.Unpickler), _recording(pickle._Unpickler)]
PARTS = [
    *(
        b"(",
        b"0",
        b"1",
        b"2",
        b"N",
        b"\x88",
        b"\x89",
        b")",
        b"]",
        b"}",
        b"\x8f",
        b"t",
        b"l",
        b"d",
        b"a",
        b"e",
        b"s",
        b"u",
    ),
    *(b"\x85", b"\x86", b"\x87", b"\x90", b"\x91", b"\x93", b"\x94", b"R", b"b", b"o", b"\x81", b"\x92", b"Q", b"\x98"),
    *(b"cos\nsystem\n", b"ios\nsystem\n", b"cnumpy\ndtype\n", b"K\x01", b"M\x01\x02", b"J\xff\xff\xff\xff", b"I01\n"),
    *(
        short("os"),
        short("system"),
        short("numpy"),
        b"Vos\n",
        b"S'eval'\n",
        b"U\x02os",
        b"X\x02\x00\x00\x00nt",
        b"C\x02os",
    ),
    *(
        b"q\x00",
        b"q\x01",
        b"q\x07",
        b"r\xff\x00\x00\x00",
        b"p2\n",
        b"h\x00",
        b"h\x01",
        b"h\x07",
        b"g2\n",
        b"j\xff\x00\x00\x00",
    ),
    *(b"\x8a\x02\x01\x02", b"L5L\n", b"F1.5\n", b"G12345678", b"Pid\n", b"\x80\x04", b"\x80\x02", b"\x8e" + bytes(8)),
]


@settings(max_examples=1500)
@given(st.lists(st.sampled_from(PARTS), max_size=40).map(b"".join))
def test_no_unpickler_imports_what_is_not_told(content: bytes) -> None:
    told = read(content)
    names = {*told.known, *told.unknown}
    for unpickler in UNPICKLERS:
        one = unpickler(content)
        with suppress(Exception):
            one.load()
        assert set(one.found) <= names or "?.?" in names, one.found


def walk(seed: int) -> bytes:
    """Opcodes that Python's own unpickler takes, one after the other."""
    source, content = random.Random(seed), b"\x80\x04"
    for _ in range(80):
        longer = content + source.choice(PARTS)
        try:
            UNPICKLERS[1](longer).load()
        except EOFError:
            content = longer
        except Exception:
            continue
    return content


def test_long_walks_import_what_is_told() -> None:
    imported = 0
    for seed in range(400):
        content = walk(seed)
        told = read(content)
        for unpickler in UNPICKLERS:
            one = unpickler(content)
            with suppress(Exception):
                one.load()
            imported += len(one.found)
            assert set(one.found) <= {*told.known, *told.unknown}, content
        assert told.problem == "ends in the middle", (content, told.problem)
    assert imported > 1000, "the walks are too short to tell anything"


@settings(max_examples=400)
@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_looked_at_alike_in_any_pieces(content: bytes, piece_bytes: int) -> None:
    assert looked_at(content, "a.bin", piece_bytes) == looked_at(content, "a.bin")


BEGINNINGS = [
    b"PK\x03\x04",
    b"\x93NUMPY\x01\x00",
    b"\x1f\x8b\x08",
    b"BZh9",
    b"\xfd7zXZ\x00",
    b"x\x9c",
    b"]\x00\x00",
    b"\x80\x04",
    b"GGUF",
]


@settings(max_examples=400)
@given(st.sampled_from(BEGINNINGS), st.binary(max_size=300), st.sampled_from(["a.pkl", "config.json", "a.h5", "a"]))
def test_no_bytes_crash_it(beginning: bytes, rest: bytes, path: str) -> None:
    assert looked_at(beginning + rest, path).origin == "Artifact"


@settings(max_examples=300)
@given(st.sampled_from(sorted(corpus("x"))), st.data())
def test_a_damaged_one_is_never_taken_for_a_good_one(name: str, data: st.DataObject) -> None:
    content, _ = corpus("/nowhere")[name]
    cut = data.draw(st.integers(2, len(content)))
    found = looked_at(content[:cut])
    assert found.pickle in ("Unsafe", "Unreadable") or pickle_ends(content[:cut]), found


def pickle_ends(content: bytes) -> bool:
    """Whether the first pickle of two is there in whole, and no more."""
    return content == pickle.dumps(1)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x80\x04" + b"(" * 1_000_000, "piles up"),
        (b"\x80\x04" + b"]" * 1_000_000, "piles up"),
        (b"\x80\x04" + b"N0" * 1_000_000, "takes more than"),
        (b"\x80\x04N" + b"0N" * 1_000_000, "takes more than"),
        (b"\x80\x04" + b"}" + b"}s" * 10, "where there is none"),
        (b"\x80\x04" + b"cnumpy\ndtype\n0" * 100_000, "takes more than"),
        (
            b"\x80\x04" + b"".join(b"Nr" + struct.pack("<I", 2 * n + 5) + b"0" for n in range(16_000)) + b"N.",
            "remembers",
        ),
        (b"\x80\x04S'" + b"x" * 5_000_000, "without an end"),
        (b"\x80\x04c" + b"x" * 5_000_000 + b"\nx\n.", "cannot be a name"),
        (b"\x80\x04\x8e" + b"\xff" * 8, "ends in the middle"),
        (b"\x80\x04T\xff\xff\xff\xff", "negative"),
    ],
)
def test_bombs_end_soon_in_little_memory(content: bytes, says: str) -> None:
    tracemalloc.start()
    try:
        found = read(content)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not found.finished
    assert says in (found.problem or "")
    assert most < MOST_BYTES


@pytest.mark.slow
def test_what_is_remembered_is_bounded() -> None:
    texts = (short(f"{n:0>250}") + b"\x94" for n in itertools.count())
    tuples = b"(" + b"".join(short("y" * 60) for _ in range(16)) + b"t\x94"
    for many in (b"".join(itertools.islice(texts, 12_000)), tuples * 12_000, b"}\x94" * 40_000):
        tracemalloc.start()
        try:
            read(b"\x80\x04" + many, 1_000_000)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < MOST_BYTES


def test_what_was_forgotten_is_told_as_not_known() -> None:
    many = b"".join(short(str(n)) + b"\x940" for n in range(9000))
    found = read(
        b"\x80\x04" + many + short("os") + b"\x940" + short("system") + b"j" + struct.pack("<I", 9000) + b"2\x93R."
    )
    assert "?.?" in found.unknown


def test_packed_bombs_are_refused_before_they_unpack() -> None:
    content = bytes(100 << 20)
    for bomb in (
        gzip.compress(b"\x80\x04B\xff\xff\xff\x7f" + content),
        bz2.compress(b"\x80\x04B\xff\xff\xff\x7f" + content),
    ):
        found = looked_at(bomb, "model.joblib")
        assert found.pickle == "Unreadable"
        assert "times its size" in found.suspects["model.joblib"]


def test_a_pack_in_a_pack_in_a_pack_ends() -> None:
    content = corpus("x")["a call of protocol 0"][0]
    for _ in range(6):
        content = gzip.compress(content)
    assert looked_at(content, "m.joblib").pickle == "Unreadable"


def test_many_ways_to_read_are_too_many() -> None:
    one = b"\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(" + short("shape") + b"K\x06\x85" + short("dtype")
    one += b"cnumpy\ndtype\n" + short("i1") + b"\x89\x88\x87R" + b"ubB\xff\xff\xff\x7f0"
    assert "ways" in (read(one.replace(b"\x80\x04", b"") * 200, 10_000_000).problem or "")


def test_large_bytes_are_passed_over_in_pieces() -> None:
    pickles = Pickles(Budget(100))
    pickles.feed(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 30))
    for _ in range(1024):
        pickles.feed(bytes(1 << 20))
    pickles.feed(b".")
    pickles.finish()
    assert pickles.findings.finished


def test_random_weights_are_hardly_ever_taken_for_pickles() -> None:
    source = random.Random(7)
    taken = sum(looked_at(source.randbytes(512), "weights.bin").pickle != "None" for _ in range(2000))
    assert taken <= 2


@pytest.mark.slow
def test_very_many_suspects_take_little_memory() -> None:
    names = b"".join(b"c" + b"m" * 150 + b"\nf%d\n0" % n for n in range(64))
    inspection = Inspection()
    tracemalloc.start()
    try:
        for number in range(2000):
            file = inspection.create(f"{number}.pkl", 100, io.BytesIO())
            file.write(names + b"N.")
            file.close()
        found = inspection.result()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.pickle, len(found.suspects)) == ("Unsafe", 128)
    assert all("import mmm" in sentence for sentence in found.suspects.values())
    assert most < MOST_BYTES
