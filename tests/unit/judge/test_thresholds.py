"""Would catch a plain threshold that breaks at its own value, or that waits for a whole span to see what is broken."""

import pytest
from crossfade.api.v1alpha1.objective import Rule
from crossfade.decide.judge.thresholds import breaks, decided


@pytest.mark.parametrize(
    ("rule", "value", "broken"),
    [
        ({"max": "95"}, 95.0, False),
        ({"max": "95"}, 95.001, True),
        ({"max": "95"}, -1e9, False),
        ({"min": "0.5"}, 0.5, False),
        ({"min": "0.5"}, 0.499, True),
        ({"min": "0.5"}, 1e9, False),
        ({"min": "-2", "max": "3"}, -3.0, True),
        ({"min": "-2", "max": "3"}, 0.0, False),
        ({"min": "-2", "max": "3"}, 4.0, True),
        ({"min": "0", "max": "0"}, 0.0, False),
    ],
)
def test_only_what_is_beyond_the_limit_breaks_it(rule: dict[str, str], value: float, broken: bool) -> None:
    """Case S12."""
    assert breaks(Rule.model_validate(rule), value) is broken


@pytest.mark.parametrize(
    ("broken", "state"),
    [
        ("", "Undecided"),
        ("b", "Undecided"),
        ("..", "Undecided"),
        ("bb", "Regressed"),
        ("b..", "Undecided"),
        ("....", "NonInferior"),
        ("...b", "NonInferior"),
        ("b..b", "Regressed"),
        ("bbbb", "Regressed"),
    ],
)
def test_two_of_the_last_four(broken: str, state: str) -> None:
    """Case D15."""
    rule = Rule.model_validate({"max": "1", "violations": 2, "windows": 4})
    assert decided(rule, [one == "b" for one in broken]) == state
