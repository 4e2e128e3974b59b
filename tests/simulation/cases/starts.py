"""What keeps a candidate from starting, named while it lasts and when its deadline is over; case A4."""

from typing import Any

from tests.simulation.cases.story import Story, case, promoted, says, taken_back, weight

BODY = {"body": {"inline": "{}"}}
NO_NODE = "pod v2-0 finds no node: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
NO_IMAGE = "pod v2-0 does not get the image v2server:9: not found"
NO_BYTES = "pod v2-0 downloads the model: s3://b/v2 does not answer"
NOT_LOADED = "the model server of pod v2-0 is not ready yet"
WARMING = "pod v2-0 answers warm-up requests"
NOT_WARM = "pod v2-0 is not warm: the model server answered 500 to warm-up request 1 of 20"


def never_starts(story: Story, cause: str, told: str, reason: str, **serving: Any) -> None:
    """Version 2 waits for this for ever; it is said, and in the end taken back for it, without a request."""
    story.edit(serving={"replicas": 2, **serving})
    story.happens(told.removeprefix("pod v2-0 "), room={"v2": 0}, starts={"v2": (cause, told)})
    story.asks("v2", weight(10), weight(50))
    story.reaches(says(reason)).reaches(taken_back).rests(15)
    assert story.status.outcome is not None
    assert told in story.status.outcome.message
    assert story.shares == [0]
    assert story.failed_by_route == 0


@case("A4")
def a_candidate_that_finds_no_node(story: Story) -> None:
    """The scheduler's own words, while it lasts and as the cause of the way back."""
    never_starts(story, "Room", NO_NODE, "NoRoom", startup={"timeout": "20s"})


@case("A4")
def a_candidate_whose_image_does_not_exist(story: Story) -> None:
    """A registry may come back, so it is waited for, but no longer than `prefetch`."""
    never_starts(story, "Image", NO_IMAGE, "PullingImage", startup={"timeout": "5m", "prefetch": "15s"})


@case("A4")
def a_candidate_whose_bytes_do_not_come(story: Story) -> None:
    """Image and bytes share one deadline: who has the image late has less time for the bytes."""
    story.edit(serving={"replicas": 2, "startup": {"timeout": "5m", "prefetch": "20s"}})
    story.happens("its image is slow", room={"v2": 0}, starts={"v2": ("Image", NO_IMAGE)})
    story.asks("v2", weight(10))
    began = story.now
    story.reaches(says("PullingImage")).rests(12)
    story.happens("its bytes do not come", starts={"v2": ("Download", NO_BYTES)})
    story.reaches(says("Downloading")).reaches(taken_back)
    assert 20 < story.now - began < 23 + story.patience
    story.rests(15)


@case("A4")
def a_candidate_whose_pods_are_evicted_as_they_start(story: Story) -> None:
    """Each is replaced, and none is held against it but by the deadline, in whose sentence the last one is."""
    evicted = "pod v2-9 was evicted: The node was low on resource: memory"
    story.happens("nodes have no memory for it", losses={"v2": evicted})
    never_starts(story, "Load", NOT_LOADED, "Loading", startup={"timeout": "20s"})
    assert story.status.outcome is not None
    assert evicted in story.status.outcome.message


@case("A4")
def a_candidate_whose_server_never_gets_ready(story: Story) -> None:
    """The deadline of loading does not count what came before."""
    story.edit(serving={"replicas": 2, "startup": {"timeout": "5m", "load": "15s"}})
    story.happens("its bytes come slowly", room={"v2": 0}, starts={"v2": ("Download", NO_BYTES)})
    story.asks("v2", weight(10))
    began = story.now
    story.reaches(says("Downloading")).rests(30)
    story.happens("its server loads for ever", starts={"v2": ("Load", NOT_LOADED)})
    story.reaches(says("Loading")).reaches(taken_back)
    assert 45 < story.now - began < 48 + story.patience
    story.rests(15)


@case("A4")
def a_candidate_that_answers_its_warm_up_with_errors(story: Story) -> None:
    """The pod, the status code and the deadline are told; no user ever meets it."""
    never_starts(story, "WarmUp", NOT_WARM, "WarmingUp", warmup=BODY, startup={"timeout": "5m", "warmUp": "15s"})


@case("A4")
def a_candidate_is_warmed_up_before_each_weight(story: Story) -> None:
    """Nothing begins before the first pod is warm, and no more is given before the others are."""
    story.edit(serving={"replicas": 4, "warmup": BODY})
    story.reaches(lambda one: one.status.candidate is not None)
    story.reaches(promoted).rests(30)
    story.happens("v2 warms up slowly", start_seconds=20.0, starts={"v2": ("WarmUp", WARMING)})
    story.asks("v2", weight(10), weight(50))
    story.reaches(says("WarmingUp"))
    assert story.share("v2") == 0
    story.reaches(lambda one: one.share("v2") == 10).reaches(says("WarmingUp"))
    assert story.share("v2") == 10
    story.reaches(promoted).rests(15)
    assert story.failed_by_route == 0


@case("A4")
def a_candidate_whose_deadline_is_put_off_while_it_starts(story: Story) -> None:
    """The edit counts at once, and starts no pod anew."""
    story.edit(serving={"replicas": 2, "startup": {"timeout": "20s"}})
    story.rests(60)
    story.happens("its server loads slowly", start_seconds=40.0, starts={"v2": ("Load", NOT_LOADED)})
    story.asks("v2", weight(10), weight(50))
    story.reaches(says("Loading")).rests(10)
    before = {name: one.born for name, one in story.revisions.items()}
    story.edit(serving={"replicas": 2, "startup": {"timeout": "5m"}})
    story.rests(15)
    assert {name: one.born for name, one in story.revisions.items()} == before
    story.reaches(promoted).rests(15)
    assert story.failed_by_route == 0


@case("A4")
def a_candidate_whose_deployment_is_deleted_while_it_starts(story: Story) -> None:
    """It is made again, and has the whole of its time: none of it went to a Deployment that there was not."""
    story.edit(serving={"replicas": 2, "startup": {"timeout": "20s"}})
    story.happens("its server loads for ever", room={"v2": 0}, starts={"v2": ("Load", NOT_LOADED)})
    story.asks("v2", weight(10), weight(50))
    story.reaches(says("Loading")).rests(10)
    story.tell("its Deployment is deleted")
    del story.revisions[story.revision("v2")]
    again = story.now
    story.reaches(taken_back)
    assert 20 < story.now - again < 23 + story.patience
    story.rests(15)


@case("A4", begins=True)
def a_first_version_is_warmed_up_too(story: Story) -> None:
    """There is nothing to go back to: after the deadline that is said, and it goes on as soon as it is warm."""
    story.edit(serving={"replicas": 2, "warmup": BODY, "startup": {"timeout": "20s"}})
    told = NOT_WARM.replace("v2", "v1")
    story.happens("it answers with errors", room={"v1": 1}, starts={"v1": ("WarmUp", told)})
    story.reaches(says("WarmingUp")).reaches(says("NotServing"))
    assert story.route is None
    story.happens("it answers well", room={})
    story.reaches(promoted).rests(15)
