"""Catches a value of the chart that its README does not tell, or tells wrongly."""

import pytest
from crossfade.codegen.chart_page import chart_page


def rows(values: str) -> list[str]:
    return chart_page(values).partition("|---|---|---|---|\n")[2].splitlines()


def test_a_value_is_told_with_its_place_kind_default_and_comment() -> None:
    assert rows("image:\n  # -- Where it is\n  # pulled from, a|b.\n  repository: ghcr.io/x\n") == [
        '| `image.repository` | string | `"ghcr.io/x"` | Where it is pulled from, a\\|b. |'
    ]


def test_a_map_with_a_comment_of_its_own_is_one_value() -> None:
    assert rows("# -- What a pod has.\nlimits:\n  memory: 1Gi\n") == [
        '| `limits` | object | `{"memory": "1Gi"}` | What a pod has. |'
    ]


@pytest.mark.parametrize("values", ["replicas: 2\n", "# a note\nreplicas: 2\n", "# -- About another.\n\nreplicas: 2\n"])
def test_a_value_that_nothing_is_said_about_is_refused(values: str) -> None:
    with pytest.raises(ValueError, match="`replicas`"):
        chart_page(values)


def test_no_values_are_no_page() -> None:
    with pytest.raises(ValueError, match="no values"):
        chart_page("# -- nothing\n")
