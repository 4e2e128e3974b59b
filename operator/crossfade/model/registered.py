"""The registries' own names of models, out of what ModelVersions were resolved to."""

import re
from collections.abc import Mapping
from typing import Final

_NAMED: Final[Mapping[str, re.Pattern[str]]] = {
    "azureML": re.compile(r"azureml://[^/]+/[^/]+/models/([^/]+)/versions/[^/]+"),
    "huggingFace": re.compile(r"hf://([^@]+)@[0-9a-f]{40}"),
    "mlflow": re.compile(r"models:/(.+)/[^/]+"),
    "oci": re.compile(r"oci://[^/]+/([^@]+)@sha256:[0-9a-f]{64}"),
    "sageMaker": re.compile(r"(.+)/[^/]+"),
    "vertexAI": re.compile(r"projects/[^/]+/locations/[^/]+/models/([^/@]+)@[0-9]+"),
    "wandb": re.compile(r"wandb://([^/]+/[^/]+/[^/:]+):v[0-9]+"),
}
"""The references of the systems that are told of rollouts; the group is the model."""


def model_named(system: str, reference: str) -> str | None:
    """The model that a version with this reference is of; None where the system is told nothing. It is the name that
    the system has, of SageMaker the address of the group, and of W&B `<entity>/<project>/<collection>`."""
    pattern = _NAMED.get(system)
    found = pattern.fullmatch(reference) if pattern is not None else None
    return found[1] if found is not None else None
