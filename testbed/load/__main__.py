"""``python -m testbed.load --url URL --rate 200 --duration 30``: send load, record it, print a table per arm.

With a URL such as ``grpc://10.0.0.1:80/inference.GRPCInferenceService/ModelInfer`` the bodies, Open Inference v2
documents all the same, are sent as gRPC messages for ``--model``, to the authority ``--header host=NAME``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.load.generator import LoadGenerator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testbed.load.samples import Sample, Summary

_DEFAULT_BODY = b'{"inputs":[{"name":"input","shape":[1,1],"datatype":"FP64","data":[0.5]}]}'


def table(summary: Summary) -> str:
    """A table for people: one line per arm, then the failures that no arm answers for."""
    lines = [f"{'arm':<32}{'requests':>10}{'by route':>10}{'by model':>10}{'p50 ms':>9}{'p99 ms':>9}"]
    lines += [
        f"{arm or '(none)':<32}{part.requests:>10}{part.route_failures:>10}{part.model_failures:>10}"
        f"{part.p50 * 1000:>9.1f}{part.p99 * 1000:>9.1f}"
        for arm, part in summary.arms.items()
    ]
    lines.append(
        f"{summary.requests} requests, failed: {summary.route_failures} by the route, {summary.model_failures} by a"
        f" model, {summary.generator_failures} by the generator; sent late by p99 {summary.lateness_p99 * 1000:.1f} ms"
    )
    return "\n".join(lines)


def read_bodies(path: Path | None) -> Sequence[bytes]:
    """Request bodies from a file with one JSON document a line; one small body without a file."""
    if path is None:
        return [_DEFAULT_BODY]
    bodies = [line.encode() for line in path.read_text().splitlines() if line]
    for number, body in enumerate(bodies, 1):
        try:
            json.loads(body)
        except ValueError as error:
            raise SystemExit(
                f"Line {number} of {path} is no JSON: {error}. Put one request body on each line."
            ) from error
    return bodies


def as_messages(bodies: Sequence[bytes], model: str) -> Sequence[bytes]:
    """The same requests as gRPC messages."""
    from testbed import oip  # loads of HTTP do without its weight

    messages = []
    for number, body in enumerate(bodies, 1):
        try:
            messages.append(oip.infer_request(model, json.loads(body)))
        except (KeyError, TypeError) as error:
            raise SystemExit(
                f"Body {number} has no flat numeric inputs ({error!r}). Give Open Inference v2."
            ) from error
    return messages


async def run(options: argparse.Namespace) -> Summary:
    """Send load for the asked time, or until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(options.out.open("w", buffering=1)) if options.out else None

        def write(sample: Sample) -> None:
            if out is not None:
                out.write(sample.to_json() + "\n")

        headers = dict(header.split("=", 1) for header in options.header)
        bodies = read_bodies(options.bodies)
        if options.url.startswith("grpc://"):
            bodies = as_messages(bodies, options.model)
        ways = {"seed": options.seed, "keep": not options.new_connections, "ending": options.ending.encode()}
        generator = LoadGenerator(options.url, options.rate, bodies, headers, on_sample=write, **ways)
        await generator.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(options.duration):
                await stop.wait()
        return await generator.stop()


def main() -> int:
    """Entry point; 1 when the route failed a request."""
    parser = argparse.ArgumentParser(prog="python -m testbed.load", description=__doc__)
    parser.add_argument("--url", required=True, help="where to POST, for example http://10.0.0.1/v2/models/m/infer")
    parser.add_argument("--model", default="", help="the model that gRPC calls ask")
    parser.add_argument("--rate", type=float, default=100, help="requests per second, on average")
    parser.add_argument("--duration", type=float, default=30, help="seconds")
    parser.add_argument("--bodies", type=Path, help="file with one request body a line")
    parser.add_argument("--header", action="append", default=[], help="NAME=VALUE, may be repeated")
    parser.add_argument("--new-connections", action="store_true", help="a connection for each request")
    parser.add_argument("--ending", default="", help="how a whole answer ends, such as 'data: [DONE]'")
    parser.add_argument("--out", type=Path, help="record of every request, one JSON object a line")
    parser.add_argument("--seed", type=int, default=0)
    summary = asyncio.run(run(parser.parse_args()))
    print(table(summary))
    return 1 if summary.route_failures else 0


if __name__ == "__main__":
    sys.exit(main())
