"""Catches a ModelSource that asks for something else than it follows, or says that it follows something else."""

from typing import Any

import pytest
from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
from crossfade.decide.following import described, followed

WANDB = {"entity": "acme", "collection": "fraud", "alias": "production"}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"azureML": {"name": "fraud", "label": "latest"}}, "the latest of fraud"),
        ({"azureML": {"name": "fraud", "stage": "Production"}}, "stage Production of fraud"),
        ({"azureML": {"name": "fraud", "tag": "champion=yes"}}, "tag champion=yes of fraud"),
        ({"vertexAI": {"model": "fraud", "alias": "default"}}, "alias default of fraud"),
        ({"wandb": {**WANDB, "project": "risk"}}, "alias production of acme/risk/fraud"),
        ({"wandb": {**WANDB, "registry": "model"}}, "alias production of acme/model/fraud"),
        ({"sageMaker": {"group": "fraud", "approvalStatus": "Approved"}}, "the newest Approved of fraud"),
    ],
)
def test_a_hosted_registry_is_asked_for_what_is_followed(told: dict[str, Any], said: str) -> None:
    spec = ModelSourceSpec.model_validate({**told, "registryRef": {"name": "r"}, "template": {"modelName": "m"}})
    assert followed(spec).to_json() == {**told, "registryRef": {"name": "r"}}
    assert described(spec) == said


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"azureML": {"name": "fraud"}}, "^1.2 of fraud"),
        ({"vertexAI": {"model": "fraud"}}, "^1.2 of fraud"),
        ({"wandb": {"entity": "acme", "registry": "model", "collection": "fraud"}}, "^1.2 of acme/model/fraud"),
        ({"sageMaker": {"group": "fraud", "approvalStatus": "Approved"}}, "^1.2 of the Approved of fraud"),
        ({"mlflow": {"name": "fraud"}}, "^1.2 of fraud"),
        ({"oci": {"repository": "risk/fraud"}}, "^1.2 of risk/fraud"),
        ({"huggingFace": {"repo": "org/fraud"}}, "^1.2 of org/fraud"),
        ({"git": {"path": "models/fraud"}}, "^1.2 of models/fraud"),
    ],
)
def test_a_range_is_told_with_whose_versions_they_are(told: dict[str, Any], said: str) -> None:
    [(system, followed)] = told.items()
    ranged = {system: {**followed, "semver": "^1.2"}, "registryRef": {"name": "r"}, "template": {"modelName": "m"}}
    spec = ModelSourceSpec.model_validate(ranged)
    assert (spec.semver, described(spec)) == ("^1.2", said)
