"""Catches a cohort's rule that costs the cohort requests when it comes or goes, as gateways do it."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from testbed.load import LoadGenerator
from testbed.load.verdict import Blame
from tests.support import objects
from tests.support.endpoint import BODY, REQUEST_SECONDS, Endpoint, answered_alone, at_least
from tests.support.gateways import ENVOY, on_both_gateways
from tests.support.pair import NEW, OLD, Pair
from tests.support.recorder import Object

pytestmark = pytest.mark.cluster

RATE = 300.0
TEAM, SPARE = ("x-team", "risk"), ("x-crossfade-rehearsal", "0123")
WAIT = 300
"""Requests, so a second: a third of what Crossfade waits (decide/spare.py)."""

MANY = 150
often = pytest.mark.parametrize("times", [15, pytest.param(MANY, marks=pytest.mark.slow)])


@pytest.fixture
async def pair(endpoint: Endpoint) -> Pair:
    """Two servers; all requests go to the old one."""
    pair = Pair(endpoint)
    await pair.start(old=100)
    return pair


def rule_for(pair: Pair, arm: str, header: tuple[str, str]) -> Object:
    """A rule for the requests with a header."""
    name, value = header
    headers = [{"type": "Exact", "name": name, "value": value}]
    return {"matches": [{"path": {"type": "PathPrefix", "value": "/"}, "headers": headers}], **pair.rule(**{arm: 100})}


async def brought_and_taken(pair: Pair, times: int, *, kept: bool) -> LoadGenerator:
    """The cohort's requests while its rule comes and goes so often: at once, or in a place that is kept for it."""
    users = pair.rule(old=100)
    theirs, place = rule_for(pair, NEW, TEAM), rule_for(pair, OLD, SPARE)
    headers = {"host": pair.endpoint.host, TEAM[0]: TEAM[1]}
    cohort = LoadGenerator(pair.endpoint.gateway + objects.INFER, RATE, [BODY], headers, timeout=REQUEST_SECONDS)
    async with pair.endpoint.counted("a cohort", cohort):
        for _ in range(times):
            for rules, arm in (([users, place], OLD), ([users, theirs], NEW), ([users, place], OLD), ([users], OLD)):
                if place not in rules or kept:
                    await pair.write(*rules)
                    await cohort.wait_until(partial(answered_alone, arm))
                    await at_least(cohort, WAIT if place in rules else 20)
    return cohort


def failed(load: LoadGenerator) -> Counter[str]:
    return Counter(str(one.status or one.error) for one in load.samples if one.blame is not None)


def told(gateway: str, load: LoadGenerator, times: int) -> str:
    count = len(load.samples)
    return f"{gateway}: {dict(failed(load))} of {count} failed while the rule came and went {times} times"


@pytest.mark.slow
@often
@on_both_gateways
async def test_a_rule_in_a_place_that_is_kept_costs_no_request(
    pair: Pair, gateway: str, times: int, record_property: Callable[[str, object], None]
) -> None:
    """Case E1."""
    cohort = await brought_and_taken(pair, times, kept=True)
    record_property("requests", len(cohort.samples))
    print(told(gateway, cohort, times))
    assert not failed(cohort)


@pytest.mark.slow
@pytest.mark.parametrize("gateway", [ENVOY])
async def test_what_it_costs_without_the_place(
    pair: Pair, gateway: str, record_property: Callable[[str, object], None]
) -> None:
    """Why the place is kept. When this fails because nothing was lost, it need not be kept any more."""
    cohort = await brought_and_taken(pair, MANY, kept=False)
    record_property("failed", dict(failed(cohort)))
    print(told(gateway, cohort, MANY))
    assert set(failed(cohort)) == {"503"}
    assert {one.blame for one in cohort.samples} == {None, Blame.ROUTE}
