"""Orders to a bed's first process, over a socket in the bed's folder: stop a daemon and keep it down, start it again.

One JSON object a connection, {"order": "stop" | "start", "daemon": name}; the answer is {} or {"error": sentence}.
"""

import asyncio
import json
import socket
from pathlib import Path

from testbed.errors import TestbedError
from testbed.supervisor import Supervisor


async def serve_orders(path: Path, supervisor: Supervisor) -> asyncio.Server:
    """Listen at `path` for orders to `supervisor`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = json.loads(await reader.readline())
        writer.write(json.dumps(_obey(supervisor, request["order"], request["daemon"])).encode() + b"\n")
        writer.close()

    return await asyncio.start_unix_server(answer, path)


def _obey(supervisor: Supervisor, order: str, daemon: str) -> dict[str, str]:
    try:
        {"stop": supervisor.stop, "start": supervisor.resume}[order](daemon)
    except KeyError:
        return {"error": f"this bed runs no {daemon}; name one of its files in logs/ without .log"}
    return {}


def give_order(path: Path, order: str, daemon: str) -> None:
    """Give one order and wait for the answer. Raises TestbedError when it cannot be obeyed."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))
        line.sendall(json.dumps({"order": order, "daemon": daemon}).encode() + b"\n")
        with line.makefile("rb") as answers:
            answer = json.loads(answers.readline())
    if "error" in answer:
        raise TestbedError(answer["error"])
