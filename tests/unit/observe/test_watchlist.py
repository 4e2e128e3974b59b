"""Would catch metrics read from the wrong place, a gap that is not read, and a spec that is parsed at every poll."""

from typing import Any

from crossfade.api.v1alpha1.rollout import AnalysisStatus, MetricStatus
from crossfade.decide.memory import recorded
from crossfade.decide.templates import Source
from crossfade.model.ledger import Ledger, MetricLedger
from crossfade.observe.answers import Watched
from crossfade.observe.cache import Cache
from crossfade.observe.watchlist import Watchlist

from tests.unit.fakes.objects import rollout

STABLE = {"modelVersion": "v1", "revision": "demo-1", "digest": "sha256:" + "0" * 64}
CANDIDATE = {**STABLE, "modelVersion": "v2", "revision": "demo-2"}


def raw(generation: int = 1, status: dict[str, Any] | None = None, **analysis: Any) -> dict[str, Any]:
    found = rollout()
    found["metadata"] |= {"uid": "u", "generation": generation, "resourceVersion": str(generation)}
    found["spec"]["analysis"] |= analysis
    return {**found, "status": {"stable": STABLE, "candidate": CANDIDATE} if status is None else status}


def one(cache: Cache, **ledgers: Ledger) -> Watched:
    (found,) = Watchlist(cache).under_way(ledgers)
    return found


def holding(*objects: dict[str, Any]) -> Cache:
    cache = Cache()
    for found in objects:
        cache.put(found)
    return cache


def test_a_rollout_is_read_by_its_metrics_and_its_two_revisions() -> None:
    found = one(holding(raw()))
    assert found.revisions == {"demo-1", "demo-2"}
    assert found.candidate == "demo-2"
    assert found.prometheus == "default"
    source = found.sources["errors"]
    assert isinstance(source, Source)
    assert "rest_server_requests_total" in source.total


def test_the_prometheus_is_the_one_that_the_rollout_names() -> None:
    assert one(holding(raw(prometheus="mimir"))).prometheus == "mimir"


def test_a_template_of_the_namespace_is_found_and_that_of_another_is_not() -> None:
    metric = {"name": "mine", "template": "mine", "objective": {"absolute": {"max": "0.02"}}}
    spec = {"ratio": {"bad": "my_bad", "total": "my_total"}}
    template = {"kind": "MetricTemplate", "spec": spec}
    ours = {**template, "metadata": {"name": "mine", "namespace": raw()["metadata"]["namespace"], "uid": "t"}}
    others = {**template, "metadata": {"name": "mine", "namespace": "others", "uid": "o"}}
    assert one(holding(raw(metrics=[metric]), ours)).sources == {
        "mine": Source("ratio", bad="my_bad", total="my_total")
    }
    missing = one(holding(raw(metrics=[metric]), others)).sources["mine"]
    assert isinstance(missing, str)
    assert "'mine', which does not exist" in missing


def test_a_spec_that_cannot_be_read_is_left_to_the_reconcile() -> None:
    assert list(Watchlist(holding(raw(metrics=[]))).under_way({})) == []


def test_what_was_judged_is_read_from_the_ledger() -> None:
    ledger = Ledger({"errors": MetricLedger(end=1000.0, bounds=(0.1, 0.5))})
    assert one(holding(raw())).since == {}
    assert one(holding(raw()), u=ledger).since == {"errors": 1000.0}
    assert one(holding(raw()), u=ledger).bounds == {"errors": (0.1, 0.5)}


def test_after_a_restart_it_is_read_from_the_status() -> None:
    analysis = AnalysisStatus(
        verdict="Continue", at="2026-11-22T00:00:00.000000Z", metrics=[MetricStatus(name="errors", state="Undecided")]
    )
    told = recorded(analysis, Ledger({"errors": MetricLedger(end=1000.0)}, asked="a", since=900.0, step=5.0))
    stage = {"index": 0, "name": "ten", "summary": "1/2 ten", "weight": 10, "enteredAt": "2026-11-22T00:00:00.000000Z"}
    status = {"stable": STABLE, "candidate": CANDIDATE, "stage": stage, "analysis": told.to_json()}
    assert one(holding(raw(status=status))).since == {"errors": 1000.0}


def test_the_bound_that_the_objective_names_must_be_counted() -> None:
    aims = {"absolute": {"quantile": "0.99", "max": "500ms"}}
    metric = {"name": "slow", "latency": {"buckets": "b"}, "objective": aims}
    assert one(holding(raw(metrics=[metric]))).bounds == {"slow": (0.5,)}


def test_a_changed_spec_is_seen_and_an_equal_one_is_parsed_once() -> None:
    cache = holding(raw())
    watchlist = Watchlist(cache)
    (before,), (again,) = watchlist.under_way({}), watchlist.under_way({})
    cache.put(raw(generation=2, prometheus="mimir"))
    (after,) = watchlist.under_way({})
    assert (before.prometheus, again.prometheus, after.prometheus) == ("default", "default", "mimir")
    assert len(watchlist._specs) == 1
