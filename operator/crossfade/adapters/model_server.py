"""A model server in the same pod, as a client sees it: is it up, and what does it answer? Standard library alone, for
this runs beside every pod that is warmed up."""

import socket
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

_CONNECT_SECONDS = 5.0


class GoneError(Exception):
    """Nobody listens: the server has not started yet, or has ended."""


class NoAnswerError(Exception):
    """A request came to nothing; the message says how, such as `the model server gave no answer within 30 s`."""


def is_up(address: str) -> bool:
    """Whether a GET is answered below 400 or, for an address without a path, whether somebody listens."""
    parts = urlsplit(address)
    try:
        if parts.path:
            return 200 <= _ask("GET", address, b"", {}, _CONNECT_SECONDS) < 400
        socket.create_connection((parts.hostname, parts.port), _CONNECT_SECONDS).close()
    except (GoneError, NoAnswerError, OSError):
        return False
    return True


def post(address: str, body: bytes, content_type: str, timeout: float) -> int:
    """Status code of an answer that is complete within `timeout` seconds. Raises GoneError, NoAnswerError."""
    return _ask("POST", address, body, {"Content-Type": content_type}, timeout)


def _ask(method: str, address: str, body: bytes, headers: dict[str, str], timeout: float) -> int:
    parts, until = urlsplit(address), time.monotonic() + timeout
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        while (part := answer.read1(65536)) and time.monotonic() < until:
            pass
        complete = not part
    except TimeoutError:
        complete = False
    except ConnectionRefusedError:
        raise GoneError("the model server did not listen") from None
    except (HTTPException, OSError):
        raise NoAnswerError("the model server closed the connection without an answer") from None
    finally:
        connection.close()
    if not complete:
        raise NoAnswerError(f"the model server gave no answer within {timeout:g} s")
    return answer.status
