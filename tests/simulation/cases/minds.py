"""Changes of mind in mid-rollout: cases C of one list, S14 and S26 of the other."""

from tests.simulation.cases.story import Story, at, case, gate, ladder, promoted, says, taken_back, weight


@case("C1")
def a_third_version_while_the_second_is_held(story: Story) -> None:
    """It begins with the first stage and is held at the same gate."""
    story.asks("v2", weight(20), gate())
    story.reaches(at("sign-off"))
    story.ask("v3")
    story.reaches(lambda one: one.status.candidate is None)
    story.reaches(at("sign-off")).rests(15)


@case("C2", "S14")
def a_third_version_at_eighty_percent(story: Story) -> None:
    """All to stable, the second drains, then the third from the start: it never has the second's weight."""
    story.asks("v2", weight(10), weight(80, minDuration="5m"))
    story.reaches(at("w80"))
    story.asks("v3", weight(10), weight(80))
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 10, 80, 0, 10, 80, 100]
    assert story.failed_by_route == 0


@case("C3", "S06")
def a_third_version_while_stable_cannot_answer(story: Story) -> None:
    """It gets pods, then what the second was given, which is no step forward; its stages begin with stable's pods."""
    story.asks("v2", weight(10), weight(90, minDuration="5m"))
    story.reaches(at("w90"))
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.ask("v3")
    story.reaches(lambda one: one.pods("v3") == 2, within=1.0)
    assert story.share("v2") == 90
    story.reaches(lambda one: one.share("v3") == 90, within=5.0)
    story.rests(30)
    assert (story.share("v3"), story.pods("v2")) == (90, 0)
    story.happens("the pods of v1 are back", room={})
    story.reaches(at("w10"), within=10.0)
    story.reaches(at("w90")).rests(5)


@case("C3")
def what_a_third_version_took_over_goes_back_when_it_cannot_be_judged(story: Story) -> None:
    """Suspended, no stage can begin: stable, which is whole again, takes everything, and the stages begin later."""
    story.asks("v2", weight(10), weight(90, minDuration="5m"))
    story.reaches(at("w90"))
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.ask("v3")
    story.reaches(lambda one: one.share("v3") == 90).rests(15)
    story.edit(suspend=True)
    story.happens("the pods of v1 are back", room={})
    story.reaches(lambda one: one.share("v1") == 100, within=10.0).rests(30)
    assert story.share("v3") == 0
    story.edit(suspend=False)
    story.reaches(at("w90")).rests(5)


@case("C3")
def a_third_version_waits_for_its_pods_and_stable_is_back_first(story: Story) -> None:
    """No weight moves to a version without a ready pod; it does to stable as soon as that has one."""
    story.asks("v2", weight(10), weight(90, minDuration="5m"))
    story.reaches(at("w90"))
    story.happens("no pod of v1 is ready, and none of v3 can be", room={"v1": 0, "v3": 0})
    story.ask("v3")
    story.rests(30)
    assert story.share("v2") == 90, story.transcript()
    born = story.revisions[story.revision("v3")].born[0]
    story.happens("those of v1 are again", room={"v3": 0})
    story.reaches(lambda one: one.share("v1") == 100, within=1.0)
    story.happens("and those of v3 can", room={})
    story.reaches(at("w10"))
    assert story.revisions[story.revision("v3")].born[0] == born, "v3 was loaded twice"
    story.reaches(at("w90")).rests(5)


@case("C3")
def an_abort_while_stable_cannot_answer(story: Story) -> None:
    """Nobody else could answer: it is carried out as soon as one pod of stable is ready."""
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.order("abort")
    story.rests(30)
    assert story.share("v2") == 50
    story.happens("a pod of v1 is back", room={"v1": 1})
    story.reaches(taken_back, within=1.0).rests(15)


@case("C3")
def an_abort_and_a_third_version_while_stable_cannot_answer(story: Story) -> None:
    """The third takes the place of the second, and by that the order is carried out."""
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.order("abort")
    story.rests(5)
    story.ask("v3")
    story.reaches(lambda one: one.share("v3") == 50, within=10.0).rests(15)
    assert story.status.history[0].result == "Aborted"


@case("C4")
def the_stable_version_is_asked_for_again(story: Story) -> None:
    """All to stable within one look, no failure in between, no new analysis."""
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))
    story.ask("v1")
    story.reaches(lambda one: one.share("v1") == 100, within=1.0)
    story.rests(20)


@case("C4")
def the_stable_version_is_asked_for_again_and_its_model_version_is_gone(story: Story) -> None:
    """It serves, so nothing needs to be known of its ModelVersion: all goes to it as if that were there."""
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))
    story.happens("the ModelVersion v1 is deleted", versions={"v2"})
    story.ask("v1")
    story.reaches(lambda one: one.share("v1") == 100, within=1.0)
    story.rests(20)
    assert story.pods("v2") == 0
    assert story.failed_by_route == 0


@case("C5")
def the_stable_version_is_asked_for_again_while_it_cannot_answer(story: Story) -> None:
    """The weights stay as they are until it can."""
    story.asks("v2", weight(25), gate())
    story.reaches(at("sign-off"))
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.ask("v1")
    story.rests(30)
    assert story.share("v2") == 25, story.transcript()
    story.happens("a pod of v1 is back", room={"v1": 1})
    story.rests(20)


@case("C6")
def later_stages_are_edited(story: Story) -> None:
    """The stage that runs keeps its place and its clock."""
    story.asks("v2", weight(10, minDuration="30s"), weight(50))
    story.reaches(at("w10")).rests(10)
    story.edit(strategy=ladder(weight(10, minDuration="30s"), weight(20), weight(60)))
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 10, 20, 60, 100]


@case("C6")
def the_stage_that_runs_is_edited_away(story: Story) -> None:
    """The ladder is taken up at the highest stage that gives no more, and its proof is asked for again."""
    story.asks("v2", weight(10), weight(50, minDuration="5m"))
    story.reaches(at("w50"))
    story.edit(strategy=ladder(weight(5), weight(30, minDuration="20s"), weight(70)))
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 10, 50, 30, 70, 100]


@case("C6", cohort_rate=200.0)
def a_cohort_is_edited_away(story: Story) -> None:
    """No stage gives as little, so the first one is entered, with all that a step forward needs."""
    team = {"name": "team", "match": {"headers": [{"name": "x-team", "value": "risk"}]}, "minDuration": "5m"}
    story.asks("v2", team, weight(50))
    story.reaches(at("team"))
    story.happens("Prometheus does not answer", prometheus_up=False)
    story.edit(strategy=ladder(weight(20), weight(50)))
    story.rests(20)
    assert story.share("v2") == 0
    story.happens("Prometheus answers", prometheus_up=True)
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 20, 50, 100]
    assert story.failed_by_route == 0


@case("C7")
def a_third_version_while_the_second_has_a_cohort(story: Story) -> None:
    """The cohort's rule goes at once, so that no request meets a version that is not there."""
    story.asks("v2", {"name": "team", "match": {"headers": [{"name": "x-team", "value": "risk"}]}}, weight(50))
    story.reaches(at("team", proven=False))
    story.asks("v3", weight(10))
    story.reaches(promoted).rests(15)


@case("C8")
def good_then_bad_then_another_bad_then_good(story: Story) -> None:
    """Two versions that crash never get a request, and neither hinders the next."""
    story.happens("v2 and v3 crash", crashes={"v2", "v3"})
    story.asks("v2", weight(10))
    story.reaches(taken_back).rests(15)
    story.ask("v3")
    story.reaches(lambda one: one.status.outcome is not None and one.status.outcome.model_version == "v3").rests(15)
    story.happens("v2 is mended", crashes={"v3"})
    story.edit(modelVersion="v2", serving={"replicas": 2, "implementation": "mended.Model"})
    story.reaches(promoted).rests(15)


@case("C10", "S26")
def a_suspended_rollout_stands_still_and_goes_on_where_it_was(story: Story) -> None:
    """Nothing moves while suspended, and nothing is begun anew afterwards."""
    story.asks("v2", weight(10), weight(30, minDuration="10s"), weight(50))
    story.reaches(at("w30"))
    story.edit(suspend=True)
    story.reaches(says("Suspended")).rests(120)
    assert story.share("v2") == 30
    story.edit(suspend=False)
    story.reaches(promoted).rests(15)


UNKEPT = "the CustomResourceDefinition of Rollouts in this cluster is older than this operator"


@case("C10")
def a_rollout_under_older_definitions_stands_still_and_goes_on_where_it_was(story: Story) -> None:
    """Whoever cannot remember a step makes none: not by evidence, by an order or by time."""
    story.asks("v2", weight(10), weight(30, minDuration="10s", maxDuration="60s"), weight(50))
    story.reaches(at("w30"))
    story.happens("the definitions become older", unkept=UNKEPT)
    story.order("skip-stage")
    story.reaches(says("DefinitionOutdated")).rests(120)
    assert story.share("v2") == 30
    story.happens("the definitions are current", unkept="")
    story.reaches(promoted).rests(15)


@case("C10")
def a_rollout_under_older_definitions_is_rolled_back_all_the_same(story: Story) -> None:
    """Its users are as safe as ever."""
    story.asks("v2", weight(10), weight(30, minDuration="5m"))
    story.reaches(at("w30"))
    story.happens("the definitions become older", unkept=UNKEPT)
    story.rests(10).happens("v2 answers with errors", error_rate={"v2": 0.3})
    story.reaches(taken_back).rests(15)
    assert story.share("v2") == 0
    assert story.failed_by_route == 0


@case("C10")
def suspended_before_the_first_stage(story: Story) -> None:
    """Pods start, and no request reaches them until it goes on."""
    story.edit(suspend=True)
    story.asks("v2", weight(10))
    story.reaches(says("Suspended")).rests(120)
    story.edit(suspend=False)
    story.reaches(promoted).rests(15)
