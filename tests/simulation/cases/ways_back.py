"""The way back after promotion: cases B11 and B12 of the list."""

from tests.simulation.cases.story import Story, at, case, gate, promoted, taken_back, weight

WINDOW = {"rollbackWindow": {"revisions": 2}}


def through(story: Story, *versions: str) -> None:
    """Roll out one version after the other."""
    for version in versions:
        story.asks(version, weight(20), **WINDOW)
        story.reaches(promoted).rests(15)


def but_for_slices(shares: list[int]) -> list[int]:
    """Without the half that one of two pods carries while all are ready and the other is in no EndpointSlice yet."""
    return [one for one in shares if one != 50]


@case("B11", "B12")
def back_to_the_version_before_without_stages(story: Story) -> None:
    """Nothing moves before all its pods are ready; then everything does at once."""
    through(story, "v2")
    story.ask("v1")
    story.reaches(promoted).rests(15)
    assert but_for_slices(story.shares) == [0, 20, 100, 0, 100]
    assert story.failed_by_route == 0


@case("B11", versions={"v1", "v2", "v3", "v4"})
def back_over_one_version_within_a_window_of_two(story: Story) -> None:
    """From the fourth to the second: no stages, no analysis."""
    through(story, "v2", "v3", "v4")
    story.ask("v2")
    story.reaches(promoted).rests(15)
    assert but_for_slices(story.shares)[-2:] == [0, 100]


@case("B11", versions={"v1", "v2", "v3", "v4", "v5"})
def back_over_two_versions_is_outside_a_window_of_two(story: Story) -> None:
    """From the fifth to the second: a rollout like any other."""
    through(story, "v2", "v3", "v4", "v5")
    story.ask("v2")
    story.reaches(promoted).rests(15)
    assert story.shares[-3:] == [0, 20, 100]


@case("B11")
def forward_again_is_a_rollout_like_any_other(story: Story) -> None:
    """What was gone back from has no short way to come again."""
    through(story, "v2")
    story.ask("v1")
    story.reaches(promoted).rests(15)
    story.ask("v2")
    story.reaches(promoted).rests(15)
    assert but_for_slices(story.shares) == [0, 20, 100, 0, 100, 0, 20, 100]


@case("B11")
def back_from_a_version_that_cannot_answer_any_more(story: Story) -> None:
    """The first pod that is ready gets everything: nobody else could answer. It keeps that, whoever can later."""
    through(story, "v2")
    story.happens("no pod of v2 is ready, and one of v1 can be", room={"v2": 0, "v1": 1})
    story.ask("v1")
    story.reaches(lambda one: one.share("v1") == 100, within=10.0)
    story.happens("a pod of v2 is ready again", room={"v2": 1, "v1": 1})
    story.rests(5)
    story.happens("a second pod of v1 can be ready", room={"v2": 0})
    story.reaches(promoted).rests(15)


@case("B11")
def back_while_suspended_and_without_metrics(story: Story) -> None:
    """The way back is no progress, and nothing of it is judged."""
    through(story, "v2")
    story.edit(suspend=True)
    story.happens("Prometheus is gone", prometheus_up=False)
    story.ask("v1")
    story.reaches(promoted).rests(15)


@case("B11")
def back_in_the_middle_of_a_third_version(story: Story) -> None:
    """The third loses its traffic to stable, and the first does not wait for its pods to go."""
    through(story, "v2")
    story.asks("v3", weight(50), gate(), **WINDOW)
    story.reaches(at("sign-off"))
    story.ask("v1")
    story.reaches(promoted).rests(15)
    assert story.failed_by_route == 0


@case("B11")
def a_way_back_that_crashes_is_taken_back(story: Story) -> None:
    """What serves goes on serving, and tried again it has to pass all stages."""
    through(story, "v2")
    story.happens("v1 crashes", crashes={"v1"})
    story.ask("v1")
    story.reaches(taken_back).rests(15)
    story.happens("v1 is mended", crashes=set())
    story.order("retry")
    story.reaches(promoted).rests(15)
    assert story.shares[-3:] == [0, 20, 100]


KEEPING = {**WINDOW, "keepPrevious": "60s"}


@case("F8", "B11")
def back_to_a_version_whose_pods_were_kept(story: Story) -> None:
    """Its pods wait without traffic, and going back moves everything in the next look; then the other one's wait."""
    story.asks("v2", weight(20), **KEEPING)
    story.reaches(promoted).rests(20)
    assert (story.pods("v1"), story.share("v1")) == (2, 0)
    born = story.revisions[story.revision("v1")].born
    story.ask("v1")
    story.reaches(lambda one: one.share("v1") == 100, within=0.5)
    story.reaches(promoted).rests(30)
    assert story.revisions[story.revision("v1")].born == born, "a pod was started for the way back"
    assert story.pods("v2") == 2
    story.rests(60)
    assert story.pods("v2") == 0
    assert story.failed_by_route == 0


@case("F8")
def only_the_version_before_is_kept(story: Story) -> None:
    """The first waits until the third is promoted; then the second does. Back to it, the third does."""
    story.asks("v2", weight(20), **{**KEEPING, "keepPrevious": "10m"})
    story.reaches(promoted).rests(20)
    story.ask("v3")
    story.reaches(at("w20"))
    assert [story.pods(one) for one in ("v1", "v2", "v3")] == [2, 2, 1]
    story.reaches(promoted).rests(20)
    assert [story.pods(one) for one in ("v1", "v2", "v3")] == [0, 2, 2]
    story.ask("v2")
    story.reaches(promoted).rests(20)
    assert [story.pods(one) for one in ("v1", "v2", "v3")] == [0, 2, 2]


@case("F8")
def a_kept_version_outlives_a_rollout_that_is_taken_back(story: Story) -> None:
    """The bad version's pods go, those of the version before stay; without a window it takes the stages, warm."""
    story.asks("v2", weight(20), keepPrevious="10m")
    story.reaches(promoted).rests(20)
    story.happens("v3 crashes", crashes={"v3"})
    story.ask("v3")
    story.reaches(taken_back).rests(15)
    assert [story.pods(one) for one in ("v1", "v2", "v3")] == [2, 2, 0]
    story.ask("v1")
    story.reaches(promoted).rests(15)
    assert story.shares[-3:] == [0, 20, 100]


@case("F8")
def the_kept_pods_go_when_nobody_asks_for_them_any_more(story: Story) -> None:
    """Edited away they drain and go, and the Rollout is released."""
    story.asks("v2", weight(20), **KEEPING)
    story.reaches(promoted).rests(20)
    assert story.finalizer
    story.asks("v2", weight(20))
    story.rests(5)
    assert story.pods("v1") == 0
    assert not story.finalizer


@case("F8")
def deleted_while_the_version_before_is_kept(story: Story) -> None:
    """Nothing of it is left behind; what serves, serves."""
    story.asks("v2", weight(20), **KEEPING)
    story.reaches(promoted).rests(20)
    story.delete()
    story.rests(15)
    assert story.pods("v1") == 0
    assert not story.finalizer


@case("F8", "B11")
def kept_pods_get_what_they_carry_when_the_others_come_late(story: Story) -> None:
    """An autoscaler gave the new version six pods, and of the old one three can be ready: half goes back in time."""
    story.edit(serving={"autoscaling": {"min": 2, "max": 20}, "startup": {"timeout": "60s"}})
    story.rests(10)
    story.asks("v2", weight(20), **{**WINDOW, "keepPrevious": "1h"})
    story.reaches(promoted).rests(330)
    story.happens("the load takes six pods of v2, and of v1 three can be ready", load={"v2": 6}, room={"v1": 3})
    story.rests(10)
    story.ask("v1")
    story.reaches(lambda one: one.share("v1") == 50, within=65.0)
    story.rests(120)
    assert (story.share("v1"), story.pods("v1")) == (50, 6)
    story.happens("there is room", room={})
    story.reaches(promoted, within=10.0).rests(15)
    assert story.failed_by_route == 0


@case("F8")
def a_change_of_mind_on_the_way_back_keeps_the_kept_pods(story: Story) -> None:
    """Half way back the new version is asked for again: the old one's pods wait on for what is left of their time."""
    story.asks("v2", weight(20), **{**KEEPING, "keepPrevious": "2m"})
    story.reaches(promoted).rests(20)
    story.happens("the gateway takes ten seconds", ack_seconds=10.0, serve_seconds=12.0)
    story.ask("v1")
    story.rests(5)
    story.ask("v2")
    story.rests(30)
    assert (story.share("v2"), story.pods("v1")) == (100, 2)
    story.rests(120)
    assert story.pods("v1") == 0
    assert story.failed_by_route == 0


@case("B11", "C3")
def back_from_a_third_version_while_stable_cannot_answer(story: Story) -> None:
    """The third, which alone can answer, keeps what it has until all pods of the first are ready; then those do."""
    through(story, "v2")
    story.asks("v3", weight(50), gate(), **WINDOW)
    story.reaches(at("sign-off"))
    story.happens("no pod of v2 is ready", room={"v2": 0})
    story.ask("v1")
    story.reaches(lambda one: one.pods("v1") == 2, within=1.0)
    assert (story.share("v3"), story.share("v1")) == (50, 0)
    story.reaches(promoted, within=10.0).rests(15)
    assert story.status.history[0].result == "FastRolledBack"


@case("B11", "C3")
def a_third_version_while_one_that_is_back_has_everything(story: Story) -> None:
    """Stable cannot answer any more: the one that is back is promoted, and the third is compared with that."""
    through(story, "v2")
    story.happens("no pod of v2 is ready, and the gateway takes five seconds", room={"v2": 0}, ack_seconds=5.0)
    story.ask("v1")
    story.reaches(lambda one: one.share("v1") == 100, within=10.0)
    story.ask("v3")
    story.reaches(at("w20"))
    assert story.status.stable is not None
    assert story.status.stable.model_version == "v1"
