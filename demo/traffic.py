"""The users: requests with real rows at random times, each one recorded, read back while they are sent."""

import asyncio
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo import programs
from demo.errors import DemoError
from testbed.handle import ClusterHandle
from testbed.load import Sample
from testbed.load.verdict import Blame

if TYPE_CHECKING:
    import subprocess

_READ_SECONDS = 0.1


@dataclass
class Tally:
    """Finished requests by ModelVersion, None where an answer does not name it, and how many failed by whom."""

    samples: list[Sample] = field(default_factory=list)
    requests: Counter[str | None] = field(default_factory=Counter)
    by_model: Counter[str | None] = field(default_factory=Counter)
    by_route: int = 0

    def add(self, sample: Sample) -> None:
        """Count one more."""
        self.samples.append(sample)
        self.requests[sample.arm] += 1
        self.by_model[sample.arm] += sample.blame is Blame.MODEL
        self.by_route += sample.blame is Blame.ROUTE

    def last_of(self, version: str) -> float:
        """When the version's last answer was complete (Unix time); 0 when it has given none."""
        latest = next((sample for sample in reversed(self.samples) if sample.arm == version), None)
        return latest.wall + latest.lateness + latest.latency if latest else 0.0


class Traffic:
    """The load generator, started beside the gateway, and its record in `record`, one JSON object a request."""

    def __init__(self, record: Path) -> None:
        self.tally = Tally()
        self._record = record
        self._process: subprocess.Popen[Any] | None = None
        self._ending = False

    def start(self, cluster: ClusterHandle, url: str, host: str, bodies: Path, *, rate: float, seconds: float) -> None:
        """Send `rate` requests a second, for `seconds` at most."""
        self._record.touch()
        argv = [sys.executable, "-m", "testbed.load", "--url", url, "--header", f"host={host}", "--bodies", str(bodies)]
        argv += ["--rate", str(rate), "--duration", str(seconds), "--out", str(self._record)]
        self._process = programs.start(cluster, argv, self._record.with_suffix(".log"))

    async def follow(self) -> None:
        """Read what is recorded until the generator has ended as it should. Raises DemoError when it ends by itself."""
        assert self._process is not None
        rest = ""
        with self._record.open() as lines:
            while True:
                ended = self._process.poll() is not None
                *whole, rest = (rest + lines.read()).split("\n")
                for line in whole:
                    self.tally.add(Sample.from_json(line))
                if ended:
                    break
                await asyncio.sleep(_READ_SECONDS)
        if not self._ending:
            raise DemoError(f"the requests ended too early; see {self._record.with_suffix('.log')}")

    def stop(self) -> None:
        """Send nothing more; answers on their way are waited for and recorded."""
        self._ending = True
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
