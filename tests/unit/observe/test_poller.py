"""Would catch evidence of one Rollout judged as another's, the same query asked twice, and silence taken for health."""

from collections.abc import Sequence

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
    assert await polling.poll()
    assert len(prometheus.asked) == 2  # bad and total, for both Rollouts
    assert [s.revision for s in polling.evidence["ml", "a"].metrics["errors"].total] == ["a-1"]
    assert [s.samples[0][1] for s in polling.evidence["ml", "b"].metrics["errors"].bad] == [2.0]
    assert told == [("ml", "a"), ("ml", "b")]


async def test_series_that_belong_to_no_pod_are_left_out() -> None:
    polling, _ = poller(FakePrometheus(RawSeries({"namespace": "ml", "revision": "a-1"}, ((1.0, 5.0),))), watched("a"))
    await polling.poll()
    assert polling.evidence["ml", "a"].metrics["errors"].total == ()


async def test_a_prometheus_that_does_not_answer_is_said_so_in_the_evidence() -> None:
    polling, told = poller(FakePrometheus(error="Prometheus is away"), watched("a"))
    assert not await polling.poll()
    assert polling.evidence["ml", "a"].error == "Prometheus is away"
    assert told == [("ml", "a")]


async def test_evidence_goes_when_its_rollout_is_no_longer_under_way() -> None:
    watching = [watched("a")]
    polling = Poller(FakePrometheus(), FakeClock(), 5.0, lambda: watching, lambda place: None)
    await polling.poll()
    watching.clear()
    assert await polling.poll()
    assert polling.evidence == {}
