"""Would catch: a stable version that was made smaller and is given more than its pods carry because that was forgotten,
an order that acts on a version that is on its way out, or a hand-back that nobody can end."""

from dataclasses import dataclass, replace

from crossfade.model.snapshot import Snapshot

from tests.simulation.cases.shrunk import HOLD, MATCHED, of, pods
from tests.simulation.cases.story import Story, at, ladder, taken_back, weight
from tests.simulation.test_shrunk import at_three_quarters, serving


@dataclass
class Unreadable(Story):
    """A world whose spec cannot be read for a while."""

    unreadable: bool = False

    def snapshot(self) -> Snapshot:
        """All that a decision may see."""
        seen = super().snapshot()
        if not self.unreadable:
            return seen
        return replace(seen, rollout=replace(seen.rollout, spec=None, spec_error="spec.strategy must be set"))


def unread() -> Unreadable:
    """v2 has three quarters, one of stable's four pods is left, and then the spec cannot be read any more."""
    story = Unreadable(spec=of(4))
    at_three_quarters(story).happens("no further pod of v1 gets ready", room={"v1": 1})
    story.happens("the spec cannot be read", unreadable=True)
    return story


def test_an_abort_without_a_readable_spec_waits_for_one() -> None:
    story = unread()
    story.rests(5)
    story.order("abort")
    story.rests(5)
    assert story.share("v2") == 75


def test_an_abort_in_the_very_look_that_cannot_read_the_spec_waits_too() -> None:
    story = unread()
    story.order("abort")
    story.rests(5)
    assert story.share("v2") == 75


def test_that_stable_is_small_outlives_a_spec_that_cannot_be_read() -> None:
    """The spec comes back with `Full`, and one pod cannot take everything all the same."""
    story = unread()
    story.rests(2)
    story.edit(strategy=ladder(weight(75, **HOLD)))
    story.happens("it can", unreadable=False)
    story.order("abort")
    story.rests(5)
    assert story.share("v2") == 75


def test_a_deletion_without_a_readable_spec_waits_its_forty_seconds() -> None:
    story = unread()
    story.delete()
    story.rests(10)
    assert story.share("v2") == 75


def test_an_abort_of_a_tenth_waits_for_no_pod_that_was_never_taken_away() -> None:
    """With a hundred pods it is the one that is always missing."""
    story = serving(Story(spec=of(4)))
    story.asks("v2", weight(10, **HOLD), **MATCHED)
    story.reaches(at("w10")).rests(20)
    assert pods(story) == (4, 1)
    story.happens("one pod of v1 is lost for good", room={"v1": 3})
    story.rests(5)
    story.order("abort")
    story.reaches(taken_back, within=1.0)
