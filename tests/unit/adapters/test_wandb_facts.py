"""Would catch an artifact of Weights & Biases that cannot be resolved for what people wrote beside it."""

import json
from typing import Any

import pytest
from crossfade.adapters.registries.wandb_facts import facts, project_page, registry_page
from crossfade.adapters.wandb_address import WandbAddress, parsed

ADDRESS = WandbAddress("risk team", "fraud", "détecteur/1", "v7", "QXJ0aWZhY3Q6MQ==", "0" * 32)
RUN: dict[str, Any] = {"name": "r1", "project": {"name": "fraud", "entity": {"name": "risk"}}}


def told(membership: Any = None, run: Any = None, used: Any = None) -> dict[str, Any]:
    return facts(membership or {}, ADDRESS, run or {}, used or {}, "https://wandb").to_json()


def test_an_address_is_read_as_it_was_written() -> None:
    assert parsed(str(ADDRESS)) == ADDRESS


def test_of_nothing_the_digest_is_known() -> None:
    found = told()
    assert found["tags"]["values"] == {"digest": "0" * 32}
    assert {"lineage", "evaluation"} & found.keys() == set()


@pytest.mark.parametrize("strange", [None, 1, True, "x", "[", "[1]", '{"a":', [], [None], {"edges": 1}, {"value": {}}])
def test_what_makes_no_sense_is_left_out(strange: Any) -> None:
    names = ("commit", "config", "summaryMetrics", "heartbeatAt", "user", "inputArtifacts", "state")
    found = told({"artifact": strange, "aliases": strange}, RUN | dict.fromkeys(names, strange), {"edges": strange})
    assert found["lineage"]["runId"] == "risk/fraud/r1"
    artifact = dict.fromkeys(("metadata", "description", "artifactType", "artifactSequence", "tags"), strange)
    assert told({"artifact": artifact}, {"name": strange, "project": strange})["tags"]["values"]["digest"] == "0" * 32


def test_parameters_and_metrics_are_those_of_people() -> None:
    config = {"lr": {"value": 0.1, "desc": None}, "_wandb": {"value": 1}, "deep": {"a": [1]}, "none": {"value": None}}
    summary = {"auc": 0.9, "n": 3, "_step": 1, "flag": True, "text": "x", "loss": float("nan")}
    found = told(run=RUN | {"config": json.dumps(config), "summaryMetrics": json.dumps(summary)})
    assert found["lineage"]["parameters"] == {"lr": "0.1", "deep": '{"a": [1]}'}
    assert {one["metric"]: one["value"] for one in found["evaluation"]["scores"]} == {
        "auc": "0.9",
        "n": "3",
        "loss": "nan",
    }


@pytest.mark.parametrize(
    ("state", "at", "ended"),
    [
        ("finished", "2026-11-01T10:00:00", "2026-11-01T10:00:00Z"),
        ("finished", "2026-11-01T10:00:00.5Z", "2026-11-01T10:00:00.5Z"),
        ("running", "2026-11-01T10:00:00Z", None),
        ("finished", "yesterday", None),
    ],
)
def test_a_run_has_ended_when_it_says_so(state: str, at: str, ended: str | None) -> None:
    assert told(run=RUN | {"state": state, "heartbeatAt": at})["lineage"].get("trainedAt") == ended


def test_people_see_it_on_the_page_of_its_project_or_of_its_registry() -> None:
    assert project_page("https://api.wandb.ai", ADDRESS, None) == (
        "https://wandb.ai/risk%20team/fraud/artifacts/model/d%C3%A9tecteur%2F1/v7"
    )
    linked = WandbAddress("acme-org", "wandb-registry-model", "fraud", "v1", "a", "0" * 32)
    assert registry_page("https://wandb.example.com", "acme", linked) == (
        "https://wandb.example.com/orgs/acme/registry/model?selectionPath=acme-org%2Fwandb-registry-model%2Ffraud"
        "&view=membership&version=v1"
    )
