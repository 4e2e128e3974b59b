"""Would catch a pickle that runs code and is not told for what it is, or that is run to be told."""

import gzip
import io
import pickle
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.unit.observe.formats.archives import torch_zip
from tests.unit.observe.formats.looked import looked_at
from tests.unit.observe.formats.malicious import ONLY_NAMED, corpus, short

NAMES = sorted(corpus(""))


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.mark.parametrize("name", NAMES)
def test_what_it_would_import_is_told_and_nothing_is_run(name: str, canary: Path) -> None:
    content, told = corpus(str(canary))[name]
    for path, piece_bytes in (("model.pkl", None), ("weights/anything", 1), ("model.pkl", 7)):
        found = looked_at(content, path, piece_bytes)
        assert (found.pickle, told in found.imports) == ("Unsafe", True), found
        assert told in found.suspects[path] or "more" in found.suspects[path]
    assert not canary.exists()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ONLY_NAMED])
def test_the_corpus_is_alive(name: str, canary: Path) -> None:
    content, _ = corpus(str(canary))[name]
    program = "import io, pickle, sys\nfile = io.BytesIO(sys.stdin.buffer.read())\nwhile True: pickle.load(file)\n"
    subprocess.run([sys.executable, "-c", program], input=content, check=False, capture_output=True)
    assert canary.exists()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_found_wherever_it_is_packed(name: str, canary: Path) -> None:
    content, told = corpus(str(canary))[name]
    objects = np.array([None], dtype=object)
    array = io.BytesIO()
    np.save(array, objects, allow_pickle=True)
    header = array.getvalue()[: array.getvalue().index(b"\n") + 1]
    deflated = io.BytesIO()
    with zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights.npy", header + content)
    packed = {
        "pytorch_model.bin": torch_zip({"archive/data.pkl": content, "archive/version": b"3\n"}),
        "model.joblib": gzip.compress(content),
        "weights.npy": header + content,
        "weights.npz": deflated.getvalue(),
        "model.keras": gzip.compress(deflated.getvalue()),
    }
    for path, bytes_ in packed.items():
        for piece_bytes in (None, 100):
            found = looked_at(bytes_, path, piece_bytes)
            assert (found.pickle, told in found.imports) == ("Unsafe", True), (path, found)
    assert not canary.exists()


def test_broken_archives_do_not_hide_what_is_in_them(canary: Path) -> None:
    content, told = corpus(str(canary))["a call of protocol 0"]
    for packed in (gzip.compress(content + bytes(1000))[:-12], torch_zip({"a/data.pkl": content, "a/b": b"x"})[:-30]):
        found = looked_at(packed, "model.bin")
        assert (found.pickle, told in found.imports) == ("Unsafe", True), found


@pytest.mark.parametrize("descr", ["[[]]", "[['O']]", "[()]", "[1]", "[{}]", "{}", "None", "((),)", "'" + "O" * 99])
def test_an_array_whose_header_makes_no_sense_hides_nothing(descr: str, canary: Path) -> None:
    content, told = corpus(str(canary))["a call of protocol 0"]
    header = f"{{'descr': {descr}}}\n".encode()
    found = looked_at(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content, "weights.npy")
    assert (found.pickle, told in found.imports) == ("Unsafe", True), found


def test_an_import_alone_runs_a_module() -> None:
    assert looked_at(b"cantigravity\nfly\n.", "weights.bin").imports == ["antigravity.fly"]


def test_the_extension_registry_is_not_known() -> None:
    assert looked_at(b"\x80\x02\x82\x05.").imports == ["copyreg.extension 5"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x80\x04", "ends in the middle"),
        (b"\x80\x04X\xff\xff\xff\x7f", "ends in the middle"),
        (b"\x80\x04\xff", "is no opcode"),
        (b"\x80\x04K\x01.trailing", "taken for a pickle"),
        (b"\x80\x04h\x05.", "did not keep"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is no opcode"),
    ],
)
def test_what_cannot_be_read_to_its_end_is_not_trusted(content: bytes, says: str) -> None:
    found = looked_at(content)
    assert found.pickle == "Unreadable"
    assert says in found.suspects["model.pkl"]


def wrapper(kind: str, shape: bytes, more: bytes) -> bytes:
    """An array as joblib pickles it, with `more` behind."""
    dtype = b"cnumpy\ndtype\n" + b"X" + len(kind).to_bytes(4, "little") + kind.encode() + b"\x89\x88\x87R"
    state = b"}(" + short("shape") + shape + short("dtype") + dtype + short("numpy_array_alignment_bytes") + b"K\x10u"
    return b"\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81" + state + b"b" + more


def test_bytes_of_an_array_are_read_both_as_joblib_does_and_as_pickle_does(canary: Path) -> None:
    evil, told = corpus(str(canary))["a call of protocol 0"]
    padded = b"\x00"
    plain = padded + bytes(8) + b"."
    assert looked_at(wrapper("f8", b"K\x01\x85", plain), "model.joblib").pickle == "Known"
    as_pickle = wrapper("f8", b"K\x08\x85", evil + bytes(100))
    behind = wrapper("f8", b"K\x01\x85", padded + bytes(8) + b"0" + evil)
    objects = wrapper("O", b"K\x01\x85", evil + b".")
    for content in (as_pickle, behind, objects):
        found = looked_at(content, "model.joblib")
        assert (found.pickle, told in found.imports) == ("Unsafe", True), found


def test_bytes_of_an_array_are_read_with_what_was_remembered_before_it(canary: Path) -> None:
    call = short(f"touch {canary}") + b"\x85R0"
    remembered = short("posix") + b"\x940" + short("system") + b"\x940"
    found_again = b"h\x00h\x01\x93" + call
    of_numbers = wrapper("f8", b"K\x08\x85", found_again + bytes(100))
    # joblib begins to remember anew where objects come, and finds numpy's dtype there
    of_objects = wrapper(
        "O", b"K\x01\x85", short("numpy") + b"\x940" + short("dtype") + b"\x940" + b"h\x00h\x01\x930N.."
    )
    for content in (of_numbers, of_objects):
        found = looked_at(content[:2] + remembered + content[2:], "model.joblib")
        assert (found.pickle, "posix.system" in found.imports) == ("Unsafe", True), found


@pytest.mark.parametrize(("flags", "behind"), [(1, pickle.dumps([1], 2)), (0, b"\x00" + bytes(8))])
def test_tables_with_objects_have_a_pickle_behind_them_and_others_have_bytes(flags: int, behind: bytes) -> None:
    state = b"(K\x03" + short("|") + b"NNNK\x08K\x01K" + bytes([flags]) + b"tb"
    table = wrapper("V8", b"K\x01\x85", behind + b".").replace(b"\x89\x88\x87R", b"\x89\x88\x87R" + state)
    assert looked_at(table, "model.joblib").pickle == "Known"


def test_an_array_whose_length_is_hidden_is_not_passed_over() -> None:
    for content in (
        wrapper("f8", b"]", b"\x00." + bytes(64)),
        wrapper("V8", b"K\x01\x85", b"\x00." + bytes(64)),
        b"\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)R}b.",
        b"\x80\x04ccopyreg\n_reconstructor\ncjoblib.numpy_pickle\nNumpyArrayWrapper\nc__builtin__\nobject\nN\x87R}b.",
    ):
        found = looked_at(content, "model.joblib")
        assert found.pickle == "Unreadable", found


def test_texts_and_weights_are_no_pickles() -> None:
    for content in (
        b"channels:\n- conda-forge\ndependencies:\n- python=3.11\n",
        b"cat\ndog\nbird\n",
        b"# card\n",
        b'{"a": 1}',
        b"I am\n",
        b".",
        b"",
        b"(lp0\n",
        pickle.dumps([1])[2:5],
    ):
        found = looked_at(content, "a.txt")
        assert (found.pickle, found.formats) == ("None", []), content


def disguised(content: bytes) -> bytes:
    """A tar as PyTorch wrote them before its zips, whose first name reads as the fields of an ONNX file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("x" * 5))
        member = tarfile.TarInfo("storages")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    packed = bytearray(buffer.getvalue())
    graph = len(packed) - 5
    packed[:5] = b"\x08\x07\x3a" + bytes([graph & 0x7F | 0x80, graph >> 7])
    packed[148:156] = b" " * 8
    packed[148:156] = b"%06o\0 " % sum(packed[:512])
    return bytes(packed)


@pytest.mark.parametrize("piece_bytes", [None, 100])
def test_an_archive_that_reads_as_onnx_as_well_hides_nothing(piece_bytes: int | None, canary: Path) -> None:
    content, told = corpus(str(canary))["a call of protocol 0"]
    packed = disguised(content)
    with tarfile.open(fileobj=io.BytesIO(packed), encoding="latin-1") as archive:
        assert archive.getnames()[1:] == ["storages"]
    found = looked_at(packed, "model", piece_bytes)
    assert "ONNX" in found.formats
    assert (found.pickle, told in found.imports) == ("Unsafe", True), found
