"""Would catch a status that Argo CD shows as nothing, as fine when it is not, or otherwise than Flux and Helm."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import crossfade
import pytest
from crossfade.api.conditions import Reason
from crossfade.api.kinds import KINDS
from crossfade.api.meta import API_VERSION
from crossfade.decide.plan import Situation, Standing
from crossfade.decide.progress import STEPS
from crossfade.decide.rollout import STATES
from crossfade.status.conditions import conditions, rollout_facts

from tests.support.argo_lua import SCRIPTS
from tests.support.kstatus import kstatus
from tests.support.looks import EXPECTED, HEALTHY, MEANS, PROGRESSING, SUSPENDED, expected, health

Object = dict[str, Any]

NEVER_READY = {
    Reason.FIRST_VERSION,
    Reason.ORDERED,
    Reason.PROVEN,
    Reason.ROUTE_REFUSED,
    Reason.ROUTE_REPAIRED,
    Reason.SEMVER_KEPT,
    Reason.SERVING,
    Reason.SPEC_OVERRULED,
    Reason.TOO_MANY,
    Reason.VERSIONS_DIFFER,
    Reason.WRITE_BACK_DELAYED,
    Reason.WRITING_BACK,
    Reason.WRITTEN_BACK,
}
"""Reasons of other conditions, and of events."""
WITH_STATUS = [kind.name for kind in KINDS.values() if kind.status]


def given(kind: str, situation: Situation, generation: int = 3, observed: int = 3) -> Object:
    """An object with the conditions that the operator writes."""
    facts = rollout_facts(available=True, proven=None) if kind == "Rollout" else ()
    found = [one.to_json() for one in conditions(situation, facts, (), observed, 1_800_000_000.0)]
    status = {"observedGeneration": observed, "conditions": found}
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": "fraud", "generation": generation},
        "spec": {},
        "status": status,
    }


def literals() -> Iterator[tuple[str, Standing, Reason]]:
    """Each `Situation(Standing.X, Reason.Y, …)` of the code, with its place."""
    for file in sorted(Path(crossfade.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Situation" and len(node.args) >= 2:
                standing, reason = (ast.unparse(one) for one in node.args[:2])
                if standing.startswith("Standing.") and reason.startswith("Reason."):
                    yield f"{file.name}:{node.lineno}", Standing[standing[9:]], Reason[reason[7:]]


def test_every_kind_has_a_script_and_nothing_else_has() -> None:
    assert {one.name for one in SCRIPTS.iterdir()} == set(KINDS)


def test_a_person_has_said_of_every_reason_what_it_looks_like() -> None:
    known = [reason for reasons in EXPECTED.values() for reason in reasons]
    assert len(known) == len(set(known))
    assert set(known) | NEVER_READY == set(Reason)
    assert not set(known) & NEVER_READY


@pytest.mark.parametrize("kind", WITH_STATUS)
@pytest.mark.parametrize("reason", Reason)
def test_every_status_has_an_answer_that_flux_and_helm_would_give_too(kind: str, reason: Reason) -> None:
    """GitOps properties 2 and 16."""
    for standing in Standing:
        found = given(kind, Situation(standing, reason, "so it is"))
        said = health(found)
        assert said["message"] == f"{reason}: so it is"
        assert said["status"] in MEANS[kstatus(found)]


@pytest.mark.parametrize(("place", "standing", "reason"), list(literals()))
def test_what_the_code_says_looks_as_a_person_expects(place: str, standing: Standing, reason: Reason) -> None:
    said = {health(given(kind, Situation(standing, reason, "so it is")))["status"] for kind in WITH_STATUS}
    assert len(said) == 1, place
    assert said <= expected(reason), place


def test_every_reason_that_the_table_of_states_shows_has_a_look() -> None:
    shown = {reason for table in (STATES, STEPS) for state in table for reason in state.seen}
    assert not shown & NEVER_READY


@pytest.mark.parametrize("kind", WITH_STATUS)
@pytest.mark.parametrize("standing", Standing)
def test_a_status_of_an_older_generation_says_nothing_about_this_one(kind: str, standing: Standing) -> None:
    found = given(kind, Situation(standing, Reason.PROMOTED, "so it is"), generation=4)
    assert (kstatus(found), health(found)["status"]) == ("InProgress", PROGRESSING)


@pytest.mark.parametrize("kind", WITH_STATUS)
@pytest.mark.parametrize("status", [None, {}, {"observedGeneration": -1}, {"observedGeneration": 3}])
def test_an_object_that_nobody_has_looked_at_is_not_well_yet(kind: str, status: Object | None) -> None:
    found = {"kind": kind, "metadata": {"name": "fraud", "generation": 3}, "spec": {}}
    assert health(found | ({} if status is None else {"status": status}))["status"] == PROGRESSING


@pytest.mark.parametrize("ready", ["True", "False", "Unknown"])
@pytest.mark.parametrize("reconciling", ["True", "False", None])
@pytest.mark.parametrize("stalled", ["True", "False", None])
def test_whatever_conditions_say_it_is_what_kstatus_says(
    ready: str, reconciling: str | None, stalled: str | None
) -> None:
    """Also of statuses that the operator never writes: others may."""
    said = {"Ready": ready, "Reconciling": reconciling, "Stalled": stalled}
    found = given("Rollout", Situation(Standing.DONE, Reason.PENDING, "so it is"))
    found["status"]["conditions"] = [
        {"type": kind, "status": status, "reason": "Pending", "message": ""} for kind, status in said.items() if status
    ]
    assert {health(found)["status"]} == MEANS[kstatus(found)] - {SUSPENDED}


def test_a_template_is_well_as_soon_as_it_is_there() -> None:
    found = {"kind": "MetricTemplate", "metadata": {"name": "errors", "generation": 1}, "spec": {}}
    assert (kstatus(found), health(found)) == ("Current", {"status": HEALTHY})


def test_a_condition_without_a_message_is_read_all_the_same() -> None:
    found = given("Rollout", Situation(Standing.DONE, Reason.PROMOTED, "so it is"))
    del found["status"]["conditions"][0]["message"]
    assert health(found) == {"status": HEALTHY, "message": "Promoted: "}
