"""Catches a short way to a version that never served, was given up, or was taken back since."""

import pytest
from crossfade.api.v1alpha1.rollout import Outcome
from crossfade.decide.going_back import served


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
