"""What a pipeline waits for: `readyWhen`."""

from dataclasses import replace

from tests.simulation.cases.story import Story, at, case, gate, promoted, says, taken_back, weight


@case(begins=True)
def a_pipeline_waits_for_the_first_version_whatever_it_asks(story: Story) -> None:
    """Nothing serves before it, so that it is taken for done when it does."""
    story.edit(readyWhen="Accepted")
    story.reaches(promoted).rests(5)


@case()
def a_pipeline_does_not_wait_for_the_stages(story: Story) -> None:
    """As soon as pods of the next version are asked for it is done; it goes on by its stages, waits for people, and is
    still done when it is suspended."""
    story.edit(readyWhen="Accepted")
    story.asks("v2", weight(10), gate(), weight(50))
    story.reaches(says("WaitingForPeople")).rests(10)
    story.edit(suspend=True)
    story.reaches(says("Suspended")).rests(5)
    story.edit(suspend=False)
    story.order("advance")
    story.reaches(promoted).rests(15)


@case()
def what_a_pipeline_took_for_done_is_rolled_back(story: Story) -> None:
    """It is a failure from then on; that it is to be waited for the next time is no order to try it again."""
    story.edit(readyWhen="Accepted")
    story.error_rate["v2"] = 0.2
    story.asks("v2", weight(10), gate())
    story.reaches(taken_back).rests(15)
    story.edit(readyWhen="Promoted")
    story.rests(30)
    assert story.share("v2") == 0


@case()
def a_third_version_is_not_done_while_the_second_leaves(story: Story) -> None:
    """It is on its way only when the one before has let go."""
    story.edit(readyWhen="Accepted")
    story.asks("v2", weight(10), weight(50, minDuration="5m"))
    story.reaches(at("w50"))
    story.ask("v3")
    story.reaches(at("w10")).reaches(at("w50")).rests(5)


@case()
def nothing_is_done_while_nobody_answers(story: Story) -> None:
    """While stable has no ready pod, nobody is told that all is well."""
    story.edit(readyWhen="Accepted")
    story.asks("v2", weight(10, minDuration="5m"))
    story.reaches(at("w10"))
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.rests(5)
    story.happens("the pods of v1 are back", room={})
    story.rests(5)


@case()
def another_revision_of_the_same_version_is_not_done_while_the_first_leaves(story: Story) -> None:
    """What is asked for is more than a version's name: pods of the new revision are to be there."""
    story.edit(readyWhen="Accepted")
    story.asks("v2", weight(10, minDuration="5m"))
    story.reaches(at("w10"))
    story.edit(serving={"replicas": 2, "implementation": "mended.Model"})
    story.reaches(says("Draining")).reaches(says("Analysing")).rests(5)


@case()
def a_version_that_is_gone_is_done_for_no_pipeline(story: Story) -> None:
    """Nobody knows then what is asked for."""
    story.edit(readyWhen="Accepted")
    story.asks("v2", weight(10, minDuration="5m"))
    story.reaches(at("w10"))
    story.happens("the ModelVersion v2 is deleted", versions={"v1", "v3"})
    story.rests(5)
    story.happens("the ModelVersion v2 is back", versions={"v1", "v2", "v3"})
    story.rests(5)


@case()
def nothing_is_done_while_a_gateway_has_thrown_the_route_out(story: Story) -> None:
    """Pods of stable are ready, and nobody gets to them."""
    story.edit(readyWhen="Accepted")
    story.asks("v2", weight(10, minDuration="5m"))
    story.happens("no pod of v2 is ready", room={"v2": 0})
    story.rests(5)
    story.happens("the Gateway takes the route no longer", gateway=replace(story.gateway, others={"public": "no more"}))
    story.rests(5)
    story.happens("the Gateway takes the route again", gateway=replace(story.gateway, others={}))
    story.rests(5)
