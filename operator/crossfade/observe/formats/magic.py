"""Which format a file is of, by its first bytes and for some its name."""

import json
import re
import struct
from typing import Final

HEAD_BYTES: Final = 1 << 16
"""What is looked at of a file."""
_MOST_HEADER: Final = 100 << 20
"""safetensors' own bound of its header."""
_ONNX_FIELDS: Final = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
"""The fields of a ModelProto, and how each is written."""
_SAVED_MODEL_FIELDS: Final = {1: 0, 2: 2}
_XGBOOST_JSON: Final = re.compile(rb"\s*\{\s*\"(learner|version)\"\s*:")
_XGBOOST_UBJ: Final = re.compile(rb"\{(L\x00{7}|l\x00{3}|I\x00|[iU])(\x07learner|\x07version)")
_FIXED: Final = (
    (b"GGUF", "GGUF"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"binf", "XGBoost"),
    (b"\x93NUMPY", "NumPy"),
)


def format_of(head: bytes, path: str, size: int) -> str | None:
    """The format of a file of this size in bytes, None when it is none of those that are known."""
    for magic, name in _FIXED:
        if head.startswith(magic):
            return name
    if head[4:8] == b"TFL3":
        return "TFLite"
    if re.match(rb"tree\r?\nversion=v\d", head):
        return "LightGBM"
    if _XGBOOST_UBJ.match(head) or (_XGBOOST_JSON.match(head) and b"learner" in head and b"objective" in head):
        return "XGBoost"
    if _is_safetensors(head, size):
        return "safetensors"
    return _protobuf(head, path, size)


def _is_safetensors(head: bytes, size: int) -> bool:
    """A length of eight bytes, and so much JSON."""
    if len(head) < 10 or head[8:9] != b"{":
        return False
    (length,) = struct.unpack("<Q", head[:8])
    if not 2 <= length <= min(_MOST_HEADER, size - 8):
        return False
    if length > len(head) - 8:
        return head[9:10] == b'"'
    try:
        return isinstance(json.loads(head[8 : 8 + length]), dict)
    except (ValueError, RecursionError):
        return False


def _protobuf(head: bytes, path: str, size: int) -> str | None:
    """A SavedModel is one where TensorFlow looks for it; an ONNX file may have any name."""
    if path.rpartition("/")[2] == "saved_model.pb":
        return "SavedModel" if 2 in _fields(head, size, _SAVED_MODEL_FIELDS) else None
    found = _fields(head, size, _ONNX_FIELDS)
    return "ONNX" if 1 in found and 7 in found else None


def _fields(head: bytes, size: int, known: dict[int, int]) -> set[int]:
    """The fields up to the end of what is there; none when one of them cannot be."""
    at, found = 0, set[int]()
    while at < len(head):
        tag, at = _number(head, at)
        field, form = tag >> 3, tag & 7
        if known.get(field) != form:
            return set()
        found.add(field)
        number, at = _number(head, at)
        if form == 2:
            at += number
            if at > size:
                return set()
    return found


def _number(head: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where the next thing is."""
    value = 0
    for place, byte in enumerate(head[at : at + 10]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    return value, len(head)
