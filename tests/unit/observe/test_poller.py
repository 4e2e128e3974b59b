"""Would catch evidence judged as another Rollout's, queries asked twice, slow ones that delay all, unread silence."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from crossfade.decide.templates import Source
from crossfade.observe.answers import DEFAULT, Place, Watched
from crossfade.observe.poller import Poller
from crossfade.ports import MetricsError, RawSeries

from tests.unit.fakes.clock import FakeClock

ERRORS = Source("ratio", bad="bad", total="total")


class FakePrometheus:
    def __init__(self, *series: RawSeries, error: str = "") -> None:
        self.series, self.error, self.asked = series, error, list[str]()
        self.seconds: set[int] = set()

    async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
        self.asked.append(selector)
        self.seconds.add(seconds)
        if self.error:
            raise MetricsError(self.error)
        return self.series


def series(namespace: str, revision: str, *values: float) -> RawSeries:
    samples = tuple((float(at), value) for at, value in enumerate(values, 1))
    return RawSeries({"namespace": namespace, "revision": revision, "pod": f"{revision}-x"}, samples)


def watched(name: str, namespace: str = "ml", prometheus: str = DEFAULT, **sources: Source | str) -> Watched:
    revisions = frozenset({f"{name}-1", f"{name}-2"})
    return Watched((namespace, name), sources or {"errors": ERRORS}, revisions, f"{name}-2", prometheus)


def poller(prometheus: FakePrometheus, *watching: Watched) -> tuple[Poller, list[Place]]:
    told: list[Place] = []
    return Poller({DEFAULT: prometheus}, FakeClock(), 5.0, lambda: watching, told.append), told


async def test_equal_queries_are_asked_once_and_answers_go_to_their_own_rollout() -> None:
    prometheus = FakePrometheus(series("ml", "a-1", 1.0), series("ml", "b-2", 2.0), series("other", "a-1", 9.0))
    polling, told = poller(prometheus, watched("a"), watched("b"))
    await polling.poll()
    assert len(prometheus.asked) == 2  # bad and total, for both Rollouts
    assert [s.revision for s in polling.evidence["ml", "a"].metrics["errors"].total] == ["a-1"]
    assert [s.samples[0][1] for s in polling.evidence["ml", "b"].metrics["errors"].bad] == [2.0]
    assert told == [("ml", "a"), ("ml", "b")]


class SlowPrometheus:
    """Answers a selector that says `slow` once it is released."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.asked, self.released = clock, list[str](), asyncio.Event()

    async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
        self.asked.append(selector)
        self.clock.at += 1.0
        if "slow" in selector:
            await self.released.wait()
        return ()


def asking(name: str, *stems: str, namespace: str = "ml") -> Watched:
    sources = {stem: Source("ratio", bad=f"{stem}_bad", total=f"{stem}_total") for stem in stems}
    return Watched((namespace, name), sources, frozenset({f"{name}-1"}))


class Watch:
    """A poller over a slow Prometheus, and the Rollouts it told of in order."""

    def __init__(self, *watching: Watched) -> None:
        self.clock = FakeClock(1000.0)
        self.prometheus = SlowPrometheus(self.clock)
        self.told: asyncio.Queue[Place] = asyncio.Queue()
        self.poller = Poller({DEFAULT: self.prometheus}, self.clock, 5.0, lambda: watching, self.told.put_nowait)

    async def next(self) -> str:
        async with asyncio.timeout(60):
            return (await self.told.get())[1]


async def test_a_rollout_is_told_of_when_its_own_answers_are_in_and_again_while_another_waits() -> None:
    watch = Watch(asking("a", "slow"), asking("b", "quick"))
    first = asyncio.create_task(watch.poller.poll())
    assert await watch.next() == "b"
    assert ("ml", "a") not in watch.poller.evidence
    watch.clock.at += 5.0
    await watch.poller.poll()
    assert await watch.next() == "b"
    assert watch.prometheus.asked.count("slow_bad") == 1
    watch.prometheus.released.set()
    await first
    assert await watch.next() == "a"


async def test_evidence_is_as_old_as_the_earliest_of_its_answers() -> None:
    watch = Watch(asking("a", "x", "y"))
    await watch.poller.poll()
    assert watch.poller.evidence["ml", "a"].read_at == 1000.0


async def test_slow_queries_of_one_namespace_leave_slots_to_others() -> None:
    """Case D6."""
    crowd = [asking(f"a{n}", f"slow{n}", namespace="crowd") for n in range(20)]
    watch = Watch(*crowd, asking("b", "quick", namespace="quiet"))
    polling = asyncio.create_task(watch.poller.poll())
    assert await watch.next() == "b"
    polling.cancel()


async def test_one_rollout_asks_one_thing_at_a_time() -> None:
    watch = Watch(asking("a", *(f"slow{n}" for n in range(5))), asking("b", "quick"))
    polling = asyncio.create_task(watch.poller.poll())
    assert await watch.next() == "b"
    assert [one for one in watch.prometheus.asked if "slow" in one] == ["slow0_bad"]
    polling.cancel()


async def test_a_prometheus_that_does_not_answer_is_said_so_in_the_evidence() -> None:
    polling, told = poller(FakePrometheus(error="Prometheus is away"), watched("a"))
    await polling.poll()
    assert polling.evidence["ml", "a"].error == "Prometheus is away"
    assert told == [("ml", "a")]


async def test_what_could_be_read_is_there_beside_the_reason_of_what_could_not() -> None:
    prometheus = FakePrometheus(series("ml", "a-1", 1.0))
    polling, _ = poller(prometheus, watched("a", unknown="the template is not there", errors=ERRORS))
    await polling.poll()
    evidence = polling.evidence["ml", "a"]
    assert evidence.error == "the template is not there"
    assert evidence.metrics.keys() == {"errors"}


async def test_evidence_goes_when_its_rollout_is_no_longer_under_way() -> None:
    watching = [watched("a")]
    polling = Poller({DEFAULT: FakePrometheus()}, FakeClock(), 5.0, lambda: watching, lambda place: None)
    await polling.poll()
    watching.clear()
    await polling.poll()
    assert polling.evidence == {}


async def test_each_rollout_is_read_from_the_prometheus_that_it_names() -> None:
    here, there = FakePrometheus(series("ml", "a-1", 1.0)), FakePrometheus(series("ml", "b-1", 2.0))
    watching = [watched("a"), watched("b", prometheus="mimir")]
    polling = Poller({DEFAULT: here, "mimir": there}, FakeClock(), 5.0, lambda: watching, lambda place: None)
    await polling.poll()
    assert [s.revision for s in polling.evidence["ml", "a"].metrics["errors"].total] == ["a-1"]
    assert [s.revision for s in polling.evidence["ml", "b"].metrics["errors"].total] == ["b-1"]


async def test_a_prometheus_that_nobody_configured_is_refused_by_name() -> None:
    prometheus = FakePrometheus()
    polling, _ = poller(prometheus, watched("a", prometheus="http://169.254.169.254"))
    await polling.poll()
    assert prometheus.asked == []
    assert polling.evidence["ml", "a"].error == (
        "`spec.analysis.prometheus` names 'http://169.254.169.254', which the operator does not know; it knows default"
    )


async def test_after_a_gap_all_is_read_that_has_not_been_judged() -> None:
    prometheus, clock = FakePrometheus(), FakeClock()
    one = Watched(("ml", "a"), {"errors": ERRORS}, frozenset({"a-1"}), since={"errors": clock.now() - 600})
    await Poller({DEFAULT: prometheus}, clock, 5.0, lambda: [one], lambda place: None).poll()
    assert prometheus.seconds == {660}


# when


class Scraped(FakePrometheus):
    """The candidate a-2 is scraped every `step` seconds from `first` on; what a scrape brought is there 0.2 s later."""

    def __init__(self, clock: FakeClock, first: float, step: float) -> None:
        super().__init__()
        self.clock, self.first, self.step = clock, first, step

    async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
        self.asked.append(selector)
        known = int((self.clock.at - 0.2 - self.first) // self.step)
        samples = tuple((self.first + n * self.step, float(n)) for n in range(known + 1))
        return [RawSeries({"namespace": "ml", "revision": "a-2", "pod": "a-2-x"}, samples)]


async def passing(polling: Poller, clock: FakeClock, until: float, seen: Callable[[], object]) -> None:
    """Poll whenever something is due, as `run` does."""
    while clock.at < until:
        await polling.poll()
        seen()
        clock.at += max(min(polling.pause(), 5.0), 0.5)


@pytest.mark.parametrize("step", [1.0, 4.0, 15.0])
async def test_each_scrape_is_read_within_the_moment_after_it(step: float) -> None:
    clock = FakeClock(1000.0)
    prometheus = Scraped(clock, 1000.0 - 10 * step + 0.7, step)
    polling = Poller({DEFAULT: prometheus}, clock, 20.0, lambda: [watched("a")], lambda place: None)
    first_seen: dict[float, float] = {}

    def note() -> None:
        for at, _ in polling.evidence["ml", "a"].metrics["errors"].total[0].samples:
            first_seen.setdefault(at, clock.at)

    await passing(polling, clock, 1000.0 + 10 * step, note)
    late = [seen - at for at, seen in first_seen.items() if at > 1000.0]
    assert len(late) >= 9
    assert max(late) < 1.0


async def test_nothing_is_read_more_often_than_every_half_second_nor_less_often_than_asked_for() -> None:
    clock = FakeClock(1000.0)
    prometheus = Scraped(clock, 900.0, 60.0)
    polling = Poller({DEFAULT: prometheus}, clock, 5.0, lambda: [watched("a")], lambda place: None)
    times: list[float] = []
    await passing(polling, clock, 1100.0, lambda: times.append(clock.at))
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert min(pauses) >= 0.5
    assert max(pauses) <= 5.0


async def test_a_query_that_takes_long_is_asked_less_often() -> None:
    clock = FakeClock(1000.0)
    prometheus = Scraped(clock, 900.0, 1.0)

    async def slow(selector: str, seconds: int) -> Sequence[RawSeries]:
        clock.at += 0.2
        return await Scraped.window(prometheus, selector, seconds)

    prometheus.window = slow  # type: ignore[method-assign]
    polling = Poller({DEFAULT: prometheus}, clock, 5.0, lambda: [watched("a")], lambda place: None)
    await passing(polling, clock, 1040.0, lambda: None)
    assert 9 <= prometheus.asked.count("total") <= 10


async def test_a_clock_that_is_set_back_stops_nothing() -> None:
    clock, prometheus = FakeClock(1_800_000_000.0), FakePrometheus()
    polling = Poller({DEFAULT: prometheus}, clock, 5.0, lambda: [watched("a")], lambda place: None)
    await polling.poll()
    clock.at -= 3600.0
    await polling.poll()
    assert prometheus.asked.count("total") == 2


async def test_a_dead_prometheus_is_asked_less_and_less_often_and_at_once_again_when_it_answers() -> None:
    clock = FakeClock(1000.0)
    dead, alive = FakePrometheus(error="away"), Scraped(clock, 900.0, 1.0)
    watching = [watched("b", prometheus="dead"), watched("a")]
    polling = Poller({DEFAULT: alive, "dead": dead}, clock, 5.0, lambda: watching, lambda place: None)
    asked: list[tuple[float, int]] = []
    await passing(polling, clock, 1180.0, lambda: asked.append((clock.at, len(dead.asked))))
    times = [now for (_, before), (now, count) in pairwise(asked) if count > before]
    assert [round(later - earlier) for earlier, later in pairwise([1000.0, *times])][:5] == [5, 10, 20, 30, 30]
    assert len(alive.asked) > 200  # every second, two selectors
    dead.error = ""
    await passing(polling, clock, 1240.0, lambda: None)
    assert len(dead.asked) - asked[-1][1] >= 10


async def test_with_the_first_answer_all_go_on_that_waited_for_a_dead_prometheus() -> None:
    clock = FakeClock(1000.0)
    prometheus = FakePrometheus(error="away")
    early = watched("a", up=Source("gauge", series="early"))
    late = watched("b", up=Source("gauge", series="late"))
    watching = [early]
    polling = Poller({DEFAULT: prometheus}, clock, 5.0, lambda: watching, lambda place: None)
    await passing(polling, clock, 1012.0, lambda: None)
    watching.append(late)
    await passing(polling, clock, 1200.0, lambda: None)
    prometheus.error = ""
    prometheus.asked.clear()
    answered: dict[str, float] = {}

    def note() -> None:
        for selector in prometheus.asked:
            answered.setdefault(selector, clock.at)

    await passing(polling, clock, 1240.0, note)
    assert abs(answered["late"] - answered["early"]) <= 5.0


async def test_a_selector_that_always_fails_does_not_slow_those_of_others() -> None:
    clock = FakeClock(1000.0)
    prometheus = Scraped(clock, 900.0, 1.0)

    async def picky(selector: str, seconds: int) -> Sequence[RawSeries]:
        found = await Scraped.window(prometheus, selector, seconds)
        if selector == "wrong":
            raise MetricsError("correct the selector")
        return found

    prometheus.window = picky  # type: ignore[method-assign]
    watching = [watched("b", wrong=Source("gauge", series="wrong")), watched("a")]
    polling = Poller({DEFAULT: prometheus}, clock, 5.0, lambda: watching, lambda place: None)
    await passing(polling, clock, 1060.0, lambda: None)
    assert prometheus.asked.count("total") >= 50
    assert 10 <= prometheus.asked.count("wrong") <= 13


async def test_it_goes_on_by_itself() -> None:
    """On the real clock: half a second is the least pause, and the candidate's next scrape is always due."""
    clock, twice = FakeClock(1000.0), asyncio.Event()
    told: list[Place] = []

    def tell(place: Place) -> None:
        told.append(place)
        clock.at += 10.0
        if len(told) == 2:
            twice.set()

    polling = Poller({DEFAULT: Scraped(clock, 900.0, 1.0)}, clock, 5.0, lambda: [watched("a")], tell)
    running = asyncio.create_task(polling.run())
    async with asyncio.timeout(60):
        await twice.wait()
    running.cancel()
