"""Would catch a ModelSource that forgets what a Rollout was taken back from, or blames a model for how it served."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from crossfade.api.v1alpha1 import RolloutStatus
from crossfade.api.v1alpha1.modelsource import TakenBack
from crossfade.decide.going_back import bounded
from crossfade.decide.sourcing import plan_source
from crossfade.decide.verdicts import holds, remembered

from tests.unit.decide.test_sourcing import (
    ARM,
    DIGEST,
    NAME,
    NOW,
    OTHER,
    answer,
    end,
    means,
    moving,
    rollout,
    settled,
    snapshot,
    spec,
    stored,
)

if TYPE_CHECKING:
    from crossfade.model.snapshot import Snapshot


def judged(*ends: tuple[str, str], known: Sequence[TakenBack] = (), **more: Any) -> list[TakenBack]:
    """What is remembered after these rollouts, the oldest first."""
    history = [end(name, result, NOW + at) for at, (name, result) in enumerate(ends)]
    return remembered(known, rollout(history=history[::-1], **more))


def names(found: Sequence[TakenBack]) -> list[str]:
    return [one.model_version for one in found]


@pytest.mark.parametrize(
    ("ends", "found"),
    [
        ([("v1", "Promoted"), ("v2", "RolledBack")], ["v2"]),
        ([("v1", "Promoted"), ("v2", "Aborted"), ("v2", "Superseded")], ["v2"]),
        ([("v1", "Promoted"), ("v2", "RolledBack"), ("v2", "Promoted")], []),
        ([("v2", "Promoted"), ("v1", "Promoted"), ("v2", "RolledBack")], ["v2"]),
        ([("v1", "Promoted"), ("v1", "RolledBack")], []),
        ([("v1", "Promoted"), ("v1", "RolledBack"), ("v2", "Promoted")], []),
        ([("v1", "Promoted"), ("v2", "Superseded"), ("v3", "RolledBack"), ("v2", "RolledBack")], ["v2", "v3"]),
    ],
)
def test_what_was_taken_back_and_not_promoted_since_is_remembered(
    ends: list[tuple[str, str]], found: list[str]
) -> None:
    assert names(judged(*ends)) == found


def test_another_way_to_serve_what_is_stable_says_nothing_of_the_model() -> None:
    assert judged(("v2", "RolledBack"), stable=ARM) == []
    assert judged(("v1", "Promoted"), ("v9", "RolledBack"), digests={"v1": DIGEST, "v9": DIGEST}) == []


def test_what_the_rollout_forgot_is_remembered_with_the_bytes_of_what_was_deleted() -> None:
    known = judged(("v1", "Promoted"), ("v2", "RolledBack"), digests={"v2": DIGEST})
    later = judged(("v1", "Promoted"), known=known)
    assert later == known
    assert holds(later, "another", DIGEST)
    assert holds(later, "v2", OTHER)
    assert not holds(later, "another", OTHER)
    again = judged(("v1", "Promoted"), ("v1", "Superseded"), ("v2", "RolledBack"), known=known)
    assert [(one.model_version, one.digest) for one in again] == [("v2", DIGEST)]


def test_a_promotion_of_before_does_not_excuse_what_was_taken_back_since() -> None:
    known = judged(("v2", "Promoted"), ("v1", "Promoted"), ("v2", "RolledBack"))
    assert names(judged(("v2", "Promoted"), ("v1", "Promoted"), known=known)) == ["v2"]
    assert judged(("v1", "Promoted"), ("v1", "Superseded"), ("v1", "Superseded"), ("v2", "Promoted"), known=known) == []


def test_of_another_rollout_nothing_is_held_against_this_one() -> None:
    other = [one.model_copy(update={"rollout": "other"}) for one in judged(("v2", "RolledBack"))]
    assert judged(("v1", "Promoted"), known=other) == []


def test_the_twenty_newest_are_remembered_and_a_second_look_says_the_same() -> None:
    known: list[TakenBack] = []
    for at in range(40):
        held = rollout(history=[end(f"v{at}", "RolledBack", NOW + at)])
        known = remembered(known, held)
        assert remembered(known, held) == known
    assert names(known) == [f"v{at}" for at in range(39, 19, -1)]


@pytest.mark.parametrize("window", [3, 9, 10])
def test_however_long_the_way_back_is_no_bad_version_is_tried_twice(window: int) -> None:
    """The history is the Rollout's own, which keeps promotions for the way back and drops failed tries."""
    strategy = SimpleNamespace(rollback_window=SimpleNamespace(revisions=window))
    around = cast("Snapshot", SimpleNamespace(rollout=SimpleNamespace(spec=SimpleNamespace(strategy=strategy))))
    history: list[dict[str, Any]] = []
    known: list[TakenBack] = []
    rollouts = [(f"g{at}", "Promoted") for at in range(10)] + [("bad-1", "RolledBack"), ("bad-2", "RolledBack")] * 3
    tries = []
    for at, (name, result) in enumerate(rollouts):
        if holds(known, name, OTHER):
            continue
        tries.append(name)
        ended = end(name, result, NOW + at) | {"revision": f"r-{name}"}
        status = RolloutStatus.model_construct(history=RolloutStatus.model_validate({"history": [ended]}).history)
        before = RolloutStatus.model_validate({"history": history}).history
        status = status.model_copy(update={"history": [*status.history, *before]})
        history = [one.to_json() for one in bounded(around, status).history]
        known = remembered(known, rollout(history=history))
    assert tries == [f"g{at}" for at in range(10)] + ["bad-1", "bad-2"]


@pytest.mark.parametrize("meanwhile", [{}, {"suspend": True}])
def test_what_the_rollout_has_forgotten_that_it_was_taken_back_from_the_source_remembers(
    meanwhile: dict[str, Any],
) -> None:
    moves = {"moves": {"rollout": "demo"}}
    seen = snapshot(spec=spec(**moves, **meanwhile), rollout=rollout(history=[end(NAME, "RolledBack")]))
    noted = settled(seen, plan_source(seen), spec=spec(**moves), rollout=rollout(history=[end("v9", "Promoted")]))
    plan = plan_source(replace(noted, answer=answer("7"), version=stored(NAME, means("7"))))
    assert (plan.move, plan.situation.reason) == (None, "TakenBack")
    assert [one.model_version for one in plan.status.taken_back] == [NAME]


def test_a_version_that_is_tried_again_by_hand_is_not_called_a_failure() -> None:
    tried = rollout(NAME, history=[end(NAME, "RolledBack")], candidate=ARM | {"modelVersion": NAME})
    assert moving(tried).situation.reason == "Moved"
