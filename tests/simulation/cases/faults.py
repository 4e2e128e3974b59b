"""Kills, deletions, lost pods, and edits that are not versions: cases F of one list, S15, S18, S24 of the other."""

from typing import Any

from tests.simulation.cases.story import Story, at, case, gate, ladder, promoted, says, taken_back, weight


@case("F1")
def killed_at_every_stage(story: Story) -> None:
    """Killed before each stage's next write: the same end, no second analysis, no clock begun anew."""
    story.asks("v2", weight(10), weight(50))
    for name in ("w10", "w50"):
        story.reaches(at(name))
        story.happens("the operator is killed at its next write but one", crash_after=1)
    story.reaches(promoted).rests(15)


@case("F1")
def restarted_while_a_stage_lasts(story: Story) -> None:
    """What was counted and since when is in the status: a restart begins nothing anew."""
    story.asks("v2", weight(10, minDuration="60s"), weight(50))
    story.reaches(at("w10")).rests(30)
    began = story.now - 30
    story.tell("the operator is restarted")
    story.restart()
    story.reaches(at("w50", proven=False))
    assert story.now - began < 64 + story.patience
    story.reaches(promoted).rests(15)


@case("F3", "S24")
def deleted_at_half(story: Story) -> None:
    """All to stable, which goes on serving; the candidate drains and goes; then the object."""
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))
    story.delete()
    story.rests(30)
    assert not story.finalizer
    assert story.share("v1") == 100


@case("F3")
def deleted_at_half_with_the_route_gone(story: Story) -> None:
    """Nothing hangs on a route that somebody deleted before."""
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))
    story.happens("somebody deletes the route", route=None)
    story.delete()
    story.rests(30)
    assert not story.finalizer


@case("F3")
def deleted_at_half_while_the_gateway_is_gone(story: Story) -> None:
    """The object waits a minute for the gateway and no longer; the pods that may still be reached stay."""
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))
    story.happens("the gateway takes no new route", gateway_up=False)
    story.delete()
    story.rests(90)
    assert not story.finalizer


@case("S24")
def deleted_while_stable_cannot_answer(story: Story) -> None:
    """The candidate answers until stable can, at most for the minute that a deletion waits."""
    story.asks("v2", weight(50), gate())
    story.reaches(at("sign-off"))
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.delete()
    story.rests(20)
    assert story.share("v2") == 50, story.transcript()
    story.happens("the pods of v1 are back", room={})
    story.rests(30)
    assert not story.finalizer


@case("F8")
def three_versions_one_after_the_other(story: Story) -> None:
    """Each takes over, the one before drains and goes; the first again is a version like any other."""
    for version in ("v2", "v3", "v1"):
        story.asks(version, weight(20))
        story.reaches(promoted).rests(15)
    assert len(story.revisions) == 1


@case("S15")
def another_way_to_serve_the_same_bytes(story: Story) -> None:
    """The version stays, its serving changes: another revision, and all stages again."""
    story.edit(
        serving={"replicas": 2, "implementation": "ours.Model"},
        strategy={"stages": [{"name": "ten", "weight": 10, "minDuration": "3s"}]},
    )
    story.reaches(lambda one: one.status.candidate is not None)
    story.reaches(promoted).rests(15)
    assert len(story.names) == 2


def configured(name: str) -> dict[str, Any]:
    """Served with the contents of this ConfigMap in the model's environment."""
    model = {"name": "model", "envFrom": [{"configMapRef": {"name": name}}]}
    return {"replicas": 2, "template": {"spec": {"containers": [model]}}}


@case("S15")
def a_configmap_of_another_name(story: Story) -> None:
    """A name for each content: another revision, all stages, and each version keeps what it was analysed with."""

    def mounted() -> list[str]:
        pods = [one.deployment["spec"]["template"]["spec"]["containers"] for one in story.revisions.values()]
        return [one["envFrom"][0]["configMapRef"]["name"] for found in pods for one in found if "envFrom" in one]

    story.edit(serving=configured("settings-7f3a"), strategy=ladder(weight(10)))
    story.reaches(lambda one: one.status.candidate is not None).reaches(promoted).rests(15)
    story.edit(serving=configured("settings-91c0"))
    story.reaches(at("w10"))
    assert mounted() == ["settings-7f3a", "settings-91c0"]
    story.reaches(promoted).rests(15)
    assert mounted() == ["settings-91c0"]


@case("S18")
def stages_skipped_for_a_version_that_does_not_exist(story: Story) -> None:
    """Nothing skips the pods: a version that crashes is taken back, however loudly it was waved through."""
    story.happens("v2 crashes", crashes={"v2"})
    story.asks("v2", weight(10), weight(50))
    story.order("skip-stage")
    story.reaches(taken_back).rests(15)


@case("F6")
def a_rollout_of_one_pod(story: Story) -> None:
    """The smallest there is: one pod each."""
    story.edit(serving={"replicas": 1})
    story.asks("v2", weight(50))
    story.reaches(promoted).rests(15)


@case("B11")
def all_pods_of_the_candidate_are_lost_under_traffic(story: Story) -> None:
    """Traffic leaves it in the same look; what the weight may not exceed is what ready pods carry."""
    story.asks("v2", weight(50, minDuration="1m"))
    story.reaches(at("w50"))
    story.happens("no pod of v2 is ready any more", room={"v2": 0})
    story.reaches(taken_back, within=1.0).rests(15)


@case("S18")
def wrong_bytes_are_refused_before_a_request(story: Story) -> None:
    """The loader finds other bytes than were resolved: taken back without having had a request."""
    story.happens("the store holds other bytes for v2", wrong_bytes={"v2"})
    story.asks("v2", weight(10))
    story.reaches(taken_back).rests(15)
    assert story.shares == [0]


@case("F5")
def a_model_version_is_deleted_at_ten_percent_and_comes_back(story: Story) -> None:
    """What serves goes on serving, and nothing moves forward; when it is back, the rollout goes on where it was."""
    story.asks("v2", weight(10), weight(50))
    story.reaches(at("w10"))
    story.happens("the ModelVersion v2 is deleted", versions={"v1"})
    story.reaches(says("WaitingForModelVersion")).rests(30)
    assert story.share("v2") == 10
    story.happens("the ModelVersion v2 is there again", versions={"v1", "v2"})
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 10, 50, 100]
    assert story.failed_by_route == 0
