"""Would catch pods that stand for another weight than Argo Rollouts' own table says, or an arm left out by rounding."""

import pytest
from crossfade.decide.apportion import pods_behind
from crossfade.decide.shapes import Scale, Shape


@pytest.mark.parametrize(
    ("total", "weight", "candidate", "stable"),
    [
        *((10, 1, 1, 9), (10, 14, 1, 9), (10, 15, 2, 8), (10, 99, 9, 1)),
        *((3, 49, 1, 2), (3, 50, 2, 1)),
        *((1, 1, 1, 1), (1, 49, 1, 1), (1, 50, 1, 1), (1, 99, 1, 1)),
        *((2, 1, 1, 1), (2, 99, 1, 1), (4, 12, 1, 3), (1000, 1, 10, 990)),
    ],
)
def test_the_nearest_fraction_as_the_table_has_it(total: int, weight: int, candidate: int, stable: int) -> None:
    """TestApproximateWeightedNewStableReplicaCounts of Argo Rollouts, without surge; for one pod with a surge of one,
    which is what there always is here. Case A11."""
    assert pods_behind(Shape(weight), total) == (candidate, stable)


@pytest.mark.parametrize("scale", [100, 1000, 10000])
@pytest.mark.parametrize("total", [2, 3, 7, 10, 64])
def test_nobody_is_left_out_and_no_other_number_is_nearer(scale: Scale, total: int) -> None:
    for weight in range(1, scale, max(scale // 200, 1)):
        mine, theirs = pods_behind(Shape(weight, scale), total)
        assert mine + theirs == total
        assert min(mine, theirs) >= 1
        off = abs(mine * scale - weight * total)
        assert all(abs(other * scale - weight * total) >= off for other in range(1, total))
        assert all(abs(other * scale - weight * total) > off for other in range(mine + 1, total)), "a tie is its own"
