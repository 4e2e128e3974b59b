"""Would catch what a gateway answers with 500 for a moment, to users, when an arm comes into their rule."""

from crossfade.api.v1alpha1 import RolloutSpec, RolloutStatus
from crossfade.decide.front import asked_front
from crossfade.decide.route_kinds import HTTP
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
