"""Would catch a registry that is told of a model by a name that it does not have."""

import pytest
from crossfade.model.registered import model_named


@pytest.mark.parametrize(
    ("system", "reference", "model"),
    [
        ("azureML", "azureml://workspaces/ws/models/Fraud_1/versions/7", "Fraud_1"),
        ("huggingFace", f"hf://org/fraud@{'a' * 40}", "org/fraud"),
        ("huggingFace", f"hf://gpt2@{'a' * 40}", "gpt2"),
        ("mlflow", "models:/模型 é/7", "模型 é"),
        ("oci", f"oci://ghcr.io:443/risk/fraud@sha256:{'a' * 64}", "risk/fraud"),
        (
            "sageMaker",
            "arn:aws:sagemaker:eu-central-1:1:model-package/fraud/7",
            "arn:aws:sagemaker:eu-central-1:1:model-package/fraud",
        ),
        ("vertexAI", "projects/p/locations/l/models/fraud@7", "fraud"),
        ("wandb", "wandb://acme/wandb-registry-model/modèle @ 模型:v7", "acme/wandb-registry-model/modèle @ 模型"),
        ("git", "git://models/fraud", None),
        ("objectStore", "s3://models/fraud", None),
        ("mlflow", "", None),
    ],
)
def test_the_name_is_the_systems_own(system: str, reference: str, model: str | None) -> None:
    assert model_named(system, reference) == model
