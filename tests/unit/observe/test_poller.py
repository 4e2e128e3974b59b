"""Would catch evidence judged as another Rollout's, queries asked twice, slow ones that delay all, unread silence."""

import asyncio
from collections.abc import Sequence

import pytest
from crossfade.api.v1alpha1 import RolloutSpec
from crossfade.observe.poller import Place, Poller, Watched
from crossfade.ports import MetricsError, RawSeries

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.objects import rollout


class FakePrometheus:
    def __init__(self, *series: RawSeries, error: str = "") -> None:
        self.series, self.error, self.asked = series, error, list[str]()

    async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
        self.asked.append(selector)
        if self.error:
            raise MetricsError(self.error)
        return self.series


def series(namespace: str, revision: str, value: float) -> RawSeries:
    return RawSeries({"namespace": namespace, "revision": revision, "pod": f"{revision}-x"}, ((1.0, value),))


def watched(name: str, namespace: str = "ml") -> Watched:
    metrics = RolloutSpec.model_validate(rollout(name=name)["spec"]).analysis.metrics
    return Watched((namespace, name), metrics, frozenset({f"{name}-1", f"{name}-2"}))


def poller(prometheus: FakePrometheus, *watching: Watched) -> tuple[Poller, list[Place]]:
    told: list[Place] = []
    return Poller(prometheus, FakeClock(), 5.0, lambda: watching, told.append), told


async def test_equal_queries_are_asked_once_and_answers_go_to_their_own_rollout() -> None:
    prometheus = FakePrometheus(series("ml", "a-1", 1.0), series("ml", "b-2", 2.0), series("other", "a-1", 9.0))
    polling, told = poller(prometheus, watched("a"), watched("b"))
    await polling.poll()
    assert len(prometheus.asked) == 2  # bad and total, for both Rollouts
    assert [s.revision for s in polling.evidence["ml", "a"].metrics["errors"].total] == ["a-1"]
    assert [s.samples[0][1] for s in polling.evidence["ml", "b"].metrics["errors"].bad] == [2.0]
    assert told == [("ml", "a"), ("ml", "b")]


@pytest.mark.parametrize(
    "labels",
    [
        {"job": "pods"},
        {"namespace": "ml", "revision": "a-1"},
        {"namespace": "ml", "pod": "a-1-x"},
        {"pod": "a-1-x", "revision": "a-1"},
    ],
)
async def test_series_without_our_labels_are_said_so_and_never_read_as_zero(labels: dict[str, str]) -> None:
    polling, _ = poller(FakePrometheus(RawSeries(labels, ((1.0, 5.0),))), watched("a"))
    await polling.poll()
    error = polling.evidence["ml", "a"].error
    assert error is not None
    assert "'errors'" in error
    assert "lack the labels namespace, pod and revision; see docs/prometheus.md" in error


@pytest.mark.parametrize("found", [(), (RawSeries({"namespace": "ml", "pod": "unrelated-x"}, ((1.0, 5.0),)),)])
async def test_no_series_and_those_of_other_workloads_are_no_fault(found: Sequence[RawSeries]) -> None:
    polling, _ = poller(FakePrometheus(*found), watched("a"))
    await polling.poll()
    assert polling.evidence["ml", "a"].error is None
    assert polling.evidence["ml", "a"].metrics["errors"].total == ()


async def test_our_own_pod_without_a_revision_is_a_fault_beside_others_that_have_one() -> None:
    ours = RawSeries({"namespace": "ml", "pod": "a-1-x"}, ((1.0, 5.0),))
    polling, _ = poller(FakePrometheus(ours, series("ml", "b-1", 1.0)), watched("a"), watched("b"))
    await polling.poll()
    assert polling.evidence["ml", "a"].error is not None
    assert polling.evidence["ml", "b"].error is None


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
    objective = {"absolute": {"max": "0.02"}}
    metrics = [
        {"name": stem, "ratio": {"bad": f"{stem}_bad", "total": f"{stem}_total"}, "objective": objective}
        for stem in stems
    ]
    spec = rollout(name=name, analysis={"metrics": metrics})["spec"]
    return Watched((namespace, name), RolloutSpec.model_validate(spec).analysis.metrics, frozenset({f"{name}-1"}))


class Watch:
    """A poller over a slow Prometheus, and the Rollouts it told of in order."""

    def __init__(self, *watching: Watched) -> None:
        self.prometheus = SlowPrometheus(clock := FakeClock(0.0))
        self.told: asyncio.Queue[Place] = asyncio.Queue()
        self.poller = Poller(self.prometheus, clock, 5.0, lambda: watching, self.told.put_nowait)

    async def next(self) -> str:
        async with asyncio.timeout(5):
            return (await self.told.get())[1]


async def test_a_rollout_is_told_of_when_its_own_answers_are_in_and_again_while_another_waits() -> None:
    watch = Watch(asking("a", "slow"), asking("b", "quick"))
    first = asyncio.create_task(watch.poller.poll())
    assert await watch.next() == "b"
    assert ("ml", "a") not in watch.poller.evidence
    await watch.poller.poll()
    assert await watch.next() == "b"
    assert watch.prometheus.asked.count("slow_bad") == 1
    watch.prometheus.released.set()
    await first
    assert await watch.next() == "a"


async def test_evidence_is_as_old_as_the_earliest_of_its_answers() -> None:
    watch = Watch(asking("a", "x", "y"))
    await watch.poller.poll()
    assert watch.poller.evidence["ml", "a"].read_at == 0.0


async def test_slow_queries_of_one_namespace_leave_slots_to_others() -> None:
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


async def test_evidence_goes_when_its_rollout_is_no_longer_under_way() -> None:
    watching = [watched("a")]
    polling = Poller(FakePrometheus(), FakeClock(), 5.0, lambda: watching, lambda place: None)
    await polling.poll()
    watching.clear()
    await polling.poll()
    assert polling.evidence == {}
