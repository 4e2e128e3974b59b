"""What many Rollouts at rest cost: memory, a restart, and processor time for each event that changes nothing."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.figures import Figure
from testbed.bed import Bed
from tests.support.audit import writes
from tests.support.crowd import played_pods, settle
from tests.support.endpoint import Endpoint
from tests.support.operator_process import ACCOUNT, Installation, OperatorProcess, free_port, metric

_MEBIBYTE = 2**20
_SETTLE_SECONDS = 600.0
_CATCH_UP_SECONDS = 30.0
_PAUSE = 0.1
_OBJECTS = 5
"""Of each Rollout: itself, Deployment, Service, HTTPRoute and Pod."""
_BASELINE = "an empty operator of the same framework with the same watches"


@dataclass(frozen=True)
class Bare:
    """The empty operator, by its metrics' address."""

    url: str

    async def has_seen(self, events: float) -> None:
        """Wait until so many events came in."""
        async with asyncio.timeout(_CATCH_UP_SECONDS):
            while self.events() < events:  # noqa: ASYNC110 - a process of its own, which is only asked
                await asyncio.sleep(_PAUSE)

    def events(self) -> float:
        """Events so far; 0 before it answers."""
        try:
            return metric(self.url, "bare_events_total")
        except httpx.TransportError:
            return 0.0


@contextmanager
def bare_operator(installation: Installation, namespace: str, log: Path) -> Iterator[Bare]:
    """The empty operator for the body."""
    port, bed = free_port(), installation.bed
    program = [sys.executable, "-m", "bench.bare_operator", str(port), namespace]
    words = ["env", f"KUBECONFIG={installation.kubeconfig}", *program]
    with log.open("ab") as out:
        process = bed.popen(words, env=dict(os.environ), stdout=out, stderr=out)
    try:
        yield Bare(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


async def idle(endpoint: Endpoint, bed: Bed, operator: OperatorProcess, counts: list[int], events: int) -> list[Figure]:
    """Memory at each of `counts` Rollouts, then the cost of so many events. The operator is started and ended here."""
    figures: list[Figure] = []
    async with played_pods(endpoint, bed):
        operator.start()
        await endpoint.model(1)
        done = 0
        for count in sorted(counts):
            await settle(endpoint, range(done, count), _SETTLE_SECONDS)
            done = count
            operator.stop()
            log = operator.log.with_name(f"bare-{count}.log")
            begun = time.monotonic()
            with bare_operator(operator.installation, endpoint.namespace, log) as bare:
                await bare.has_seen(_OBJECTS * count)
                figures.append(await _restart(bed, operator, count, time.monotonic() - begun))
                figures.append(_memory(operator, bare, count))
                if count == min(counts):
                    figures.append(await _events(endpoint, operator, bare, events))
        operator.stop()
    return figures


async def _restart(bed: Bed, operator: OperatorProcess, count: int, baseline: float) -> Figure:
    """Start the operator, and time it until it has looked at every Rollout and at their ModelVersion."""
    before, begun = len(writes(bed.audit, ACCOUNT)), time.monotonic()
    operator.start()
    async with asyncio.timeout(_SETTLE_SECONDS):
        while operator.metric("crossfade_reconciles_total") < count + 1:  # noqa: ASYNC110 - the same
            await asyncio.sleep(_PAUSE)
    seconds = time.monotonic() - begun
    operator.until_audited()
    made = len(writes(bed.audit, ACCOUNT)) - before
    what = f"from the start to the last of {count} Rollouts at rest looked at ({made} writes)"
    return Figure(what, "s", [seconds], f"{_BASELINE}, until it has seen every object", [baseline])


def _memory(operator: OperatorProcess, bare: Bare, count: int) -> Figure:
    sizes = [metric(url, "process_resident_memory_bytes") / _MEBIBYTE for url in (operator.url, bare.url)]
    return Figure(f"memory with {count} Rollouts at rest", "MiB", sizes[:1], _BASELINE, sizes[1:])


async def _events(endpoint: Endpoint, operator: OperatorProcess, bare: Bare, events: int) -> Figure:
    """Change what nobody reads on the children, one after another; each change makes the operator look once."""
    services = await endpoint.items("Service")
    before = [metric(url, "process_cpu_seconds_total") for url in (operator.url, bare.url)]
    looks, seen = operator.metric("crossfade_reconciles_total"), bare.events()
    for number in range(events):
        name = services[number % len(services)]["metadata"]["name"]
        await endpoint.patch("Service", name, {"metadata": {"annotations": {"bench": str(number)}}})
    await bare.has_seen(seen + events)
    async with asyncio.timeout(_CATCH_UP_SECONDS):
        while operator.metric("crossfade_queue_depth"):  # noqa: ASYNC110 - the same
            await asyncio.sleep(_PAUSE)
    after = [metric(url, "process_cpu_seconds_total") for url in (operator.url, bare.url)]
    spent = [1000 * (end - begin) / events for begin, end in zip(before, after, strict=True)]
    looked = operator.metric("crossfade_reconciles_total") - looks
    what = f"processor time for each of {events} events ({looked:.0f} looks)"
    return Figure(what, "ms", spent[:1], _BASELINE, spent[1:])
