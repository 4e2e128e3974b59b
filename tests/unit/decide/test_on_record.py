"""Would catch pods of a version, or a route, that are written before the status says what for."""

from typing import Any

import pytest
from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import Arm, Previous, RolloutStatus, TrafficStatus
from crossfade.decide.on_record import _SEEN, in_order, is_on_record
from crossfade.decide.plan import Delete, Plan, Situation, Standing, Target

AT = "2026-01-01T00:00:00.000000Z"
ARM = {"modelVersion": "v1", "revision": "demo-1", "digest": "sha256:" + "a" * 64}
KNOWN = {"stable": ARM, "candidate": {**ARM, "revision": "demo-2"}, "traffic": {"desired": 10}, "began": AT}
STAGE = {"index": 0, "name": "ten", "summary": "1/2 ten", "enteredAt": AT}
HANDLED = {"verb": "abort", "token": "1", "effect": "Obeyed", "message": "m", "at": AT}


def status(**changes: Any) -> RolloutStatus:
    return RolloutStatus.of({**KNOWN, **changes})


@pytest.mark.parametrize(
    "seen",
    [
        {"stable": {**ARM, "replicas": 3, "ready": 2, "unreadySince": AT, "waitsFor": "Load", "waitsSince": AT}},
        {"traffic": {"desired": 10, "observed": "9.8%"}},
        {"analysis": {"verdict": "Continue", "at": AT, "explanation": "so far"}},
        {"observedGeneration": 7},
    ],
)
def test_what_was_only_seen_need_not_be_on_record_first(seen: dict[str, Any]) -> None:
    assert is_on_record(status(**seen), status())


@pytest.mark.parametrize(
    "intent",
    [
        {"candidate": ARM},
        {"candidate": None},
        {"stable": {**ARM, "floor": 2}},
        {"traffic": {"desired": 20}},
        {"traffic": {"desired": 10, "reduced": 5}},
        {"stage": STAGE},
        {"handled": [HANDLED]},
        {"previous": {**ARM, "until": AT}},
    ],
)
def test_what_is_meant_must_be(intent: dict[str, Any]) -> None:
    assert not is_on_record(status(**intent), status())


def test_all_is_written_before_the_status_where_that_says_nothing_that_must_be_on_record_first() -> None:
    one, other = (Delete(Target.SERVICE, name, "why") for name in "ab")
    plan = Plan(status(), Situation(Standing.DONE, Reason.PROMOTED, ""), first=(one,), then=(other,))
    assert in_order(plan, status()) == ((one, other), ())
    assert in_order(plan, status(stage=STAGE)) == ((one,), (other,))


def test_every_field_that_is_left_out_is_one() -> None:
    """A name that is none would count for nothing, without a word."""
    assert _SEEN.keys() <= RolloutStatus.model_fields.keys()
    for arm, kind in (("stable", Arm), ("candidate", Arm), ("previous", Previous), ("traffic", TrafficStatus)):
        assert _SEEN[arm] <= kind.model_fields.keys()
