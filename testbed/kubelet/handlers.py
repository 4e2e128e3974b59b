"""The actions behind probes and lifecycle hooks: an HTTP request, a TCP connection, a command, a pause."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from testbed.kubelet.api import Object

Execute = Callable[[list[str]], Awaitable[int]]
"""Runs a command in the container and gives its exit code."""


@dataclass(frozen=True)
class Target:
    """The container an action goes to: the pod's address, its named ports, and how to run a command inside."""

    session: aiohttp.ClientSession
    address: str
    ports: Mapping[str, int]
    execute: Execute

    def port(self, value: int | str) -> int:
        """A port by number or by the name the container gives it. Raises ValueError for an unknown name."""
        if isinstance(value, str) and not value.isdigit():
            if value not in self.ports:
                raise ValueError(f"couldn't find port {value!r}; name it in the container's ports")
            return self.ports[value]
        return int(value)


def _host(action: Object, target: Target) -> str:
    """The address to ask. Looked up while all else waits: a resolver thread would bar us from switching namespaces."""
    return socket.gethostbyname(action["host"]) if "host" in action else target.address


async def _http(action: Object, target: Target) -> None:
    scheme = action.get("scheme", "HTTP").lower()
    host, path = _host(action, target), action.get("path", "/")
    url = URL(f"{scheme}://{host}:{target.port(action['port'])}/{path.removeprefix('/')}", encoded=True)
    headers = {"User-Agent": "kube-probe/1.37", "Accept": "*/*"}
    headers |= {header["name"]: header["value"] for header in action.get("httpHeaders", ())}
    async with target.session.get(url, headers=headers) as response:
        if not 200 <= response.status < 400:
            raise ValueError(f"HTTP probe failed with statuscode: {response.status}")


async def _tcp(action: Object, target: Target) -> None:
    _, writer = await asyncio.open_connection(_host(action, target), target.port(action["port"]))
    writer.close()


async def _exec(action: Object, target: Target) -> None:
    code = await target.execute(action["command"])
    if code != 0:
        raise ValueError(f"command {' '.join(action['command'])!r} exited with {code}")


async def perform(handler: Object, target: Target, timeout: float) -> str:
    """Carry an action out within `timeout` seconds: "" when it succeeded, else the reason it did not."""
    try:
        async with asyncio.timeout(timeout):
            if action := handler.get("httpGet"):
                await _http(action, target)
            elif action := handler.get("tcpSocket"):
                await _tcp(action, target)
            elif action := handler.get("exec"):
                await _exec(action, target)
            elif action := handler.get("sleep"):
                await asyncio.sleep(action["seconds"])
            else:
                return f"actions of the kind {sorted(handler)} are not offered here; use httpGet, tcpSocket or exec"
    except TimeoutError:
        return f"no answer within {timeout:g} s"
    except (ValueError, OSError, aiohttp.ClientError) as error:
        return str(error) or type(error).__name__
    return ""
