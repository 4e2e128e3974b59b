"""How long new weights take on each gateway, and how long a version still gets requests once it is to get none."""

from functools import partial
from itertools import cycle, islice
from pathlib import Path

from bench.figures import Figure
from testbed.load import Sample
from tests.support import objects
from tests.support.audit import writes
from tests.support.endpoint import NAME, Endpoint, answered_by, at_least, at_stage, rolled_back, settled
from tests.support.operator_process import ACCOUNT
from tests.support.pair import NEW, OLD, Pair, after_each

RATE = 200.0
_QUIET = 50
"""So many answers of one arm in a row: the other gets nothing any more."""
_LATE_SECONDS = 10.0


async def changes(endpoint: Endpoint, gateway: str, count: int) -> list[Figure]:
    """All requests from one arm to the other, `count` times, by a plain client and without an operator."""
    pair = Pair(endpoint)
    await pair.start(old=100)
    async with endpoint.load(RATE) as load:
        await at_least(load, 100)
        for arm in islice(cycle([NEW, OLD]), count):
            await pair.weigh(**{arm: 100})
            await load.wait_until(partial(_answers_alone, arm), _LATE_SECONDS)
    stored = [one.stored - one.written for one in pair.changes]
    acknowledged = [one.acknowledged - one.written for one in pair.changes]
    live = after_each(pair.changes, load.samples)
    known = "the API server's answer to the write"
    return [
        Figure(f"{gateway}: weight written to acknowledged", "s", acknowledged, known, stored),
        Figure(f"{gateway}: weight written to the last request the old way", "s", live, known, stored),
    ]


async def returns(endpoint: Endpoint, gateway: str, audit: Path, runs: int, alone: Figure) -> Figure:
    """From the running operator's write of a rollback to the last request that the candidate got, `runs` times.

    `alone` is what the gateway takes for the same change by a plain client.
    """
    await endpoint.model(1)
    await endpoint.model(2, errorRate=0.3)
    first = await endpoint.serve(1, serving=objects.serving(1), strategy=objects.stages(50, seconds=600))
    stable = first["status"]["stable"]["revision"]
    took: list[float] = []
    async with endpoint.load(RATE) as load:
        await endpoint.ask(2)
        for run in range(runs):
            split = await endpoint.until(at_stage("at-50", proven=False))
            candidate = split["status"]["candidate"]["revision"]
            await endpoint.until(rolled_back)
            await load.wait_until(partial(_answers_alone, stable), _LATE_SECONDS)
            route = [one for one in writes(audit, ACCOUNT, endpoint.namespace) if one.resource == "httproutes"]
            last = max(one.wall + one.lateness for one in answered_by(load.samples, candidate))
            took.append(max(last - route[-1].at, 0.0))
            await settled(endpoint, stable)
            if run + 1 < runs:
                await endpoint.patch("Rollout", NAME, {"metadata": {"annotations": {"crossfade.dev/retry": str(run)}}})
    what = f"{gateway}: rollback written to the candidate's last request"
    return Figure(what, "s", took, "the same change by a plain client", alone.values)


def _answers_alone(arm: str, samples: list[Sample]) -> bool:
    return {one.arm for one in samples[-_QUIET:]} == {arm}
