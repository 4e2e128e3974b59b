"""Ask the endpoint until it answers: `python -m demo.first_answer URL HOST BODIES`, one request body a line of BODIES.

A gateway may acknowledge a route a moment before it serves it; the demo's counted requests begin after that. Printed is
JSON: `answer`, the first one, and `seconds`, the median time of an answer to one who asks one at a time.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import httpx

_DEADLINE_SECONDS = 120.0
_EVERY_SECONDS = 0.05
_MEASURED = 30


def main(url: str, host: str, bodies: Path) -> int:
    """Entry point; 1 when the endpoint does not answer in time."""
    lines = bodies.read_bytes().splitlines()
    headers = {"host": host, "content-type": "application/json"}
    with httpx.Client(timeout=_DEADLINE_SECONDS, trust_env=False, headers=headers) as client:
        answer = _first(client, url, lines[0])
        if answer is None:
            print(f"{url} did not answer within {_DEADLINE_SECONDS:.0f} s; see the gateway's log", file=sys.stderr)
            return 1
        seconds = [client.post(url, content=body).elapsed.total_seconds() for body in lines[:_MEASURED]]
    print(json.dumps({"answer": answer, "seconds": statistics.median(seconds)}))
    return 0


def _first(client: httpx.Client, url: str, body: bytes) -> object:
    """The first good answer, or None when there is none in time."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            found = client.post(url, content=body)
        except httpx.TransportError:
            pass
        else:
            if found.is_success:
                return found.json()
        time.sleep(_EVERY_SECONDS)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
