"""Whole rollouts by the numbers of the cases that other systems' tests are known by; docs/parity.md lists them all."""

from tests.simulation.cases import (
    adopted,
    calls,
    faults,
    judged,
    minds,
    orders,
    pipelines,
    pods,
    refused,
    routes,
    shrunk,
    starts,
    steps,
    ways_back,
)
from tests.simulation.cases.story import CASES, Case, Story

__all__ = [
    "CASES",
    "Case",
    "Story",
    "adopted",
    "calls",
    "faults",
    "judged",
    "minds",
    "orders",
    "pipelines",
    "pods",
    "refused",
    "routes",
    "shrunk",
    "starts",
    "steps",
    "ways_back",
]
