"""Would catch a ModelSource and write-back that send two versions round in turn, for ever."""

from dataclasses import replace
from typing import Any

import pytest
from crossfade.api.v1alpha1 import ModelRegistrySpec, ModelSourceSpec
from crossfade.decide.proposing import proposal
from crossfade.decide.sourcing import SourcePlan, plan_source
from crossfade.model.snapshot import RegistryFacts
from crossfade.model.sourcing import Answer

from tests.unit.decide.test_sourcing import NOW, means, rollout, snapshot, stored

MLFLOW = {"mlflow": {"address": "https://mlflow"}}
AMAZON = {"sageMaker": {"region": "eu-central-1"}}
PENDING = {"sageMaker": {"group": "fraud", "approvalStatus": "PendingManualApproval"}}


def plan(followed: dict[str, Any], registry: dict[str, Any], *, moves: bool = True) -> SourcePlan:
    """The plan of a ModelSource whose ModelVersion is resolved and whose Rollout rests."""
    written = {"registryRef": {"name": "risk"}, "template": {"modelName": "fraud-detector"}, **followed}
    spec = ModelSourceSpec.model_validate(written | ({"moves": {"rollout": "demo"}} if moves else {}))
    facts = RegistryFacts("risk", "u", ModelRegistrySpec.model_validate(registry))
    wants = proposal(spec, means("7"))
    version = replace(stored(wants.name, means("7")), spec=wants.spec)
    answer = Answer(NOW, 1, facts, means("7"))
    return plan_source(snapshot(spec=spec, registry=facts, answer=answer, rollout=rollout("v1"), version=version))


def alias(name: str) -> dict[str, Any]:
    return {"mlflow": {"name": "fraud-detector", "alias": name}}


@pytest.mark.parametrize("field", ["champion", "challenger"])
def test_an_alias_that_is_written_after_each_rollout_moves_nothing_and_both_fields_are_named(field: str) -> None:
    found = plan(alias("live"), MLFLOW | {"writeBack": {field: "live"}})
    assert (found.move, found.situation.reason, found.situation.standing.value) == (None, "FollowsItself", "Failed")
    assert "`spec.mlflow.alias: live`" in found.situation.message
    assert f"`spec.writeBack.{field}: live` of the ModelRegistry risk" in found.situation.message


@pytest.mark.parametrize(
    ("followed", "system", "selector"),
    [
        ({"huggingFace": {"repo": "org/m", "revision": "live"}}, {"huggingFace": {}}, "huggingFace.revision"),
        (
            {"huggingFace": {"repo": "org/m", "revision": "refs/tags/live"}},
            {"huggingFace": {}},
            "huggingFace.revision",
        ),
        ({"oci": {"repository": "r", "tag": "live"}}, {"oci": {"address": "https://r"}}, "oci.tag"),
        (
            {"vertexAI": {"model": "m", "alias": "live"}},
            {"vertexAI": {"project": "p", "location": "l"}},
            "vertexAI.alias",
        ),
        ({"wandb": {"entity": "e", "project": "p", "collection": "c", "alias": "live"}}, {"wandb": {}}, "wandb.alias"),
    ],
)
def test_so_does_what_other_systems_have_for_an_alias(
    followed: dict[str, Any], system: dict[str, Any], selector: str
) -> None:
    found = plan(followed, system | {"writeBack": {"champion": "live"}})
    assert (found.move, found.situation.reason) == (None, "FollowsItself")
    assert f"`spec.{selector}: live`" in found.situation.message
    assert plan(followed, system | {"writeBack": {"champion": "champion"}}).move is not None


def test_what_is_pending_moves_nothing_where_approvals_are_written() -> None:
    found = plan(PENDING, AMAZON | {"writeBack": {"approval": "Outcome"}})
    assert (found.move, found.situation.reason) == (None, "FollowsItself")
    assert "`spec.sageMaker.approvalStatus: PendingManualApproval`" in found.situation.message
    assert "`spec.writeBack.approval: Outcome`" in found.situation.message


@pytest.mark.parametrize("stage", ["Production", "Archived", "Staging"])
def test_so_does_every_stage_where_one_is_written(stage: str) -> None:
    """A version is in one stage: given another it leaves that, whose newest is an older version then."""
    found = plan({"mlflow": {"name": "m", "stage": stage}}, MLFLOW | {"writeBack": {"stage": "Production"}})
    assert (found.move, found.situation.reason) == (None, "FollowsItself")
    assert f"`spec.mlflow.stage: {stage}`" in found.situation.message
    assert plan({"mlflow": {"name": "m", "stage": stage}}, MLFLOW | {"writeBack": {"champion": "live"}}).move


def test_so_does_an_outcome_that_is_written_as_a_tag() -> None:
    azure = {
        "azureML": {
            "subscription": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "resourceGroup": "rg",
            "workspace": "risk",
        },
        "writeBack": {"tags": "Outcome"},
    }
    found = plan({"azureML": {"name": "m", "tag": "crossfade.outcome=Promoted"}}, azure)
    assert (found.move, found.situation.reason) == (None, "FollowsItself")
    assert "`spec.azureML.tag: crossfade.outcome=Promoted`" in found.situation.message
    assert plan({"azureML": {"name": "m", "tag": "outcome=Promoted"}}, azure).move is not None


@pytest.mark.parametrize(
    ("followed", "registry"),
    [
        (alias("candidate"), MLFLOW | {"writeBack": {"champion": "champion", "challenger": "challenger"}}),
        (alias("champion"), MLFLOW | {"writeBack": {"tags": "Outcome"}}),
        (alias("champion"), MLFLOW),
        (PENDING, AMAZON),
        (
            {"sageMaker": {"group": "fraud", "approvalStatus": "Approved"}},
            AMAZON | {"writeBack": {"approval": "Outcome"}},
        ),
    ],
)
def test_what_only_others_write_moves_the_rollout(followed: dict[str, Any], registry: dict[str, Any]) -> None:
    assert plan(followed, registry).move is not None


def test_where_nothing_is_moved_it_is_proposed() -> None:
    found = plan(alias("live"), MLFLOW | {"writeBack": {"champion": "live"}}, moves=False)
    assert (found.situation.reason, found.situation.standing.value) == ("Proposed", "Done")
