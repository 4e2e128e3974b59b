"""Would catch a rollout that waits for a past which nobody can read, or whose noise between pods is not known of."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from crossfade.api.v1alpha1 import RolloutSpec
from crossfade.observe.answers import DEFAULT
from crossfade.observe.foreseer import Foreseer, Subject
from crossfade.ports import Metrics, MetricsError, RawSeries

from tests.simulation.world import spec
from tests.unit.fakes.clock import FakeClock

SCRAPES, STEP = 600, 15.0
KEY = ("u", 1)


class Past:
    """Hours of two pods whose share of errors swings by `swing` (a coefficient of variation), as Prometheus has it."""

    def __init__(self, swing: float = 0.0, longest: int = 10**9) -> None:
        self.swing, self.longest, self.asked = swing, longest, list[int]()

    async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
        """See ports.Metrics."""
        self.asked.append(seconds)
        if seconds > self.longest:
            raise MetricsError("Prometheus answered with too much")
        return [self._pod(number, bad="5.." in selector) for number in range(2)]

    def _pod(self, number: int, *, bad: bool) -> RawSeries:
        chance, counted, samples = Random(number), 0.0, []
        for scrape in range(SCRAPES):
            share = 0.02 * (1 + self.swing * chance.choice((-1, 1)))
            failed = sum(chance.random() < share for _ in range(150))
            counted += failed if bad else 150
            samples.append((scrape * STEP + number, counted))
        return RawSeries({"namespace": "ml", "revision": "a-1", "pod": f"a-1-{number}"}, tuple(samples))


async def foreseen(metrics: Metrics, name: str | None = None) -> Foreseer:
    read = RolloutSpec.model_validate(spec())
    if name is not None:
        read = read.model_copy(update={"analysis": read.analysis.model_copy(update={"prometheus": name})})
    foreseer, done = Foreseer({DEFAULT: metrics}, FakeClock()), asyncio.Event()
    foreseer.request(KEY, Subject(("ml", "a"), "a-1", read, {}), done.set)
    await done.wait()
    return foreseer


async def test_the_usual_rate_and_the_plan_come_from_the_past() -> None:
    found = (await foreseen(Past())).found[KEY]
    history = found.histories["errors"]
    assert history.bad[0] / history.total == pytest.approx(0.02, rel=0.1)
    assert (history.pods, history.kappa) == (2, 0.0)
    assert found.plan is not None
    assert [stage.name for stage in found.plan.stages] == ["ten", "half"]
    assert "an equal version is promoted" in found.plan.summary


async def test_pods_that_differ_by_themselves_are_known_to() -> None:
    assert (await foreseen(Past(swing=0.9))).found[KEY].histories["errors"].kappa > 0.1


async def test_a_past_that_is_too_much_is_asked_for_once_more_and_shorter() -> None:
    past = Past(longest=3600)
    found = (await foreseen(past)).found[KEY]
    assert sorted(set(past.asked)) == [3600, 6 * 3600]
    assert "errors" in found.histories


async def test_a_past_that_nothing_can_be_made_of_holds_no_rollout_up() -> None:
    class Broken(Past):
        async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
            raise KeyError("pod")

    found = (await foreseen(Broken())).found[KEY]
    assert (found.histories, found.plan) == ({}, None)


@pytest.mark.parametrize("name", [None, "nobodys"])
async def test_without_a_past_the_rollout_goes_on_and_the_plan_says_so(name: str | None) -> None:
    found = (await foreseen(Past(longest=0), name)).found[KEY]
    assert found.histories == {}
    assert found.plan is not None
    assert "nothing is known" in found.plan.summary
    assert ("too much" in found.plan.summary) == (name is None)


async def test_what_was_forgotten_is_read_again_when_asked() -> None:
    past = Past()
    foreseer = await foreseen(past)
    before = len(past.asked)
    foreseer.request(KEY, Subject(("ml", "a"), "a-1", RolloutSpec.model_validate(spec()), {}), lambda: None)
    assert len(past.asked) == before
    foreseer.forget("u")
    assert foreseer.found == {}
    done = asyncio.Event()
    foreseer.request(KEY, Subject(("ml", "a"), "a-1", RolloutSpec.model_validate(spec()), {}), done.set)
    await done.wait()
    assert len(past.asked) == 2 * before
    await foreseer.close()
