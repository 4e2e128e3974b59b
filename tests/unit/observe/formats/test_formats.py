"""Would catch a format that is not known by its bytes, or a harmless model that is told as unsafe."""

import io
import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crossfade.observe.formats.inspection import FAULT, Inspection
from crossfade.observe.formats.scan import Scan

from tests.unit.observe.formats.archives import torch_zip
from tests.unit.observe.formats.looked import looked_at

FILES = Path(__file__).parent / "files"
_BY_LIBRARY = {
    "interface.onnx": (["ONNX"], "None"),
    "model.onnx": (["ONNX"], "None"),
    "model.gguf": (["GGUF"], "None"),
    "model.safetensors": (["safetensors"], "None"),
    "xgboost.json": (["XGBoost"], "None"),
    "xgboost.ubj": (["XGBoost"], "None"),
    "lightgbm.txt": (["LightGBM"], "None"),
    "dense.h5": (["HDF5"], "None"),
    "lambda.h5": (["HDF5"], "Unsafe"),
    "scaled.skops": (["skops"], "None"),
    **{f"{name}.pt": (["PyTorch"], "Known") for name in ("state_dict", "state_dict.old", "checkpoint")},
    "module.pt": (["PyTorch"], "Unsafe"),
    **{f"{name}.pt": (["TorchScript"], "Known") for name in ("traced", "scripted")},
    "saved_model.pb": (["SavedModel"], "None"),
    **{name: ([], "None") for name in ("fingerprint.pb", "variables.index", "variables.data")},
    "model.tflite": (["TFLite"], "None"),
    "dense.keras": (["Keras"], "None"),
    "lambda.keras": (["Keras"], "Unsafe"),
    "dense.keras.h5": (["HDF5"], "None"),
    "lambda.keras.h5": (["HDF5"], "Unsafe"),
    **{f"{name}.pkl": (["pickle", "scikit-learn"], "Known") for name in ("scaled", "forest", "boosted", "scaled.old")},
    **{f"{name}.joblib": (["joblib", "scikit-learn"], "Known") for name in ("scaled", "forest", "boosted")},
    **{
        f"scaled.{packing}.joblib": (["joblib", "scikit-learn"], "Known")
        for packing in ("zlib", "gzip", "bz2", "xz", "lzma")
    },
}


def test_there_is_an_answer_for_every_file() -> None:
    assert set(_BY_LIBRARY) == {file.name for file in FILES.iterdir()}


@pytest.mark.parametrize("name", sorted(_BY_LIBRARY))
@pytest.mark.parametrize("piece_bytes", [None, 1, 333])
def test_what_the_libraries_write_is_known_by_its_bytes(name: str, piece_bytes: int | None) -> None:
    found = looked_at((FILES / name).read_bytes(), name, piece_bytes)
    assert (found.formats, found.pickle) == _BY_LIBRARY[name]
    assert bool(found.suspects) == (found.pickle == "Unsafe")


@pytest.mark.parametrize(
    "name", sorted(name for name, (formats, _) in _BY_LIBRARY.items() if not {"pickle", "SavedModel"} & set(formats))
)
def test_no_name_is_needed(name: str) -> None:
    assert looked_at((FILES / name).read_bytes(), "blob").formats == _BY_LIBRARY[name][0]


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_all_kinds_are_known_in_all_protocols(protocol: int) -> None:
    arrays: dict[str, Any] = {
        kind: np.zeros(3, kind) for kind in ("f2", "f4", "f8", "i1", "i8", "u2", "?", "c8", "U3", "S2", "M8[D]", "O")
    }
    arrays["table"] = np.zeros(2, [("a", "i4"), ("b", "f8", 2)])
    arrays["one"], arrays["random"] = np.float32(1), np.random.RandomState(1)
    found = looked_at(pickle.dumps(OrderedDict(arrays), protocol))
    assert (found.pickle, found.imports) == ("Known", [])


def state_dict() -> bytes:
    """As torch.save pickles one tensor: its storage is a persistent id, and lies beside the pickle."""
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ"
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"K\x00K\x02K\x03\x86K\x03K\x01\x86\x89ccollections\nOrderedDict\n)RtR"
    )
    return b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x06\x00\x00\x00weight" + tensor + b"s."


def torch_files(**more: bytes) -> dict[str, bytes]:
    """The files of an archive of torch.save's. The tensor's bytes look like the beginning of a pickle, as some do."""
    files = {
        "m/data.pkl": state_dict(),
        "m/byteorder": b"little",
        "m/data/0": b"\x80\x02" + bytes(22),
        "m/version": b"3\n",
    }
    return files | {f"m/{name}": content for name, content in more.items()}


@pytest.mark.parametrize("piece_bytes", [None, 1, 50, 300])
def test_pytorch_is_known_by_its_archive(piece_bytes: int | None) -> None:
    found = looked_at(torch_zip(torch_files()), "pytorch_model.bin", piece_bytes)
    assert (found.formats, found.pickle, found.suspects) == (["PyTorch"], "Known", {})
    scripted = torch_zip(torch_files(**{"constants.pkl": b"\x80\x02)."}))
    assert looked_at(scripted, "model.pt", piece_bytes).formats == ["TorchScript"]


def test_what_pytorch_wrote_before_is_known_by_its_number() -> None:
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
    old = head + state_dict() + pickle.dumps(["0"], 2) + struct.pack("<Q", 6) + bytes(24)
    found = looked_at(old, "model.pt")
    assert (found.formats, found.pickle) == (["PyTorch"], "Known")


def keras_zip(layer: str) -> bytes:
    """As Keras 3 saves a model, but for its weights, which are HDF5."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps({"config": {"layers": [{"class_name": layer}]}}))
        archive.writestr("model.weights.h5", (FILES / "dense.h5").read_bytes())
    return out.getvalue()


def test_keras_and_its_lambdas() -> None:
    assert looked_at(keras_zip("Dense"), "m.keras").pickle == "None"
    assert looked_at(keras_zip("Dense"), "m.keras").formats == ["Keras"]
    found = looked_at(keras_zip("Lambda"), "m.keras")
    assert (found.pickle, found.imports) == ("Unsafe", ["keras.layers.Lambda"])
    assert list(found.suspects) == ["m.keras!config.json"]
    escaped = b'{"class_name": "\\u004cambda"}'
    assert looked_at(escaped, "config.json").imports == ["keras.layers.Lambda"]


def test_savedmodel_where_tensorflow_looks_for_it() -> None:
    model = b"\x08\x01\x12\x05\x0a\x03\x2a\x01x"
    assert looked_at(model, "1/saved_model.pb").formats == ["SavedModel"]
    assert looked_at(model, "other.pb").formats == []


@pytest.mark.parametrize("kind", ["f8", "O"])
def test_numpys_own_files(kind: str) -> None:
    array, packed, squeezed = io.BytesIO(), io.BytesIO(), io.BytesIO()
    values = np.zeros(300, kind)
    np.save(array, values, allow_pickle=True)
    np.savez(packed, a=values, b=values)
    np.savez_compressed(squeezed, a=values)
    for file in (array, packed, squeezed):
        found = looked_at(file.getvalue(), "weights")
        assert found.pickle == ("Known" if kind == "O" else "None")
        assert "NumPy" in found.formats


TORCH = torch_zip(torch_files())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (torch_zip({"m/data.pkl": b"N."}, listed={"m/other.pkl": b""}), "directory tells other files"),
        (TORCH + b"x", "behind its end"),
        (torch_zip(torch_files(), comment=b"PK\x05\x06" + bytes(18)), "elsewhere"),
        (TORCH[:-100], "ends in the middle"),
        (TORCH.replace(b"PK\x01\x02\x00\x00\x00\x00\x08\x08", b"PK\x01\x02\x00\x00\x00\x00\x09\x08", 1), "encrypted"),
        (TORCH.replace(b"\x08\x08\x00\x00", b"\x08\x08\x0c\x00", 1), "packed as few"),
        (TORCH[:64] + TORCH[64:].replace(b"PK\x03\x04", b"....PK\x03\x04", 1), "between its files"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), "packed as it cannot be looked into"),
        (b"\x04\x22\x4d\x18" + bytes(40), "packed as it cannot be looked into"),
    ],
)
def test_archives_that_can_be_read_in_two_ways_are_not_trusted(content: bytes, says: str) -> None:
    for piece_bytes in (None, 10):
        found = looked_at(content, "model.bin", piece_bytes)
        assert found.pickle == "Unreadable"
        assert any(says in told for told in found.suspects.values()), found.suspects


def test_an_archive_behind_something_else_is_not_trusted() -> None:
    hidden = bytes(100_000) + keras_zip("Lambda")
    for content in (hidden, hidden[:-2] + b"\x05\x00hello"):
        found = looked_at(content, "m.keras", 1000)
        assert found.suspects["m.keras"] == "ends as a zip archive and does not begin as one"
    with_files = b"\x1c\x00\x00\x00TFL3" + bytes(100) + keras_zip("Dense")
    assert looked_at(with_files, "m.tflite").pickle == "None", "TensorFlow puts labels there"


def test_a_fault_of_ours_is_told_and_lets_nothing_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Scan, "feed", broken)
    inspection = Inspection()
    file = inspection.create("model.pkl", 5, io.BytesIO())
    file.write(b"bytes")
    file.close()
    found = inspection.result()
    assert (found.pickle, found.suspects) == ("Unreadable", {"model.pkl": FAULT})


def test_what_is_said_fits_into_a_status() -> None:
    many = b"".join(b"c" + b"m" * 150 + b"\nf%d\n0" % n for n in range(500))
    found = looked_at(b"\x80\x02" + many + b"N.")
    assert len(found.imports) <= 64
    assert all(len(name) <= 253 for name in found.imports)
    assert "more when it is loaded" in found.suspects["model.pkl"]
