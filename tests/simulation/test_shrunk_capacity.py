"""Would catch: a stable version that was made smaller and of which nobody knows how many pods carry everything; room
that its pods take from the candidate's; requests that come back to fewer pods than carry them."""

from tests.simulation.cases.shrunk import of
from tests.simulation.cases.story import Story
from tests.simulation.test_shrunk import at_three_quarters, least


def test_an_autoscaler_that_comes_midway_does_not_take_the_small_number_for_all() -> None:
    """`replicas: 4` becomes `autoscaling: {min: 1}` at 1 and 3 pods, and then it is aborted."""
    story = at_three_quarters(Story(spec=of(4)))
    story.edit(serving={"autoscaling": {"min": 1, "max": 20}})
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.rests(5)
    story.order("abort")
    story.rests(5)
    assert (story.share("v2"), least(story, "v1")) == (75, 4)


def test_an_autoscaler_and_an_abort_that_come_together_wait_for_all_pods_too() -> None:
    story = at_three_quarters(Story(spec=of(4)))
    story.happens("no further pod of v1 gets ready", room={"v1": 1})
    story.edit(serving={"autoscaling": {"min": 1, "max": 20}})
    story.order("abort")
    story.rests(5)
    assert (story.share("v2"), least(story, "v1")) == (75, 4)


def test_an_autoscaler_that_comes_midway_leaves_the_candidate_its_pods() -> None:
    """Three carry three quarters, whoever counts them."""
    story = at_three_quarters(Story(spec=of(4)))
    story.edit(serving={"autoscaling": {"min": 1, "max": 20}})
    story.rests(5)
    assert (least(story, "v1"), least(story, "v2")) == (1, 3)


def test_other_replicas_count_at_once_although_the_number_before_is_on_record() -> None:
    """Eight instead of four in the moment of an abort: four that are ready carry a half."""
    story = at_three_quarters(Story(spec=of(4)))
    story.happens("four pods of v1 get ready", room={"v1": 4})
    story.edit(serving={"replicas": 8})
    story.order("abort")
    story.rests(20)
    assert (story.share("v2"), story.pods("v1")) == (50, 8)
