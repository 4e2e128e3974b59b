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
