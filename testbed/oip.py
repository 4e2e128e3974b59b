"""The Open Inference Protocol over gRPC: what the testbed speaks of `inference.GRPCInferenceService`.

The messages are made here from their public description, so that no generated file is kept. Fields that are left out
(parameters, raw contents, the outputs asked for) are passed over when they come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = "inference"
SERVICE = f"{_PACKAGE}.GRPCInferenceService"
INFER = f"/{SERVICE}/ModelInfer"
STREAM = f"/{SERVICE}/ModelStreamInfer"
"""As MLServer has it: one request in, many answers out. Triton's answers of that name are of another type."""

_TENSOR = {"name": (1, "string"), "datatype": (2, "string"), "shape": (3, "int64*"), "contents": (5, "Contents")}
_CONTENTS = {
    "bool_contents": (1, "bool*"),
    "int_contents": (2, "int32*"),
    "int64_contents": (3, "int64*"),
    "uint_contents": (4, "uint32*"),
    "uint64_contents": (5, "uint64*"),
    "fp32_contents": (6, "float*"),
    "fp64_contents": (7, "double*"),
    "bytes_contents": (8, "bytes*"),
}
_MODEL = {"model_name": (1, "string"), "model_version": (2, "string"), "id": (3, "string")}
_FIELDS: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "ServerLiveRequest": {},
    "ServerLiveResponse": {"live": (1, "bool")},
    "ServerReadyRequest": {},
    "ServerReadyResponse": {"ready": (1, "bool")},
    "ModelReadyRequest": {"name": (1, "string"), "version": (2, "string")},
    "ModelReadyResponse": {"ready": (1, "bool")},
    "Contents": _CONTENTS,
    "Tensor": _TENSOR,
    "ModelInferRequest": {**_MODEL, "inputs": (5, "Tensor*")},
    "ModelInferResponse": {**_MODEL, "outputs": (5, "Tensor*")},
}
"""Message -> field -> its number and type; a star stands for many. On the wire no message and no field has a name."""

_NUMBERS = ("bool", "int", "int64", "uint", "uint64", "fp32", "fp64")
_LISTS = {
    "BOOL": "bool",
    "INT32": "int",
    "INT64": "int64",
    "UINT32": "uint",
    "UINT64": "uint64",
    "FP32": "fp32",
    "FP64": "fp64",
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="crossfade/oip.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, (number, written) in fields.items():
            kind = descriptor_pb2.FieldDescriptorProto
            label = kind.LABEL_REPEATED if written.endswith("*") else kind.LABEL_OPTIONAL
            base = written.rstrip("*")
            made = message.field.add(name=field, number=number, label=label)
            if base in _FIELDS:
                made.type, made.type_name = kind.TYPE_MESSAGE, f".{_PACKAGE}.{base}"
            else:
                made.type = kind.Type.Value(f"TYPE_{base.upper()}")
    return file


_pool = descriptor_pool.DescriptorPool()  # its own: a process may have another description of the same names
_pool.Add(_file())


def message(name: str) -> Any:
    """The class of one of the protocol's messages, such as "ModelInferRequest"."""
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def infer_request(model: str, payload: Mapping[str, Any]) -> bytes:
    """The same request as the protocol's JSON document `payload`, whose inputs are numeric and flat.

    Raises KeyError when it has no inputs or a type of data that is no number's, TypeError for data of another type.
    """
    request = message("ModelInferRequest")(model_name=model)
    for one in payload["inputs"]:
        tensor = request.inputs.add(name=one["name"], datatype=one["datatype"], shape=one["shape"])
        getattr(tensor.contents, f"{_LISTS[one['datatype']]}_contents").extend(one["data"])
    return bytes(request.SerializeToString())


def model_version(answer: bytes) -> str | None:
    """The version that an inference's answer names; None when it names none, or is no such message."""
    try:
        return message("ModelInferResponse").FromString(answer).model_version or None
    except DecodeError:
        return None


def rows(request: Any) -> list[list[float]]:
    """The rows of a request's first input, whose shape is [rows, columns].

    Raises IndexError without an input or a shape, ArithmeticError for no rows, ValueError when it has no numbers.
    """
    first = request.inputs[0]
    data = next((found for kind in _NUMBERS if (found := getattr(first.contents, f"{kind}_contents"))), None)
    if data is None:
        raise ValueError("the input has no numbers")
    width = len(data) // first.shape[0]
    return [list(data[row * width : (row + 1) * width]) for row in range(first.shape[0])]
