"""Would catch a pod taken for one that requests find, though no EndpointSlice lists it, or though it is another's."""

from typing import Any

import pytest
from crossfade.decide.workloads import ports
from crossfade.model.snapshot import Platform
from crossfade.model.workload import RevisionFacts
from crossfade.observe.cache import Cache
from crossfade.observe.gather import gather_rollout
from crossfade.observe.prune import prune

from tests.simulation.shop import BLUE, GREEN, adopting
from tests.simulation.specs import spec

REVISION = "fraud-1"
LABELS = {"crossfade.dev/rollout": "fraud", "crossfade.dev/revision": REVISION}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
DIGEST = "sha256:" + 64 * "0"
WHEN, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"
MANAGED = spec(traffic={"gatewayAPI": {"parentRefs": [{"name": "public"}]}})


def placed(kind: str, name: str, created: str = WHEN, **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "ml", "uid": name, "generation": 1, "resourceVersion": "1"}
    return {"kind": kind, "metadata": {**metadata, "creationTimestamp": created, "labels": {**LABELS, **labels}}}


def pod(name: str, created: str = WHEN, of: str = "set-1", **metadata: str) -> dict[str, Any]:
    """A ready pod, whose controller is the ReplicaSet `of` this uid; nobody's where that is empty."""
    found = {**placed("Pod", name, created), "status": READY}
    owner = {"kind": "ReplicaSet", "name": of, "uid": of, "controller": True}
    found["metadata"] |= {"ownerReferences": [owner]} | metadata if of else metadata
    return found


def end(name: str, kind: str = "Pod", **more: Any) -> dict[str, Any]:
    return {"targetRef": {"kind": kind, "name": name, "uid": name}, "addresses": ["10.0.0.1"], **more}


def a_slice(*ends: dict[str, Any], of: str = REVISION, number: int = 1) -> dict[str, Any]:
    service = {"kubernetes.io/service-name": of}
    return {**placed("EndpointSlice", f"{of}-{number}", **service), "endpoints": list(ends) or None}


def slot(name: str, selects: str) -> dict[str, Any]:
    return {**placed("Service", name), "spec": {"selector": {"crossfade.dev/revision": selects}, "ports": ports()}}


def gathered(
    *world: dict[str, Any], asks: dict[str, Any] = MANAGED, stable: str = "", **deployed: Any
) -> RevisionFacts:
    cache = Cache()
    rollout = {**placed("Rollout", "fraud"), "spec": asks}
    if stable:
        rollout["status"] = {"stable": {"modelVersion": "v1", "revision": stable, "digest": DIGEST}}
    for one in (rollout, {**placed("Deployment", REVISION), **deployed}, *world):
        cache.put(one)
    return gather_rollout(cache, Platform("crossfade:test"), {}, {}, {}, rollout, 0.0).revisions[REVISION]


def listed(found: RevisionFacts) -> list[str]:
    """The pods that requests find."""
    assert found.ready == sum(one.ready and one.listed for one in found.pods)
    return [one.name for one in found.pods if one.ready and one.listed]


def test_a_pod_counts_when_any_slice_of_its_service_lists_it_as_ready() -> None:
    slices = (
        a_slice(end("a"), end("b", conditions={"ready": False}), end("gone"), end("d", kind="VirtualMachine")),
        a_slice(end("c", conditions={"ready": True}), number=2),
        a_slice(end("d"), of="fraud-of-others"),
    )
    found = gathered(*map(pod, "abcd"), *slices)
    assert (listed(found), found.up) == (["a", "c"], 4)


def test_who_is_listed_still_and_not_ready_any_more_is_not_found() -> None:
    leaving, unready = pod("a", deletionTimestamp=LATER), {**pod("b"), "status": {}}
    assert listed(gathered(leaving, unready, pod("c"), a_slice(*map(end, "abc")))) == ["c"]


@pytest.mark.parametrize(
    ("slices", "stable", "counted"),
    [
        ((), "", []),
        ((), "fraud-2", []),
        ((), REVISION, ["a"]),
        ((a_slice(),), REVISION, []),
        ((a_slice(of="fraud-2"),), REVISION, ["a"]),
    ],
    ids=["a first version", "a candidate", "stable", "stable without ends", "stable, of which no slice is known"],
)
def test_pods_of_stable_are_believed_where_no_slice_of_it_is_known(
    slices: tuple[dict[str, Any], ...], stable: str, counted: list[str]
) -> None:
    assert listed(gathered(pod("a"), *slices, stable=stable)) == counted


@pytest.mark.parametrize("slices", [(), (a_slice(),)], ids=["no slice is known", "a slice without ends"])
def test_so_are_those_of_whom_the_route_names_for_its_service_may_be_gone(slices: tuple[dict[str, Any], ...]) -> None:
    route = placed("HTTPRoute", "fraud")
    route["spec"] = {"rules": [{"backendRefs": [{"name": REVISION, "weight": 100}]}]}
    assert listed(gathered(pod("a"), route, *slices)) == ([] if slices else ["a"])


def test_without_a_gateway_pods_are_asked_alone() -> None:
    assert listed(gathered(pod("a"), a_slice(), asks=spec(traffic={"replicas": {}}))) == ["a"]


def test_slices_are_asked_where_it_cannot_be_told_whether_there_is_a_gateway() -> None:
    assert listed(gathered(pod("a"), a_slice(), asks={})) == []


@pytest.mark.parametrize(
    ("slots", "counted"),
    [(("fraud-2", "fraud-2"), ["a"]), (("fraud-2", REVISION), ["b"]), ((REVISION, REVISION), ["b", "c"])],
    ids=["by its own until one is its", "by the one that is its", "by both that are its"],
)
def test_behind_an_adopted_route_those_count_whom_its_own_services_list(
    slots: tuple[str, str], counted: list[str]
) -> None:
    services = map(slot, (BLUE, GREEN), slots)
    ends = (a_slice(end("a")), a_slice(end("c"), of=BLUE), a_slice(end("b"), of=GREEN))
    assert listed(gathered(*map(pod, "abc"), *services, *ends, asks=adopting())) == counted


def test_of_a_slice_as_much_is_kept_as_is_asked_for() -> None:
    raw = a_slice(end("a", conditions={"ready": True, "serving": True}), end("b", conditions={"ready": False}))
    raw["metadata"]["annotations"] = {"endpoints.kubernetes.io/last-change-trigger-time": WHEN}
    kept = prune(raw)
    assert kept["endpoints"] == [{"targetRef": {"kind": "Pod", "name": "a"}}]
    assert kept["metadata"].keys() == {"name", "namespace", "uid", "resourceVersion", "labels"}
    assert prune(kept) == kept
