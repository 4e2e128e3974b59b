"""Thousands of simulated rollouts on several processes. The numbers depend on the seed alone, not on the processes."""

from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

from crossfade.simulate.scenario import Scenario
from crossfade.simulate.walk import Run, walk

BLOCK = 100
"""Rollouts that share one stream of random numbers and one history of the service."""


def simulate(scenario: Scenario, runs: int, seed: int = 0, processes: int = 1) -> list[Run]:
    """`runs` rollouts of the scenario, in blocks, in order."""
    return simulate_all([scenario], runs, seed, processes)[0]


def simulate_all(scenarios: list[Scenario], runs: int, seed: int = 0, processes: int = 1) -> list[list[Run]]:
    """The same for several scenarios, which share the processes."""
    blocks = [min(BLOCK, runs - first) for first in range(0, runs, BLOCK)]
    jobs = [(scenario, size, at) for scenario in scenarios for at, size in enumerate(blocks)]
    sizes, numbers, whose = [job[1] for job in jobs], [job[2] for job in jobs], [job[0] for job in jobs]
    if processes == 1:
        done = list(map(walk, whose, sizes, repeat(seed), numbers))
    else:
        with ProcessPoolExecutor(processes) as pool:
            done = list(pool.map(walk, whose, sizes, repeat(seed), numbers))
    each = len(blocks)
    return [[run for part in done[i * each : (i + 1) * each] for run in part] for i in range(len(scenarios))]
