"""Ask the endpoint until it answers, and print the answer: `python -m demo.first_answer URL HOST BODIES`.

A gateway may acknowledge a route a moment before it serves it; the demo's counted requests begin after that. BODIES is
a file with one request body a line, of which the first is sent.
"""

import sys
import time
from pathlib import Path

import httpx

_DEADLINE_SECONDS = 30.0
_EVERY_SECONDS = 0.05


def main(url: str, host: str, bodies: Path) -> int:
    """Entry point; 1 when the endpoint does not answer in time."""
    body = bodies.read_bytes().splitlines()[0]
    deadline = time.monotonic() + _DEADLINE_SECONDS
    with httpx.Client(trust_env=False, headers={"host": host, "content-type": "application/json"}) as client:
        while (answer := _ask(client, url, body)) is None:
            if time.monotonic() > deadline:
                print(f"{url} did not answer within {_DEADLINE_SECONDS:.0f} s; see the gateway's log", file=sys.stderr)
                return 1
            time.sleep(_EVERY_SECONDS)
    print(answer)
    return 0


def _ask(client: httpx.Client, url: str, body: bytes) -> str | None:
    try:
        answer = client.post(url, content=body)
    except httpx.TransportError:
        return None
    return answer.text if answer.is_success else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
