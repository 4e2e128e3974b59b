"""Would catch what a gateway answers with 500 for a moment, to users, when an arm comes into their rule."""

import pytest
from crossfade.api.v1alpha1 import RolloutSpec, RolloutStatus
from crossfade.api.v1alpha1.strategy import HeaderMatch
from crossfade.decide.front import asked_front
from crossfade.decide.route_kinds import GRPC, HTTP, RouteKind
from crossfade.decide.routes import rehearsed_rules, render
from crossfade.decide.shapes import Split
from crossfade.model.snapshot import RolloutFacts

from tests.simulation.world import spec

READ = RolloutSpec.model_validate(spec())
SPLIT = Split({"fraud-a": 90, "fraud-b": 10})


def test_no_backend_that_users_meet_has_a_filter() -> None:
    rollout = RolloutFacts("fraud", "ml", "u-1", 1, False, 0.0, False, None, READ, "", RolloutStatus())
    rules = render(rollout, SPLIT, HTTP, asked_front(READ))["spec"]["rules"]
    assert [rule["backendRefs"] for rule in rules] == [
        [{"name": "fraud-a", "port": 80, "weight": 90}, {"name": "fraud-b", "port": 80, "weight": 10}]
    ]


def test_an_answer_through_a_rehearsed_rule_names_the_arm_and_the_token() -> None:
    (rule,) = rehearsed_rules(READ.traffic.gateway_api, SPLIT, "t-1")
    said = [one["filters"][0]["responseHeaderModifier"]["set"] for one in rule["backendRefs"]]
    assert [{one["name"]: one["value"] for one in each} for each in said] == [
        {"x-crossfade-revision": arm, "x-crossfade-rehearsal": "t-1"} for arm in ("fraud-a", "fraud-b")
    ]


@pytest.mark.parametrize("kind", [HTTP, GRPC], ids=["HTTPRoute", "GRPCRoute"])
def test_no_route_leads_into_another_namespace_so_none_needs_a_grant(kind: RouteKind) -> None:
    """A ReferenceGrant is for a backend of another namespace; a parent of another one asks its `allowedRoutes`."""
    rollout = RolloutFacts("fraud", "ml", "u-1", 1, False, 0.0, False, None, READ, "", RolloutStatus())
    cohort = (HeaderMatch(name="x-team", value="risk"),)
    split = Split({"fraud-a": 90, "fraud-b": 10}, mirrored=("fraud-b", 20), matched=("fraud-b", cohort))
    rules = render(rollout, split, kind, asked_front(READ))["spec"]["rules"]
    rules += rehearsed_rules(READ.traffic.gateway_api, split, "t-1")
    backends = [one for rule in rules for one in rule["backendRefs"]]
    copies = [one["requestMirror"]["backendRef"] for rule in rules for one in rule.get("filters", ())]
    assert copies
    assert [one for one in (*backends, *copies) if "namespace" in one] == []
