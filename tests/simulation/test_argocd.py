"""Would catch an action of Argo CD that the operator does not obey, or that is offered where nothing would come of it;
and fixtures that Argo CD's own tests read, which are no statuses of rollouts any more.

Changed on purpose? `make golden` writes the fixtures anew.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossfade.observe.gather import rollout_facts

from tests.simulation.argocd import Object, stored
from tests.simulation.cases import CASES, Story
from tests.simulation.cases.story import at, gate, says, taken_back, weight
from tests.simulation.world import World, promoted
from tests.support.argo_lua import SCRIPTS, Script, changed
from tests.support.looks import health

REWRITE = bool(os.environ.get("CROSSFADE_REWRITE_GOLDEN"))
FOLDER = SCRIPTS / "Rollout"
SHOWN = {
    "aborted": ("an_abort_takes_all_back_at_once", "Aborted"),
    "analysing": ("an_abort_takes_all_back_at_once", "Analysing"),
    "contested": ("another_writer_of_gits_route_is_not_written_against", "RouteContested"),
    "inconclusive": ("undecided_waits_for_a_person", "Inconclusive"),
    "metrics_unavailable": ("metrics_are_gone_and_come_back", "MetricsUnavailable"),
    "promoted": ("undecided_waits_for_a_person", "Promoted"),
    "rolled_back": ("errors_take_a_version_back_with_the_figures_in_the_sentence", "RolledBack"),
    "starting": ("an_abort_takes_all_back_at_once", "Starting"),
    "suspended": ("a_suspended_rollout_stands_still_and_goes_on_where_it_was", "Suspended"),
    "waiting_for_people": ("an_abort_takes_all_back_at_once", "WaitingForPeople"),
}
"""Of a whole rollout, the first look that gives this reason."""

ORDERS = {"abort", "advance", "retry", "skip-stage"}
OFFERED = {
    "aborted": {"retry", "suspend"},
    "analysing": {"abort", "skip-stage", "suspend"},
    "contested": {"abort", "retry", "skip-stage", "suspend"},
    "inconclusive": {"abort", "advance", "skip-stage", "suspend"},
    "metrics_unavailable": {"abort", "skip-stage", "suspend"},
    "promoted": {"suspend"},
    "rolled_back": {"retry", "suspend"},
    "starting": {"abort", "suspend"},
    "suspended": {"abort", "resume"},
    "waiting_for_people": {"abort", "advance", "skip-stage", "suspend"},
}


def fixture(case: str, reason: str) -> Object:
    """The Rollout as it was stored when it first gave this reason. What is long and read by no script is left out."""
    (played,) = (one for one in CASES if one.name == case)
    found: list[Object] = []

    def listen(world: World) -> None:
        ready = next(one for one in world.status.conditions if one.type == "Ready")
        started = world.status.candidate is not None or world.status.outcome is not None
        if not found and ready.reason == reason and started and world.spec["modelVersion"] != "v1":
            found.append(stored(world))

    played.on(checks=[listen])
    status = {key: value for key, value in found[0]["status"].items() if key not in ("analysis", "plan")}
    return found[0] | {"status": status}


def offered(found: Object) -> set[str]:
    """The actions that Argo CD lets people choose."""
    listed = Script.at("Rollout", "actions", "discovery.lua").run(found)
    assert set(listed) == {one.name for one in (FOLDER / "actions").iterdir() if one.is_dir()}
    return {name for name, action in listed.items() if not action["disabled"]}


def written(file: Path, document: Any) -> Any:
    """What the file says; written first when that is asked for."""
    if REWRITE:
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True))
    return yaml.safe_load(file.read_text())


@pytest.mark.parametrize("name", SHOWN)
def test_a_fixture_is_the_status_of_a_rollout(name: str) -> None:
    now = fixture(*SHOWN[name])
    assert written(FOLDER / "testdata" / f"{name}.yaml", now) == now
    assert offered(now) == OFFERED[name]


def test_argo_cds_own_tests_expect_of_the_fixtures_what_the_scripts_say() -> None:
    found = {name: yaml.safe_load((FOLDER / "testdata" / f"{name}.yaml").read_text()) for name in SHOWN}
    told = [{"healthStatus": health(one), "inputPath": f"testdata/{name}.yaml"} for name, one in found.items()]
    assert written(FOLDER / "health_test.yaml", {"tests": told}) == {"tests": told}
    choices = [
        {
            "inputPath": f"../testdata/{name}.yaml",
            "result": [
                {"name": action, "disabled": action not in OFFERED[name]}
                for action in sorted(ORDERS | {"suspend", "resume"})
            ],
        }
        for name in SHOWN
    ]
    assert written(FOLDER / "actions" / "action_test.yaml", {"discoveryTests": choices}) == {"discoveryTests": choices}


def test_every_fixture_is_of_a_rollout() -> None:
    assert {file.stem for file in (FOLDER / "testdata").iterdir()} == set(SHOWN) == set(OFFERED)


def clicked(story: Story, action: str) -> None:
    """Somebody chooses an action in Argo CD, which stores what its script returns."""
    before = stored(story)
    assert action in offered(before), story.transcript()
    after = changed(Script.at("Rollout", "actions", action, "action.lua"), before)
    facts = rollout_facts(after)
    assert {key: value for key, value in after["spec"].items() if key != "suspend"} == {
        key: value for key, value in before["spec"].items() if key != "suspend"
    }
    assert after["status"] == before["status"]
    if after["spec"] != before["spec"]:
        story.edit(suspend=after["spec"]["suspend"])
    story.orders = dict(facts.orders)


def effects(story: Story) -> dict[str, tuple[str, str, str]]:
    """What became of each order, and who gave it why."""
    return {one.verb: (one.effect, one.by, one.reason) for one in story.status.handled}


def under_way(*stages: dict[str, Any]) -> Story:
    """v2 is asked for over v1."""
    story = Story().reaches(promoted)
    story.asks("v2", *stages)
    return story


def test_abort_takes_back_and_retry_tries_again() -> None:
    """GitOps properties 6 and 16."""
    story = under_way(weight(10), gate()).reaches(at("sign-off"))
    clicked(story, "abort")
    story.reaches(taken_back, within=1.0).rests(30)
    assert effects(story) == {"abort": ("Obeyed", "Argo CD", "")}
    clicked(story, "retry")
    story.reaches(at("sign-off"))
    assert effects(story)["retry"] == ("Obeyed", "Argo CD", "")


def test_abort_is_offered_before_the_version_that_is_asked_for_is_known() -> None:
    story = Story(versions={"v1"}).reaches(promoted)
    story.ask("v2")
    story.reaches(says("WaitingForModelVersion"))
    clicked(story, "abort")
    story.versions.add("v2")
    story.reaches(taken_back, within=1.0)
    assert "abort" not in offered(stored(story))


def test_advance_passes_a_gate() -> None:
    story = under_way(weight(10), gate()).reaches(at("sign-off")).reaches(says("WaitingForPeople"))
    clicked(story, "advance")
    story.reaches(promoted)
    assert effects(story) == {"advance": ("Obeyed", "Argo CD", "")}


def test_skip_stage_goes_on_without_the_evidence() -> None:
    story = under_way(weight(10, minDuration="1h"), gate()).reaches(at("w10"))
    clicked(story, "skip-stage")
    story.reaches(at("sign-off"), within=10.0)
    assert effects(story) == {"skip-stage": ("Obeyed", "Argo CD", "")}


def test_suspend_holds_and_resume_goes_on() -> None:
    story = under_way(weight(10, minDuration="20s")).reaches(at("w10"))
    clicked(story, "suspend")
    story.reaches(says("Suspended")).rests(60)
    assert story.share("v2") == 10
    clicked(story, "resume")
    story.reaches(promoted)


def test_what_an_earlier_order_gave_as_its_reason_is_not_given_for_this_one() -> None:
    story = under_way(weight(10), gate()).reaches(at("sign-off"))
    story.order("abort", "1", by="ann", reason="the features are late")
    story.reaches(taken_back).rests(30)
    story.order("retry", "1")
    story.reaches(at("sign-off"))
    clicked(story, "abort")
    story.reaches(taken_back, within=5.0)
    assert effects(story)["abort"] == ("Obeyed", "Argo CD", "")


def test_what_nothing_waits_for_is_not_offered() -> None:
    story = Story().reaches(promoted)
    assert offered(stored(story)) == {"suspend"}
    assert offered({**stored(story), "status": {}}) == {"suspend"}


def test_the_first_version_cannot_be_taken_back() -> None:
    story = Story().reaches(lambda world: world.status.candidate is not None)
    assert story.status.stable is None
    assert offered(stored(story)) == {"suspend"}
