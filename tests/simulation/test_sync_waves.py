"""Would catch a sync of Argo CD that goes on to the next wave before the operator has done what it waits for, or that
waits for ever. What it reads are the scripts that are shipped, of statuses that the operator writes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulation.argocd import stored
from tests.simulation.cases import Story
from tests.simulation.cases.story import at, gate, promoted, says, taken_back, weight
from tests.support.argo_lua import SCRIPTS
from tests.support.argo_waves import WAVE, Sync, title, waves

Object = dict[str, Any]

MODELS = Path(__file__).parents[2] / "examples" / "gitops" / "models"
REGISTRY, VERSION, ROLLOUT, AFTER = "ModelRegistry/mlflow", "ModelVersion/v2", "Rollout/first", "Rollout/second"


def of_git(named: str, wave: int | None = None) -> Object:
    """An object as a manifest has it, but for its spec."""
    kind, _, name = named.partition("/")
    annotations = {} if wave is None else {"annotations": {WAVE: str(wave)}}
    return {"kind": kind, "metadata": {"name": name, **annotations}}


def in_waves() -> Sync:
    """A registry, a version that is resolved from it, the Rollout of it, and one that comes after that."""
    return Sync([of_git(AFTER, 1), of_git(ROLLOUT), of_git(VERSION, -1), of_git(REGISTRY, -2)])


def shown(**states: str) -> Callable[[Object], Object]:
    """Objects as the fixtures of that name have them, by their kinds."""
    return lambda one: yaml.safe_load((SCRIPTS / one["kind"] / "testdata" / f"{states[one['kind']]}.yaml").read_text())


def at_the_rollout(story: Story) -> Sync:
    """A sync that has just applied the change which the story makes."""
    sync = in_waves()
    for _ in range(3):
        sync.look(shown(ModelRegistry="reached", ModelVersion="resolved"))
    assert sync.applied[-1] == [ROLLOUT]
    assert sync.look(lambda _: stored(story)) == "Running", "what it was before the change lets nobody on"
    assert len(sync.applied) == 3
    return sync


def edited(**spec: Any) -> Story:
    """v1 serves; v2 is asked for by 10 % and a gate, and nobody has looked at that yet."""
    story = Story().reaches(promoted)
    story.edit(**spec)
    story.asks("v2", weight(10), gate())
    return story


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_examples_are_one_wave_which_waits_for_nothing(environment: str) -> None:
    """GitOps property 10: a Rollout comes before its versions, as its name is shorter, and waits for them itself."""
    files = [*(MODELS / "base").glob("*.yaml"), MODELS / environment / "namespace.yaml"]
    found = [yaml.safe_load(file.read_text()) for file in files if file.name != "kustomization.yaml"]
    ((namespace, *others),) = waves(found)
    assert namespace["kind"] == "Namespace"
    assert [title(one) for one in others] == [
        "Rollout/fraud-detector",
        "ModelVersion/fraud-detector-1-0-0",
        "ModelVersion/fraud-detector-1-1-0",
    ]
    assert Sync(found).look(stored) == "Succeeded"


def test_a_registry_is_reached_and_a_version_resolved_before_the_rollout_is_applied() -> None:
    """GitOps property 10: where somebody asks for an order, health keeps it."""
    sync = in_waves()
    for registry, version, applied in (
        ("asking", "resolving", [REGISTRY]),
        ("away", "resolving", [REGISTRY]),
        ("reached", "resolving", [REGISTRY, VERSION]),
        ("away", "outage", [REGISTRY, VERSION]),
        ("away", "resolved", [REGISTRY, VERSION, ROLLOUT]),
    ):
        assert sync.look(shown(ModelRegistry=registry, ModelVersion=version)) == "Running"
        assert sync.order == applied


def test_a_version_of_other_bytes_ends_the_sync_before_the_rollout_is_touched() -> None:
    sync = in_waves()
    looks = [sync.look(shown(ModelRegistry="reached", ModelVersion="other_bytes")) for _ in range(4)]
    assert (looks[-1], sync.order) == ("Failed", [REGISTRY, VERSION])


def test_the_next_wave_waits_until_the_version_has_all_requests() -> None:
    """And so while a person is waited for."""
    story = edited()
    sync = at_the_rollout(story)
    for state in (at("w10"), says("WaitingForPeople")):
        story.reaches(state)
        assert sync.look(lambda _: stored(story)) == "Running"
    assert len(sync.applied) == 3
    story.order("advance")
    story.reaches(promoted)
    assert sync.look(lambda _: stored(story)) == "Succeeded"
    assert sync.applied[-1] == [AFTER]


def test_the_next_wave_does_not_wait_for_stages_where_a_rollout_under_way_is_enough() -> None:
    """`readyWhen: Accepted`: a sync does not hang for hours, and nobody has met the version yet."""
    story = edited(readyWhen="Accepted")
    sync = at_the_rollout(story)
    story.reaches(lambda world: sync.look(lambda _: stored(story)) == "Succeeded", within=60.0)
    assert story.status.candidate is not None
    assert story.share("v2") == 0


def test_a_version_that_is_taken_back_ends_the_sync_and_every_later_one_until_git_asks_for_another() -> None:
    """The wave after it is never applied meanwhile."""
    story = edited()
    sync = at_the_rollout(story)
    story.reaches(says("WaitingForPeople")).order("abort")
    story.reaches(taken_back)
    assert sync.look(lambda _: stored(story)) == "Failed"
    again = Sync([of_git(ROLLOUT), of_git(AFTER, 1)])
    assert [again.look(lambda _: stored(story)) for _ in range(2)] == ["Running", "Failed"]
    story.ask("v1")
    mended = Sync([of_git(ROLLOUT), of_git(AFTER, 1)])
    mended.look(lambda _: stored(story))
    assert mended.look(lambda _: stored(story)) == "Running", "that it was taken back is not held against the revert"
    story.reaches(lambda world: mended.look(lambda _: stored(story)) == "Succeeded")
    assert mended.applied[-1] == [AFTER]
