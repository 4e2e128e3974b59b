"""Whose fault a failed request is: the route's, the model's, or our own.

The promise that is proven with it is "no request failed by the route", so whatever can't be shown to be an answer of a
model server counts against the route:

* no answer at all (refused, reset, closed half-way, timed out) is the route's, whoever was behind it;
* 502, 503 and 504 are what a gateway says when it found no model server. A gateway may put the arm's header on its own
  error pages too, so only a header that model servers set themselves makes such an answer the model's;
* any other answer that is not a success is the model's if it carries an arm, else nobody's but the route's;
* no socket or file descriptor left on our side is the generator's own trouble.
"""

from __future__ import annotations

import errno
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUTE_HEADER = "x-crossfade-revision"
"""Set by the route on the answers of each arm."""
MODEL_HEADER = "x-model-version"
"""Set by a model server itself."""

_GATEWAY_STATUSES = frozenset({502, 503, 504})
_OUR_OWN = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})


class Blame(StrEnum):
    """Who failed a request."""

    ROUTE = "route"
    MODEL = "model"
    GENERATOR = "generator"


def arm_of(headers: Mapping[str, str]) -> str | None:
    """Which arm answered, by the route's word, else by the model server's."""
    return headers.get(ROUTE_HEADER) or headers.get(MODEL_HEADER)


def blame_for_status(status: int, headers: Mapping[str, str]) -> Blame | None:
    """Who failed a request that was answered; None for a success (2xx)."""
    if 200 <= status < 300:
        return None
    proof = headers.get(MODEL_HEADER) if status in _GATEWAY_STATUSES else arm_of(headers)
    return Blame.MODEL if proof else Blame.ROUTE


def blame_for_error(error: OSError | None) -> Blame:
    """Who failed a request that got no answer; ``error`` is the operating system's, if there was one."""
    return Blame.GENERATOR if error is not None and error.errno in _OUR_OWN else Blame.ROUTE
