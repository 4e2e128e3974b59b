"""Would catch a route of a deleted Rollout that is not seen beside another way in, or one of others taken for it."""

from typing import Any

import pytest
from crossfade.model.snapshot import Platform, Snapshot
from crossfade.observe.cache import Cache
from crossfade.observe.gather import gather_rollout

from tests.simulation.specs import spec

OURS = {"crossfade.dev/rollout": "demo", "app.kubernetes.io/managed-by": "crossfade"}
BY_PODS = {"replicas": {}}
MANAGED = {"gatewayAPI": {"parentRefs": [{"name": "public"}]}}


def adopting(name: str) -> dict[str, Any]:
    return {"gatewayAPI": {"mode": "Adopted", "adopted": {"name": name, "rule": "model"}}}


def seen(traffic: dict[str, Any], name: str = "demo", labels: dict[str, str] = OURS) -> frozenset[str] | None:
    """Whom the route that was left behind leads to, None when there is none, beside one HTTPRoute."""
    left = gathered(spec(traffic=traffic), name, labels).left_behind
    return left.reached if left else None


def gathered(asked: dict[str, Any], name: str = "demo", labels: dict[str, str] = OURS) -> Snapshot:
    """All that is seen of a Rollout with this spec beside one HTTPRoute."""
    cache = Cache()
    place = {"namespace": "ml", "resourceVersion": "1", "uid": "u", "generation": 1}
    rules = [{"backendRefs": [{"name": "demo-0123456789", "weight": 1}]}]
    cache.put(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {**place, "name": name, "labels": labels},
            "spec": {"rules": rules},
        }
    )
    raw = {"kind": "Rollout", "metadata": {**place, "name": "demo"}, "spec": asked}
    return gather_rollout(cache, Platform("crossfade:test"), {}, {}, {}, raw, now=0.0)


@pytest.mark.parametrize("traffic", [BY_PODS, adopting("shop")])
def test_beside_another_way_in_the_route_of_before_is_seen(traffic: dict[str, Any]) -> None:
    assert seen(traffic) == {"demo-0123456789"}


@pytest.mark.parametrize(
    ("traffic", "name", "labels"),
    [
        (MANAGED, "demo", OURS),
        (adopting("demo"), "demo", OURS),
        (BY_PODS, "other", OURS),
        (BY_PODS, "demo", {"crossfade.dev/rollout": "demo"}),
        (BY_PODS, "demo", {**OURS, "crossfade.dev/rollout": "other"}),
        (BY_PODS, "demo", {}),
    ],
    ids=["its own", "the adopted one", "another name", "one of Git's", "another Rollout's", "one without labels"],
)
def test_what_was_not_left_behind_is_not(traffic: dict[str, Any], name: str, labels: dict[str, str]) -> None:
    assert seen(traffic, name, labels) is None


UNREADABLE = {"replicas": "many"}


def test_a_spec_that_cannot_be_read_hides_not_whose_the_route_is() -> None:
    found = gathered(spec(traffic=BY_PODS, serving=UNREADABLE))
    assert found.rollout.spec is None
    assert found.route is None, "it would be written"
    assert found.left_behind is not None


@pytest.mark.parametrize("traffic", [MANAGED, {}, None, {**MANAGED, **BY_PODS}], ids=str)
def test_of_a_spec_that_does_not_say_otherwise_the_route_is_its_own(traffic: Any) -> None:
    found = gathered(spec(traffic=traffic, serving=UNREADABLE))
    assert found.route is not None
    assert found.left_behind is None
