"""The promises that every version of a status must keep, whatever the operator was doing when it wrote it."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from crossfade.api.conditions import ConditionType, Reason

Object = dict[str, Any]
Conditions = dict[str, Object]


def conditions(found: Object) -> Conditions:
    """An object's conditions by type."""
    return {one["type"]: one for one in found.get("status", {}).get("conditions", ())}


def lint(history: Iterable[Object]) -> None:
    """Check all versions of one object, oldest first. AssertionError names the first broken promise."""
    written = [one for one in history if one.get("status", {}).get("conditions")]  # there are defaults before any word
    for one in written:
        _conditions(one)
        if one["kind"] == "Rollout":
            _rollout(one)
    for before, after in pairwise(written):
        if before["metadata"]["uid"] == after["metadata"]["uid"]:
            _transition(before, after)


def _conditions(found: Object) -> None:
    listed, by_type = found["status"]["conditions"], conditions(found)
    ready = by_type["Ready"]
    assert len(listed) == len(by_type), f"a condition is there twice: {listed}"
    for one in listed:
        assert one["type"] in set(ConditionType), one
        assert one["reason"] in set(Reason), one
        assert one["message"], one
        assert one["observedGeneration"] == found["status"]["observedGeneration"], one
    assert found["status"]["observedGeneration"] <= found["metadata"]["generation"]
    abnormal = {kind: by_type[kind]["status"] for kind in ("Reconciling", "Stalled") if kind in by_type}
    assert set(abnormal.values()) <= {"True"}, f"kstatus' conditions are there only while True: {listed}"
    suspended = ready["reason"] == "Suspended"
    wanted = {"True": set(), "False": {"Stalled"}, "Unknown": set() if suspended else {"Reconciling"}}
    assert set(abnormal) == wanted[ready["status"]], f"Ready={ready['status']} with {abnormal}"
    for kind in abnormal:
        assert (by_type[kind]["reason"], by_type[kind]["message"]) == (ready["reason"], ready["message"]), listed


def _rollout(found: Object) -> None:
    status, by_type = found["status"], conditions(found)
    candidate, stage, outcome = status.get("candidate"), status.get("stage"), status.get("outcome")
    assert "Available" in by_type, status
    assert stage is None or candidate is not None, f"a stage without a candidate: {status}"
    assert ("traffic" in status) == (stage is not None), f"a stage and its weight come together: {status}"
    assert ("TrafficProven" not in by_type) or stage is not None, f"a share is proven, but nothing is split: {status}"
    if by_type["Ready"]["status"] == "True":
        accepted = found["spec"].get("readyWhen") == "Accepted"
        assert accepted or candidate is None, f"ready with a candidate under way: {status}"
        assert status["stable"]["ready"] > 0, f"ready with nothing serving: {status}"
    if outcome is not None:
        assert status["history"][0] == outcome, f"the last outcome heads the history: {status}"
    assert len(status.get("history", ())) <= 10


def _transition(before: Object, after: Object) -> None:
    """A transition time moves when, and only when, its condition's status does; generations never go back."""
    assert after["status"]["observedGeneration"] >= before["status"]["observedGeneration"]
    then = conditions(before)
    for kind, now in conditions(after).items():
        if kind in then:
            moved = now["lastTransitionTime"] != then[kind]["lastTransitionTime"]
            flipped = now["status"] != then[kind]["status"]
            assert moved == flipped, f"{kind} went from {then[kind]} to {now}"
