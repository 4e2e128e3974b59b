"""When a model server counts as warm, and what is sent to it until then.

The kubelet asks as the model container's startup probe. Such a probe ends with its first success and begins again with
each start of its container and, before Kubernetes 1.35, of the kubelet: so one that comes after a success means a cold
server, unless it is the very process that was warmed up.
"""

import time
from collections.abc import Callable
from threading import Event, Lock

from crossfade.adapters.model_server import GoneError, NoAnswerError

EXIT_NOT_WARM = 5
"""Exit code of `crossfade warm` when there was nothing but failures for too long."""
PATIENCE_SECONDS = 10.0
"""For how long there may be nothing but failures."""
PAUSE_SECONDS = 0.5
"""After what was not answered well."""


class Gate:
    """Whether the server is warm, and what the kubelet was told of it. Safe to use from several threads.

    `listeners` gives what tells one process of the server from the next; empty where that cannot be seen.
    """

    def __init__(self, listeners: Callable[[], frozenset[int]]) -> None:
        """Cold, with nothing seen of the server."""
        self.listeners = listeners
        self.seen = False
        """Whether the server was ever up."""
        self._lock, self._cold = Lock(), Event()
        self._cold.set()
        self._warm: frozenset[int] | None = None
        self._told = False

    def asked(self) -> bool:
        """Answer a startup probe. Without a sight of the process, one that comes after a success is of another."""
        with self._lock:
            if self._warm is None:
                return False
            self._told = bool(self._warm & self.listeners()) if self._warm else not self._told
            if not self._told:
                self._warm = None
                self._cold.set()
            return self._told

    def wait(self) -> None:
        """Return when there is a server to be warmed up."""
        self._cold.wait()

    def warmed(self, server: frozenset[int]) -> None:
        """The server with these listeners has answered all it had to."""
        with self._lock:
            self._warm = server
            self._cold.clear()


class Warmer:
    """Sends the warm-up requests. `send` gives a status code or raises as adapters.model_server does."""

    def __init__(
        self,
        gate: Gate,
        requests: int,
        is_up: Callable[[], bool],
        send: Callable[[], int],
        patience: float,
        pause: float,
    ) -> None:
        """`requests` is how many must be answered with 2xx, `pause` the seconds after one that was not, and `patience`
        for how many seconds a server that is up may answer none."""
        self._gate, self._requests, self._is_up, self._send = gate, requests, is_up, send
        self._patience, self._pause = patience, pause
        self._failing_since: float | None = None

    def run(self) -> str:
        """Warm up whenever it has to be done. Ends with the sentence that says what went wrong for so long."""
        while True:
            self._gate.wait()
            if trouble := self._round():
                return trouble

    def _round(self) -> str:
        """Empty when the server is warm."""
        answered, server = 0, frozenset[int]()
        while answered < self._requests:
            if answered == 0:
                if not self._is_up():
                    self._failing_since = None
                    time.sleep(self._pause)
                    continue
                server = self._gate.listeners()
            self._gate.seen = True
            try:
                trouble = self._try(answered + 1)
            except (GoneError, NoAnswerError) as failure:  # maybe another process listens there next
                trouble = f"{failure} to warm-up request {answered + 1} of {self._requests}"
                answered = 0
            if not trouble:
                answered, self._failing_since = answered + 1, None
            elif self._is_enough():
                return trouble
            else:
                time.sleep(self._pause)
        self._gate.warmed(server)
        return ""

    def _try(self, number: int) -> str:
        """Send one request: empty when it was answered well, else what is wrong."""
        try:
            status = self._send()
        except OSError as failure:
            why = failure.strerror or type(failure).__name__
            return f"the body of the warm-up requests cannot be read ({why}); is it in the ConfigMap?"
        return (
            ""
            if 200 <= status < 300
            else f"the model server answered {status} to warm-up request {number} of {self._requests}"
        )

    def _is_enough(self) -> bool:
        """Whether nothing but failures was seen for too long."""
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        return now - self._failing_since >= self._patience
