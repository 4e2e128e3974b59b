"""Would catch: a rollout whose end hangs on the order in which things are seen, or a promise broken on the way."""

import pytest

from tests.simulation.cases import CASES, Case
from tests.simulation.shuffle import SHUFFLED
from tests.simulation.test_golden import GOLDEN

QUICK, ALL = 2, 100
"""Orders a case, of those that are marked `matrix` and of those marked `slow`: `make test-long` has both."""


def end_of(case: Case) -> str:
    """The end that the transcript has."""
    return (GOLDEN / f"{case.name}.txt").read_text().rsplit("\n\n", 1)[1].strip()


def shuffled(case: Case, seed: int) -> None:
    """Played in the order of this seed it ends as ever; the promises are checked at each pass."""
    try:
        story = case.on(SHUFFLED[case.world], seed=seed)
    except AssertionError as error:
        error.add_note(f"{case.name}, seed {seed}")
        raise
    assert story.end() == end_of(case), f"{case.name}, seed {seed}:\n{story.transcript()}"


@pytest.mark.matrix
@pytest.mark.parametrize("seed", range(QUICK))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_in_another_order_it_ends_the_same(case: Case, seed: int) -> None:
    shuffled(case, seed)


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("a_third_version_waits_for_its_pods_and_stable_is_back_first", 22),  # pods that waited were loaded twice
        ("endpoints_that_do_not_follow_start_no_clock", 81),
    ],
)
def test_orders_that_once_ended_otherwise(name: str, seed: int) -> None:
    shuffled(next(case for case in CASES if case.name == name), seed)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_in_a_hundred_orders_it_ends_the_same(case: Case) -> None:
    for seed in range(QUICK, ALL + QUICK):
        shuffled(case, seed)
