"""Startup, readiness and liveness: when a probe runs and what a row of its results means."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from testbed.kubelet import handlers
from testbed.kubelet.api import Object

# While a container has never been healthy: shortest pause between tries, s, and pause as a part of the time waited.
_EAGER_PAUSE = 0.1
_EAGER_PART = 0.05


@dataclass(frozen=True)
class Verdict:
    """What a probe has decided, after as many results in a row as its threshold asks for."""

    healthy: bool
    message: str = ""


async def verdicts(probe: Object, target: handlers.Target, *, eager: bool) -> AsyncIterator[Verdict]:
    """Probe for ever and give a verdict each time a threshold is reached.

    An eager probe does not wait a whole period between tries until its first success; these extra tries do not count
    as failures, so thresholds keep their length in time.
    """
    loop = asyncio.get_running_loop()
    period, timeout = probe.get("periodSeconds", 10), probe.get("timeoutSeconds", 1)
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    begun, next_counted = loop.time(), 0.0
    good = bad = 0
    while True:
        tried = loop.time()
        message = await handlers.perform(probe, target, timeout)
        if not message:
            good, bad = good + 1, 0
        else:
            good = 0
            if tried >= next_counted:
                bad, next_counted = bad + 1, tried + period
        if good >= probe.get("successThreshold", 1):
            eager = False
            yield Verdict(healthy=True)
        elif bad >= probe.get("failureThreshold", 3):
            yield Verdict(healthy=False, message=message)
        pause = min(period, max(_EAGER_PAUSE, _EAGER_PART * (tried - begun))) if eager else period
        await asyncio.sleep(max(0.0, tried + pause - loop.time()))
