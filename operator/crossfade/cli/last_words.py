"""What a container of ours says when it ends: where `kubectl describe pod` and the operator find it."""

import os
import sys
from contextlib import suppress
from pathlib import Path

_TERMINATION_LOG = Path("/dev/termination-log")
_TERMINATION_BYTES = 4096
"""Kubernetes reads no more."""


def ended(command: str, status: int, sentence: str) -> int:
    """Say how the command ended, and leave it in the container's status where it failed. Returns the exit status."""
    print(f"crossfade {command}: {sentence}", file=sys.stderr if status else sys.stdout)
    if status:
        tell_kubelet(sentence)
    return status


def tell_kubelet(sentence: str) -> None:
    """Leave the sentence in the container's status. Outside a pod nothing happens."""
    with suppress(OSError):
        descriptor = os.open(_TERMINATION_LOG, os.O_WRONLY | os.O_TRUNC)  # never made: outside a pod there is none
        with os.fdopen(descriptor, "wb") as log:
            log.write(sentence.encode()[:_TERMINATION_BYTES])
