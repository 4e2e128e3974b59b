"""Would catch a route that counts as taken while a parent that it names does not serve it, or not as it is stored."""

from typing import Any

import pytest
from crossfade.api.v1alpha1 import RolloutStatus
from crossfade.decide.routes import rejected, unacknowledged
from crossfade.model.route import RouteFacts
from crossfade.model.snapshot import RolloutFacts
from crossfade.observe.routes import read_route

ROLLOUT = RolloutFacts("fraud", "ml", "u-1", 1, False, 0.0, False, {}, None, "", RolloutStatus())
NEAR, FAR = {"name": "inner"}, {"name": "public", "namespace": "gateways", "sectionName": "web"}


def said(ref: dict[str, Any], generation: int = 3, **wrong: str) -> dict[str, Any]:
    """What a parent says; `wrong` are conditions that are False, each with its message."""
    conditions = [
        {
            "type": kind,
            "status": "False" if kind in wrong else "True",
            "reason": "RefNotPermitted" if kind in wrong else kind,
            "message": wrong.get(kind, ""),
            "observedGeneration": generation,
        }
        for kind in ("Accepted", "ResolvedRefs")
    ]
    return {"parentRef": ref, "conditions": conditions}


def stored(*parents: dict[str, Any]) -> RouteFacts:
    """A route of generation 3 with both parents, of which these have said something."""
    rule = {"backendRefs": [{"name": "fraud-1", "port": 80, "weight": 100}]}
    return read_route(
        {
            "kind": "HTTPRoute",
            "metadata": {"name": "fraud", "namespace": "ml", "generation": 3},
            "spec": {"parentRefs": [NEAR, FAR], "rules": [rule]},
            "status": {"parents": list(parents)},
        }
    )


def test_every_parent_that_the_route_names_must_have_taken_it() -> None:
    assert unacknowledged(ROLLOUT, stored(said(NEAR), said(FAR))) is None
    assert "Gateway gateways/public has not looked at the route yet" in str(unacknowledged(ROLLOUT, stored(said(NEAR))))
    late = stored(said(NEAR), said(FAR, generation=2))
    assert unacknowledged(ROLLOUT, late) == "Gateway gateways/public has not accepted generation 3 of the route"


def test_a_reference_that_no_grant_permits_is_no_acknowledgement() -> None:
    """Nothing of ours is in another namespace; should a gateway say so all the same, its words are passed on."""
    words = "Backend ref to service other/fraud not permitted by any ReferenceGrant"
    refused = stored(said(NEAR), said(FAR, ResolvedRefs=words))
    assert str(unacknowledged(ROLLOUT, refused)).endswith(f"generation 3 of the route: {words}")


def test_what_a_former_parent_says_counts_for_nothing() -> None:
    former = said({"name": "former"}, Accepted="no")
    assert unacknowledged(ROLLOUT, stored(said(NEAR), said(FAR), former)) is None
    assert rejected(ROLLOUT, stored(said(NEAR), said(FAR), former)) is None


@pytest.mark.parametrize("ref", [{**FAR, "sectionName": "plain"}, {**FAR, "namespace": "ml"}, {**FAR, "port": 80}])
def test_another_listener_or_namespace_is_another_parent(ref: dict[str, Any]) -> None:
    assert "has not looked at the route yet" in str(unacknowledged(ROLLOUT, stored(said(NEAR), said(ref))))


def test_a_parent_that_will_not_have_the_route_is_named_with_its_words() -> None:
    refused = stored(said(NEAR, Accepted="no matching listener"), said(FAR))
    assert rejected(ROLLOUT, refused) == "Gateway ml/inner says no matching listener"
