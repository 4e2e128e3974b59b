"""Sources in registries that Microsoft, Google and Weights & Biases run: a version, by its number or by what means it
for now."""

from typing import Annotated, Self

from pydantic import ConfigDict, StringConstraints, model_validator

from crossfade.api.v1alpha1.common import ApiModel, given, one_of, validations
from crossfade.api.v1alpha1.spelling import (
    AzureLabel,
    AzureName,
    AzureStage,
    AzureTag,
    VertexAlias,
    VertexModel,
    WandbName,
    WandbRegistryName,
    WandbTitle,
)

_AZURE_SELECTORS = ("version", "label", "stage", "tag")
_ONE_AZURE_SELECTOR = one_of(*_AZURE_SELECTORS)
_KEPT_IN = ("project", "registry")
_ONE_PLACE = one_of(*_KEPT_IN)
_NAMED_BY = ("version", "alias")
_ONE_NAME = one_of(*_NAMED_BY)


class AzureMlSource(ApiModel):
    """A model in Azure Machine Learning, of the workspace or registry that `registryRef` names."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_AZURE_SELECTOR))

    name: AzureName
    """The model's name."""
    version: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$", max_length=64)] | None = None
    """The version, such as `7`."""
    label: AzureLabel | None = None
    """Azure's only one, `latest`: the version that was made last and is not archived; resolved once and frozen: when
    another is made, make another ModelVersion."""
    stage: AzureStage | None = None
    """The one that was made last of those in this stage, such as `Production`; resolved once and frozen."""
    tag: AzureTag | None = None
    """The one that was made last of those with this tag, such as `champion=yes`; resolved once and frozen."""

    @model_validator(mode="after")
    def _one_selector(self) -> Self:
        if len(given(self, _AZURE_SELECTORS)) != 1:
            raise ValueError(_ONE_AZURE_SELECTOR["message"])
        return self


class VertexSource(ApiModel):
    """A version of a model in the registry of Vertex AI."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_NAME))

    model: VertexModel
    """The model's id, such as `4567891234567891234` or `fraud-detector`."""
    version: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,18}$", max_length=19)] | None = None
    """The version's number."""
    alias: VertexAlias | None = None
    """Such as `default`; resolved once and frozen: when the alias moves, make another ModelVersion."""

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if len(given(self, _NAMED_BY)) != 1:
            raise ValueError(_ONE_NAME["message"])
        return self


class WandbSource(ApiModel):
    """A version of an artifact on Weights & Biases: in the project that it was logged to, or linked into a registry."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_PLACE, _ONE_NAME))

    entity: WandbName
    """The team or the user that has the project, or the organization that has the registry."""
    project: WandbName | None = None
    """The project."""
    registry: WandbRegistryName | None = None
    """The registry, such as `model`: its name without `wandb-registry-`."""
    collection: WandbTitle
    """The artifact's name, or that of the collection in the registry."""
    version: Annotated[str, StringConstraints(pattern=r"^v(0|[1-9][0-9]{0,8})$", max_length=10)] | None = None
    """The version in the project or the registry, such as `v7`."""
    alias: WandbTitle | None = None
    """Resolved once and frozen: when the alias moves, make another ModelVersion."""

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        for names, rule in ((_KEPT_IN, _ONE_PLACE), (_NAMED_BY, _ONE_NAME)):
            if len(given(self, names)) != 1:
                raise ValueError(rule["message"])
        return self
