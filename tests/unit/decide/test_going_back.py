"""Catches a short way to a version that never served, was given up, or was taken back since."""

from typing import get_args

import pytest
from crossfade.api.v1alpha1.rollout import Outcome, RolloutStatus
from crossfade.decide.going_back import bounded, served
from crossfade.decide.records import Result
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.simulation.world import World, spec

RESULTS = get_args(Result)


def end(told: str) -> Outcome:
    """`a Promoted`, as the history has it."""
    revision, result = told.split()
    plain = {"cause": "-", "message": "-", "at": "2026-01-01T00:00:00Z", "asked": "0" * 16}
    return Outcome.model_validate({"result": result, "modelVersion": revision, "revision": revision, **plain})


@pytest.mark.parametrize(
    ("ends", "line"),
    [
        ((), ()),
        (("a Promoted", "b Promoted", "c FastPromoted"), "cba"),
        (("a Promoted", "b RolledBack", "c Promoted"), "ca"),
        (("a Promoted", "b Promoted", "a Promoted"), "ab"),
        (("a Promoted", "b Promoted", "c Promoted", "a FastRolledBack"), "a"),
        (("a Promoted", "b Promoted", "c Promoted", "b FastRolledBack", "d Promoted"), "dba"),
        (("b Promoted", "c Promoted", "a FastRolledBack"), "a"),
        (("a Promoted", "b Promoted", "a RolledBack"), "b"),
        (("a Promoted", "b Promoted", "a Aborted"), "b"),
        (("a Promoted", "b Promoted", "a Superseded"), "ba"),
    ],
)
def test_who_served_before_whom(ends: tuple[str, ...], line: str) -> None:
    assert served([end(one) for one in reversed(ends)]) == tuple(line)


def remembered(ends: tuple[str, ...], revisions: int | None = None) -> list[Outcome]:
    """What is left of the history, oldest first, when the spec has a window of so many revisions."""
    window = {"rollbackWindow": {"revisions": revisions}} if revisions else {}
    world = World(spec=spec(strategy={"stages": [{"name": "ten", "weight": 10}], **window}))
    status = RolloutStatus().model_copy(update={"history": [end(one) for one in reversed(ends)]})
    return list(reversed(bounded(world.snapshot(), status).history))


TRIES = tuple(f"x{at} RolledBack" for at in range(10))


def told(ends: list[Outcome]) -> tuple[str, ...]:
    return tuple(f"{one.revision} {one.result}" for one in ends)


@pytest.mark.parametrize(
    ("ends", "revisions", "left"),
    [
        (("a Promoted", "b Promoted", *TRIES), 1, ("a Promoted", "b Promoted", *TRIES[2:])),
        (("a Promoted", "b Promoted", *TRIES), None, ("a Promoted", "b Promoted", *TRIES[2:])),
        (("a Promoted", "b Promoted", "c Promoted", *TRIES[1:]), 1, ("b Promoted", "c Promoted", *TRIES[2:])),
        (("a Promoted", "b Promoted", "a Aborted", *TRIES[2:]), 1, ("b Promoted", "a Aborted", *TRIES[2:])),
        (
            ("a Promoted", "b Promoted", "a FastRolledBack", *TRIES[2:]),
            1,
            ("b Promoted", "a FastRolledBack", *TRIES[2:]),
        ),
        (tuple(f"{one} Promoted" for one in "abcdefghijk"), 9, tuple(f"{one} Promoted" for one in "bcdefghijk")),
    ],
)
def test_failed_tries_push_no_promotion_out_to_which_the_window_leads(
    ends: tuple[str, ...], revisions: int | None, left: tuple[str, ...]
) -> None:
    assert told(remembered(ends, revisions)) == left


PROMOTED = ("Promoted", "FastPromoted", "FastRolledBack")


@settings(max_examples=300)
@example([("a", "Promoted"), ("a", "Superseded"), *[("b", "Promoted"), ("c", "Promoted")] * 5, ("b", "RolledBack")])
@given(st.lists(st.tuples(st.sampled_from("abcdxyz"), st.sampled_from(RESULTS)), min_size=1, max_size=40))
def test_a_history_cut_short_at_each_end_leads_where_the_whole_one_does(ends: list[tuple[str, str]]) -> None:
    """Nowhere else at all, and as far back as the window of one; but where the version in between was taken back since,
    the one before that may be older than the history is long."""
    whole: list[Outcome] = []
    cut: list[Outcome] = []
    for revision, result in ends:
        if revision in served(whole)[:1]:
            continue  # nothing is rolled out to what is stable
        one = end(f"{revision} {result}")
        whole = [one, *whole]
        cut = list(reversed(remembered(told([*reversed(cut), one]), 1)))
        assert len(cut) <= 10
        assert cut[0] == one
        lately = {one.revision for one in whole[:10] if one.result in PROMOTED}
        assert served(cut)[:2] == served(whole)[:2] or not {*served(whole)[1:2]} <= lately
        assert set(served(cut)) <= set(served(whole))
