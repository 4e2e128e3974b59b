"""Whose fault a failed request is: the route's, the model's, or our own.

The promise that is proven with it is "no request failed by the route", so whatever can't be shown to be an answer of a
model server counts against the route:

* no answer at all (refused, reset, closed half-way, timed out) is the route's, whoever was behind it;
* an answer that is not a success is the model's if it has a header that only model servers set: ours their own,
  MLServer and others on uvicorn `server: uvicorn`. A header that a route adds proves nothing: Envoy adds it to its own
  error pages, too;
* no socket or file descriptor left on our side is the generator's own trouble.

Over gRPC the same header must be in the trailers, which come with the status: a status is also made up by the client's
own library when a connection breaks, whoever began the answer. MLServer's errors carry nothing, and so are the route's.
What our side has run out of is known by the words with which the library says that it could not connect; a gateway that
has run out of the same uses others.
"""

from __future__ import annotations

import errno
import json
import os
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import grpc

REVISION_HEADER = "x-model-revision"
"""Set by a model server that knows which revision its pod is of."""
MODEL_HEADER = "x-model-version"
"""Set by a model server, whatever it knows."""
_UVICORN = "uvicorn"

_OUR_OWN = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})
_OUR_OWN_WORDS = tuple(f": {os.strerror(number)}" for number in sorted(_OUR_OWN))
_NOT_CONNECTED = "failed to connect to all addresses"


class Blame(StrEnum):
    """Who failed a request."""

    ROUTE = "route"
    MODEL = "model"
    GENERATOR = "generator"


def arm_of(headers: Mapping[str, str]) -> str | None:
    """Which arm answered, by the model server's headers."""
    return headers.get(REVISION_HEADER) or headers.get(MODEL_HEADER)


def arm_in(body: bytes) -> str | None:
    """Which arm answered, by the `model_version` of an Open Inference answer."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    told = found.get("model_version") if isinstance(found, dict) else None
    return told if isinstance(told, str) else None


def blame_for_status(status: int, headers: Mapping[str, str]) -> Blame | None:
    """Who failed a request that was answered; None for a success (2xx)."""
    if 200 <= status < 300:
        return None
    return Blame.MODEL if MODEL_HEADER in headers or headers.get("server") == _UVICORN else Blame.ROUTE


def blame_for_code(code: grpc.StatusCode, trailers: Mapping[str, str], said: str) -> Blame | None:
    """Who failed a gRPC call that ended with this code and these words; None for OK."""
    if code.name == "OK":
        return None
    if said.startswith(_NOT_CONNECTED) and any(words in said for words in _OUR_OWN_WORDS):
        return Blame.GENERATOR
    return Blame.MODEL if MODEL_HEADER in trailers else Blame.ROUTE


def blame_for_error(error: OSError | None) -> Blame:
    """Who failed a request that got no answer; ``error`` is the operating system's, if there was one."""
    return Blame.GENERATOR if error is not None and error.errno in _OUR_OWN else Blame.ROUTE
