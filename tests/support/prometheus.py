"""A Prometheus of a test's own, on loopback: it scrapes itself as if it were a pod of the candidate."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testbed.binaries import TOOLS, locate
from testbed.progress import silent

_START_SECONDS = 120.0
LABELS = {"namespace": "ml", "revision": "fraud-2", "pod": "fraud-2-x"}
"""What the scraped series carry beside their own labels."""


@contextmanager
def prometheus(
    folder: Path, *jobs: dict[str, Any], web: dict[str, Any] | None = None, scheme: str = "http"
) -> Iterator[str]:
    """The base URL of a Prometheus with these scrape jobs, each over its own address, and this web configuration."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    target = {"static_configs": [{"targets": [address], "labels": LABELS}]}
    config, web_config = folder / "prometheus.yml", folder / "web.yml"
    config.write_text(json.dumps({"scrape_configs": [{**target, **job} for job in jobs]}))  # JSON is YAML
    web_config.write_text(json.dumps(web or {}))
    program = next(locate(tool, silent)["prometheus"] for tool in TOOLS if "prometheus" in tool.programs)
    flags = [f"--config.file={config}", f"--web.config.file={web_config}", f"--web.listen-address={address}"]
    store = f"--storage.tsdb.path={folder / 'data'}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*program, *flags, store, "--log.level=warn"], stderr=log)
    try:
        _await(process, address, folder / "log")
        yield f"{scheme}://{address}"
    finally:
        process.kill()
        process.wait()


def _await(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    """Wait until it takes connections. It does so before its store is open; then it answers with 503 for a moment."""
    host, _, port = address.partition(":")
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Prometheus does not start:\n{log.read_text()}") from None
            time.sleep(0.05)
        else:
            return
