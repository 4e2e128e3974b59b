"""The line between a bed's first process and whoever started it.

One end each of a socket pair. Down the line comes one byte, HELLO, to which the kernel adds the sender's process number
as the receiver sees it; then JSON objects, one a line: {"line": progress} any number of times, then {"ready": true} or
{"error": sentence}. Up the line comes one byte, KEEP, from a caller that wants the bed to outlive it.
When the line breaks before that byte, the first process ends, and with it the whole bed: a caller that is killed leaves
nothing behind.
"""

import json
import os
import socket
import struct
import threading

from testbed.errors import TestbedError
from testbed.progress import Progress

HELLO = b"h"
KEEP = b"k"
_CREDENTIALS = struct.Struct("iII")  # struct ucred: process, user, group


class BedEnd:
    """The first process's end. From its making on, a broken line ends the process at once, whatever it is doing."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        line.sendall(HELLO)
        threading.Thread(target=self._end_with_line, daemon=True).start()

    def tell(self, line: str) -> None:
        """Report progress."""
        self._send({"line": line})

    def ready(self) -> None:
        """Report that the bed can be used."""
        self._send({"ready": True})

    def failed(self, sentence: str) -> None:
        """Report that the bed cannot be started."""
        self._send({"error": sentence})

    def _end_with_line(self) -> None:
        # A thread, because the event loop is busy for seconds at a time while a loaded machine starts a bed.
        if self._line.recv(1) != KEEP:
            os._exit(0)

    def _send(self, message: dict[str, object]) -> None:
        self._line.sendall(json.dumps(message).encode() + b"\n")


class CallerEnd:
    """The caller's end; dropping it, or dying, ends the bed unless `keep` was called."""

    def __init__(self, line: socket.socket) -> None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._line = line

    def first_process(self) -> int | None:
        """Wait for the first process to say hello; returns its number as seen from here, None when it ended before."""
        data, extra, _, _ = self._line.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size))
        if data != HELLO or not extra:
            return None
        pid: int = _CREDENTIALS.unpack(extra[0][2])[0]
        return pid

    def follow(self, progress: Progress) -> None:
        """Pass on progress until the bed is ready; raises TestbedError when it cannot be."""
        with self._line.makefile("rb") as messages:
            for line in messages:
                message = json.loads(line)
                if "error" in message:
                    raise TestbedError(message["error"])
                if "ready" in message:
                    return
                progress(message["line"])
        raise TestbedError("the bed's first process ended before it was ready; see first.log in the bed's folder")

    def keep(self) -> None:
        """Let the bed outlive this process."""
        self._line.sendall(KEEP)
        self._line.close()

    def drop(self) -> None:
        """End the bed now, unless it was kept."""
        self._line.close()
