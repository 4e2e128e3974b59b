"""Aborts, rollbacks, and what comes after them: cases B of one list, S08, S16 and S17 of the other."""

from tests.simulation.cases.story import Story, at, case, gate, promoted, says, taken_back, weight


@case("B1")
def an_abort_takes_all_back_at_once(story: Story) -> None:
    """One look after the command stable has everything; the candidate's pods go after they drained."""
    story.asks("v2", weight(10), gate())
    story.reaches(at("sign-off"))
    story.order("abort", reason="the features are late")
    story.reaches(taken_back, within=1.0).rests(30)


@case("B2", "F9")
def a_candidate_is_kept_for_people_to_look_at(story: Story) -> None:
    """For as long as asked its pods stay without traffic, longer than their deadline to start; then they go."""
    story.edit(serving={"replicas": 2, "startup": {"timeout": "20s"}})
    story.asks("v2", weight(10), gate(), onRollback={"keepCandidate": "5m"})
    story.reaches(at("sign-off"))
    story.order("abort")
    story.reaches(taken_back).rests(200)
    assert len(story.revisions) == 2
    story.rests(120)


@case("B3")
def an_abort_of_nothing_is_kept_for_nobody(story: Story) -> None:
    """At rest it is answered as idle, and the next rollout works as ever."""
    story.order("abort")
    story.rests(5)
    story.asks("v2", weight(10))
    story.reaches(promoted).rests(15)


@case("B1")
def an_abort_before_the_version_that_is_asked_for_is_known(story: Story) -> None:
    """It waits until the ModelVersion is there, and is said to; then not one pod is started. A retry begins as ever."""
    story.versions.discard("v2")
    story.asks("v2", weight(10), gate())
    story.reaches(says("WaitingForModelVersion"))
    story.order("abort", reason="the features are late")
    story.rests(30)
    assert not story.status.handled
    story.tell("the ModelVersion v2 is made")
    story.versions.add("v2")
    story.reaches(taken_back, within=1.0).rests(60)
    story.order("retry", by="bob")
    story.reaches(at("sign-off")).rests(15)


@case("B1", "C1")
def who_aborts_while_a_third_version_is_asked_for_wants_neither(story: Story) -> None:
    """All to stable in one look, and both are recorded as aborted; the third is never started."""
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))
    story.ask("v3")
    story.order("abort", reason="the features are late")
    story.reaches(taken_back, within=1.0).rests(60)


@case("B4")
def an_abort_with_many_pods(story: Story) -> None:
    """Five pods each, forty percent: all of stable's five are there to take it back."""
    story.edit(serving={"replicas": 5})
    story.asks("v2", weight(40), gate())
    story.reaches(at("sign-off"))
    story.order("abort")
    story.reaches(taken_back).rests(30)


@case("B6")
def a_rollback_does_not_wait_for_the_last_pod_of_stable(story: Story) -> None:
    """One of stable's two pods is being moved when the candidate fails: the traffic leaves it all the same."""
    story.asks("v2", weight(50, minDuration="5m"))
    story.reaches(at("w50"))
    story.happens("a pod of v1 is moved, and half of v2's answers are errors", room={"v1": 1}, error_rate={"v2": 0.5})
    story.reaches(taken_back, within=10.0).rests(15)


@case("B7")
def an_aborted_version_is_tried_again_from_the_start(story: Story) -> None:
    """A retry begins with the first stage and empty hands, and may end well."""
    story.asks("v2", weight(10), weight(50), gate())
    story.reaches(at("sign-off"))
    story.order("abort")
    story.reaches(taken_back).rests(20)
    story.order("retry", by="bob")
    story.reaches(at("w10", proven=False))
    story.reaches(at("sign-off"))
    story.order("advance")
    story.reaches(promoted).rests(15)


@case("B8")
def fewer_pods_after_an_abort(story: Story) -> None:
    """Four pods become one: of stable alone."""
    story.edit(serving={"replicas": 4})
    story.asks("v2", weight(10), gate())
    story.reaches(at("sign-off"))
    story.order("abort")
    story.reaches(taken_back).rests(20)
    story.edit(serving={"replicas": 1})
    story.rests(20)


@case("B9")
def more_pods_after_an_abort(story: Story) -> None:
    """Two pods become six: of stable alone, the candidate does not come back."""
    story.asks("v2", weight(10), gate())
    story.reaches(at("sign-off"))
    story.order("abort")
    story.reaches(taken_back).rests(20)
    story.edit(serving={"replicas": 6})
    story.rests(60)
    assert story.shares[-1] == 0


@case("B10")
def more_pods_while_the_aborted_candidate_is_kept(story: Story) -> None:
    """Keeping the candidate delays neither the pods of stable nor the route."""
    story.asks("v2", weight(10), gate(), onRollback={"keepCandidate": "1m"})
    story.reaches(at("sign-off"))
    story.order("abort")
    story.reaches(taken_back).rests(5)
    story.edit(serving={"replicas": 3})
    story.rests(5)
    assert story.revisions[story.revision("v1")].replicas == 3
    story.rests(90)


@case("S08", "D3", "B12")
def errors_take_a_version_back_with_the_figures_in_the_sentence(story: Story) -> None:
    """The candidate fails one request in twenty: all traffic to stable, the cause recorded, and it sticks."""
    story.happens("v2 answers one request in twenty with an error", error_rate={"v2": 0.05})
    story.asks("v2", weight(10), weight(50))
    story.reaches(taken_back).rests(120)


@case("S16")
def asking_for_the_old_version_after_a_rollback_starts_nothing(story: Story) -> None:
    """The stable version is asked for again: nothing restarts. The bad one again: it stays back until somebody asks."""
    story.happens("half of v2's answers are errors", error_rate={"v2": 0.5})
    story.asks("v2", weight(10))
    story.reaches(taken_back).rests(20)
    before = story.revisions[story.revision("v1")]
    story.ask("v1")
    story.rests(15)
    assert story.revisions[story.revision("v1")] is before
    story.ask("v2")
    story.rests(30)


@case("S17")
def a_version_whose_cause_was_mended_is_tried_again_by_token(story: Story) -> None:
    """The same version, unchanged, by an annotation."""
    story.happens("half of v2's answers are errors", error_rate={"v2": 0.5})
    story.asks("v2", weight(10))
    story.reaches(taken_back).rests(20)
    story.happens("the feature store is mended", error_rate={})
    story.order("retry", "mended")
    story.reaches(promoted).rests(15)
