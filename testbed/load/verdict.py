"""Whose fault a failed request is: the route's, the model's, or our own.

The promise that is proven with it is "no request failed by the route", so whatever can't be shown to be an answer of a
model server counts against the route:

* no answer at all (refused, reset, closed half-way, timed out) is the route's, whoever was behind it;
* an answer that is not a success is the model's if it shows that a model server gave it: by a header that only model
  servers set, or by the error of the Open Inference Protocol, a JSON object with `error`; gateways answer in plain
  text. A header that a route adds proves nothing: Envoy adds it to its own error pages, too;
* no socket or file descriptor left on our side is the generator's own trouble.
"""

from __future__ import annotations

import errno
import json
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REVISION_HEADER = "x-model-revision"
"""Set by a model server that knows which revision its pod is of."""
MODEL_HEADER = "x-model-version"
"""Set by a model server, whatever it knows."""

_OUR_OWN = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})


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
    return _told(body, "model_version")


def blame_for_status(status: int, headers: Mapping[str, str], body: bytes = b"") -> Blame | None:
    """Who failed a request that was answered; None for a success (2xx)."""
    if 200 <= status < 300:
        return None
    return Blame.MODEL if MODEL_HEADER in headers or _told(body, "error") else Blame.ROUTE


def blame_for_error(error: OSError | None) -> Blame:
    """Who failed a request that got no answer; ``error`` is the operating system's, if there was one."""
    return Blame.GENERATOR if error is not None and error.errno in _OUR_OWN else Blame.ROUTE


def _told(body: bytes, name: str) -> str | None:
    """A text of a JSON object; None where the body is none, or has no such text."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    told = found.get(name) if isinstance(found, dict) else None
    return told if isinstance(told, str) else None
