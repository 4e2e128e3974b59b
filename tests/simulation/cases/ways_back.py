"""The way back after promotion: cases B11 and B12 of the list."""

from tests.simulation.cases.story import Story, at, case, gate, promoted, taken_back, weight

WINDOW = {"rollbackWindow": {"revisions": 2}}


def through(story: Story, *versions: str) -> None:
    """Roll out one version after the other."""
    for version in versions:
        story.asks(version, weight(20), **WINDOW)
        story.reaches(promoted).rests(15)


@case("B11", "B12")
def back_to_the_version_before_without_stages(story: Story) -> None:
    """Nothing moves before all its pods are ready; then everything does at once."""
    through(story, "v2")
    story.ask("v1")
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 20, 100, 0, 100]
    assert story.failed_by_route == 0


@case("B11", versions={"v1", "v2", "v3", "v4"})
def back_over_one_version_within_a_window_of_two(story: Story) -> None:
    """From the fourth to the second: no stages, no analysis."""
    through(story, "v2", "v3", "v4")
    story.ask("v2")
    story.reaches(promoted).rests(15)
    assert story.shares[-2:] == [0, 100]


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
    assert story.shares == [0, 20, 100, 0, 100, 0, 20, 100]


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
