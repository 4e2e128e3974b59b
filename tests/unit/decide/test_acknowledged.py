"""Would catch a route that counts as taken while a parent that it names does not serve it, or not as it is stored."""

from dataclasses import replace
from typing import Any

import pytest
from crossfade.api.v1alpha1 import RolloutStatus
from crossfade.decide.routes import rejected, unacknowledged
from crossfade.model.gateway import GatewayFacts
from crossfade.model.route import RouteFacts
from crossfade.model.snapshot import Platform, RolloutFacts, Snapshot
from crossfade.observe.routes import read_route

ROLLOUT = RolloutFacts("fraud", "ml", "u-1", 1, False, 0.0, False, {}, None, "", RolloutStatus())
NEAR, FAR = {"name": "inner"}, {"name": "public", "namespace": "gateways", "sectionName": "web"}
OURS, FORMER = "ours.test/controller", "former.test/controller"
NOW = 1000.0


def snapshot(controller: str = "", read_at: float = NOW) -> Snapshot:
    """What is known of the Gateway `FAR`: the controller of its class, if it was read."""
    known = GatewayFacts("gateways", "public", read_at, "acme", controller=controller)
    return Snapshot(NOW, ROLLOUT, Platform("crossfade"), None, {}, None, None, gateways=(known,) if controller else ())


UNREAD = snapshot()


def said(ref: dict[str, Any], generation: int = 3, controller: str = OURS, **wrong: str) -> dict[str, Any]:
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
    return {"parentRef": ref, "controllerName": controller, "conditions": conditions}


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
    assert unacknowledged(UNREAD, stored(said(NEAR), said(FAR))) is None
    assert "Gateway gateways/public has not looked at the route yet" in str(unacknowledged(UNREAD, stored(said(NEAR))))
    late = stored(said(NEAR), said(FAR, generation=2))
    assert unacknowledged(UNREAD, late) == "Gateway gateways/public has not accepted generation 3 of the route"


def test_a_reference_that_no_grant_permits_is_no_acknowledgement() -> None:
    """Nothing of ours is in another namespace; should a gateway say so all the same, its words are passed on."""
    words = "Backend ref to service other/fraud not permitted by any ReferenceGrant"
    refused = stored(said(NEAR), said(FAR, ResolvedRefs=words))
    assert str(unacknowledged(UNREAD, refused)).endswith(f"generation 3 of the route: {words}")


def test_what_a_former_parent_says_counts_for_nothing() -> None:
    former = said({"name": "former"}, Accepted="no")
    assert unacknowledged(UNREAD, stored(said(NEAR), said(FAR), former)) is None
    assert rejected(UNREAD, stored(said(NEAR), said(FAR), former)) is None


@pytest.mark.parametrize("ref", [{**FAR, "sectionName": "plain"}, {**FAR, "namespace": "ml"}, {**FAR, "port": 80}])
def test_another_listener_or_namespace_is_another_parent(ref: dict[str, Any]) -> None:
    assert "has not looked at the route yet" in str(unacknowledged(UNREAD, stored(said(NEAR), said(ref))))


def test_a_parent_that_will_not_have_the_route_is_named_with_its_words() -> None:
    refused = stored(said(NEAR, Accepted="no matching listener"), said(FAR))
    assert rejected(UNREAD, refused) == "Gateway ml/inner says no matching listener"


def test_who_served_a_gateway_before_is_not_waited_for() -> None:
    """Its entry stays, with the generation that it saw last."""
    left = said(FAR, 1, FORMER, Accepted="no")
    for seen in (UNREAD, snapshot(OURS)):
        assert unacknowledged(seen, stored(said(NEAR), left, said(FAR))) is None
        late = stored(said(NEAR), left, said(FAR, 2))
        assert unacknowledged(seen, late) == "Gateway gateways/public has not accepted generation 3 of the route"


def test_what_others_than_its_classs_controller_say_of_a_gateway_counts_for_nothing() -> None:
    known, refused = snapshot(OURS), said(FAR, 3, FORMER, Accepted="no")
    assert unacknowledged(known, stored(said(NEAR), refused, said(FAR))) is None
    assert rejected(known, stored(said(NEAR), refused, said(FAR))) is None
    assert unacknowledged(known, stored(said(NEAR), said(FAR, 3, FORMER))) == (
        "Gateway gateways/public has not looked at the route yet: what its status has is not of ours.test/controller,"
        " the controller of the Gateway's class"
    )
    both = stored(said(NEAR), said(FAR, 3, FORMER), said(FAR, 3, Accepted="not here"))
    assert str(unacknowledged(known, both)).endswith("generation 3 of the route: not here")
    assert rejected(known, both) == "Gateway gateways/public says not here"


def test_while_nobody_knows_whose_a_gateway_is_who_looked_last_is_believed_and_one_that_took_it_is_enough() -> None:
    """Nobody but whose it is can have looked at what was written since it is his."""
    for seen in (UNREAD, snapshot(OURS, NOW - 31)):
        assert unacknowledged(seen, stored(said(NEAR), said(FAR, 3, FORMER))) is None
        both = stored(said(NEAR), said(FAR, 3, FORMER, Accepted="no"), said(FAR))
        assert (unacknowledged(seen, both), rejected(seen, both)) == (None, None)
        none = stored(said(NEAR), said(FAR, 3, FORMER, Accepted="no"), said(FAR, Accepted="neither"))
        assert "generation 3 of the route: no" in str(unacknowledged(seen, none))
        assert rejected(seen, none) == "Gateway gateways/public says no"


def test_who_only_adds_words_of_his_own_to_a_route_is_no_parent_that_refuses_it() -> None:
    """Policies are told of so, in entries without any of the conditions that are looked for."""
    policy = {"parentRef": FAR, "controllerName": "policies.test/controller", "conditions": []}
    for seen in (UNREAD, snapshot(OURS)):
        assert unacknowledged(seen, stored(said(NEAR), policy, said(FAR))) is None


def test_a_service_that_is_a_parent_is_none_of_the_gateways_of_its_name() -> None:
    """In a mesh a Service is a parent; it has no class, and whoever looked last is believed."""
    service = {**FAR, "kind": "Service", "group": ""}
    route = stored(said(NEAR), said(service, controller="mesh.test/controller"))
    assert "Gateway gateways/public has not looked" in str(unacknowledged(snapshot(OURS), route))
    mesh = replace(route, spec={**route.spec, "parentRefs": [service]})
    assert unacknowledged(snapshot(OURS), mesh) is None
    assert str(unacknowledged(snapshot(OURS), replace(mesh, generation=4))).startswith(
        "Service gateways/public has not"
    )
