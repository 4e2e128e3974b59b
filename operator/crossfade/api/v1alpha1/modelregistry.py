"""ModelRegistry: where models are registered, and how the operator and the loaders are let in."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from crossfade.api.v1alpha1.common import (
    ApiModel,
    Conditions,
    DnsLabel,
    Generation,
    ObjectName,
    cel,
    given,
    one_of,
    validations,
)
from crossfade.api.v1alpha1.writeback import MOST_MODELS, WriteBack, Written

SYSTEMS = ("azureML", "git", "huggingFace", "mlflow", "objectStore", "oci", "sageMaker", "vertexAI", "wandb")
"""The members that say which system it is; ModelVersions' sources have them by the same names, but for `objectStore`,
whose sources are `uri`."""
_ONE_SYSTEM = one_of(*SYSTEMS)
_HOLDERS = ("workspace", "registry")
_ONE_HOLDER = one_of(*_HOLDERS)

_SERVER = r"^https?://(\[[0-9A-Fa-f:.]+\]|[^\x00-\x20\x7f?#@/:\[\]]+)(:[0-9]{1,5})?"
Address = Annotated[str, StringConstraints(pattern=_SERVER + r"(/[^\x00-\x20\x7f?#@]*)?$", max_length=2048)]
"""An http(s) address without user, query and fragment, which is where credentials hide."""
Region = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
"""A region of a cloud, such as `eu-central-1`."""
_REGION_OF_S3 = cel("!has(self.region) || self.uri.startsWith('s3:')", "must have `region` beside an s3 address alone")
_ACCOUNT_OF_AZURE = cel(
    "has(self.account) == self.uri.startsWith('az:')", "must have `account` beside an az address, and beside no other"
)
_ROLES = ("champion", "challenger")
_ALIASED = ("huggingFace", "mlflow", "oci", "vertexAI", "wandb")
_TOLD: Mapping[str, tuple[str, ...]] = {
    "approval": ("sageMaker",),
    "challenger": _ALIASED,
    "champion": _ALIASED,
    "stage": ("mlflow",),
    "tags": ("azureML", "mlflow", "vertexAI", "wandb"),
}
"""The systems that can be told, by the members of `writeBack`."""


def _told_to(member: str, systems: Sequence[str]) -> JsonDict:
    known = " || ".join(f"has(self.{system})" for system in systems)
    said = " or ".join(filter(None, [", ".join(f"`{system}`" for system in systems[:-1]), f"`{systems[-1]}`"]))
    return cel(
        f"!has(self.writeBack) || !has(self.writeBack.{member}) || {known}",
        f"must have `writeBack.{member}` beside {said} alone: no other system is told such",
    )


_TELLS: Mapping[str, JsonDict] = {member: _told_to(member, systems) for member, systems in _TOLD.items()}
_PLAIN = ("^[a-zA-Z0-9_][a-zA-Z0-9_-]{0,127}$", "of at most 128 letters, digits, `_` and `-`, without `-` in front")
_SPELLED: Mapping[str, tuple[str, str]] = {
    "huggingFace": _PLAIN,
    "oci": _PLAIN,
    "vertexAI": (
        "^[a-z]([a-zA-Z0-9-]{0,126}[a-z0-9])$",
        "of two to 128 letters, digits and dashes, a small letter first, and last one or a digit",
    ),
}
"""How aliases must be spelled, where a system does not take all that others take."""


def _spelled(system: str, pattern: str, said: str) -> JsonDict:
    each = (f"(!has(self.writeBack.{role}) || self.writeBack.{role}.matches('{pattern}'))" for role in _ROLES)
    return cel(
        f"!has(self.{system}) || !has(self.writeBack) || {' && '.join(each)}",
        f"must have aliases in `writeBack` beside `{system}` {said}",
    )


_SPELLS: Mapping[str, JsonDict] = {system: _spelled(system, *how) for system, how in _SPELLED.items()}
_ONE_DEFAULT = cel(
    "!has(self.vertexAI) || !has(self.writeBack) || !has(self.writeBack.challenger)"
    " || self.writeBack.challenger != 'default'",
    "must have another alias than `default` in `writeBack.challenger` beside `vertexAI`, which never lets go of that",
)


_AzureName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$", max_length=260)]


class AzureMlRegistry(ApiModel):
    """A workspace or a registry of Azure Machine Learning."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_HOLDER))

    subscription: Annotated[
        str, StringConstraints(pattern=r"^[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}$", max_length=36)
    ]
    """The subscription's ID."""
    resource_group: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_()-][a-zA-Z0-9_().-]*$", max_length=90)]
    """The resource group that it is in."""
    workspace: _AzureName | None = None
    """The workspace's name."""
    registry: _AzureName | None = None
    """The registry's name, where it is one that workspaces share."""
    endpoint: Address | None = None
    """Azure's resource manager, where it is not the public cloud's."""
    login_endpoint: Address | None = None
    """Where the service principal gets its tokens, where it is not the public cloud's."""
    blob_endpoint: Address | None = None
    """The storage, where accounts are not below `blob.core.windows.net` or another cloud's; the account's name is
    added to its path, as Azurite has it."""

    @model_validator(mode="after")
    def _one_holder(self) -> Self:
        if len(given(self, _HOLDERS)) != 1:
            raise ValueError(_ONE_HOLDER["message"])
        return self


class GitRegistry(ApiModel):
    """A Git repository behind http(s), whose models may be kept by DVC and registered by GTO."""

    address: Address
    """Where it is, such as `https://git.example.com/team/models.git`."""
    dvc_remote: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)] | None = None
    """The DVC remote to read, by its name in `.dvc/config`; the one that is the default there when left out."""


class HuggingFaceRegistry(ApiModel):
    """The Hugging Face Hub, or a server that speaks as it does."""

    address: Address = "https://huggingface.co"
    """Where it is; a path may follow."""


class MlflowRegistry(ApiModel):
    """An MLflow server."""

    address: Address
    """Where it is, such as `https://mlflow.example.com`; a path may follow."""
    workspace: DnsLabel | None = None
    """The MLflow workspace, where the server has such; sent as `X-MLFLOW-WORKSPACE`."""


class ObjectStoreRegistry(ApiModel):
    """A bucket or a container of an object store, or what lies beneath a prefix in it."""

    model_config = ConfigDict(json_schema_extra=validations(_REGION_OF_S3, _ACCOUNT_OF_AZURE))

    uri: Annotated[
        str, StringConstraints(pattern=r"^(s3|gs|az)://[^\x00-\x20\x7f?#/@]+(/[^\x00-\x20\x7f?#]*)?$", max_length=2048)
    ]
    """Where the models are, such as `s3://models/risk`, `gs://models` or `az://<container>/risk`: ModelVersions name
    what lies beneath it."""
    endpoint: Address | None = None
    """The server, where it is not the cloud's own: MinIO's or Ceph's, or a private endpoint."""
    region: Region | None = None
    """The bucket's region, for S3; `us-east-1` when left out."""
    account: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{3,24}$", max_length=24)] | None = None
    """The storage account, for Azure Blob Storage."""

    @model_validator(mode="after")
    def _of_one_store(self) -> Self:
        if self.region is not None and not self.uri.startswith("s3:"):
            raise ValueError(_REGION_OF_S3["message"])
        if (self.account is not None) != self.uri.startswith("az:"):
            raise ValueError(_ACCOUNT_OF_AZURE["message"])
        return self


class OciRegistry(ApiModel):
    """A registry of container images, which keeps other artifacts too (OCI distribution specification)."""

    address: Annotated[str, StringConstraints(pattern=_SERVER + "/?$", max_length=2048)]
    """Where it is, such as `https://ghcr.io`; no path may follow, it is a part of the reference."""


class SageMakerRegistry(ApiModel):
    """The model registry of Amazon SageMaker, in one region of the account that the credentials are of."""

    region: Region
    """The region, such as `eu-central-1`."""
    endpoint: Address | None = None
    """SageMaker's API, where it is not the public one: an interface endpoint of a VPC."""
    s3_endpoint: Address | None = None
    """The same for S3, which has the models' files."""


class VertexRegistry(ApiModel):
    """The model registry of Google's Vertex AI, in one location of one project."""

    project: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.:-]*[a-z0-9])?$", max_length=100)]
    """The project that has the models, by its id or its number."""
    location: Region
    """The location, such as `europe-west4`."""
    endpoint: Address | None = None
    """Vertex AI's API, where it is not the location's public one: a private endpoint."""
    storage_endpoint: Address | None = None
    """The same for Google Cloud Storage, which has the models' files."""


class WandbRegistry(ApiModel):
    """Weights & Biases, or a server of it that a company runs itself."""

    address: Address = "https://api.wandb.ai"
    """Where its API is; a path may follow."""


class SecretRef(ApiModel):
    """A Secret of the same namespace."""

    name: ObjectName
    """Its name."""


class Credentials(ApiModel):
    """Who to be."""

    secret_ref: SecretRef
    """The Secret that holds them; docs/registries says which keys are read for each system."""


class ConfigMapKeyRef(ApiModel):
    """A key of a ConfigMap of the same namespace."""

    name: ObjectName
    """The ConfigMap's name."""
    key: Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)] = "ca.crt"
    """The key."""


class Tls(ApiModel):
    """Whom to trust."""

    ca_config_map_ref: ConfigMapKeyRef
    """Certificate authorities in PEM; they take the place of those that everybody trusts."""


class ModelRegistrySpec(ApiModel):
    """One registry. It may be edited: ModelVersions that are resolved keep what they were resolved with."""

    model_config = ConfigDict(
        json_schema_extra=validations(_ONE_SYSTEM, *_TELLS.values(), *_SPELLS.values(), _ONE_DEFAULT)
    )

    azure_ml: Annotated[AzureMlRegistry | None, Field(alias="azureML")] = None
    """A workspace or a registry of Azure Machine Learning."""
    git: GitRegistry | None = None
    """A Git repository."""
    hugging_face: HuggingFaceRegistry | None = None
    """A Hugging Face Hub."""
    mlflow: MlflowRegistry | None = None
    """An MLflow server."""
    object_store: ObjectStoreRegistry | None = None
    """A bucket of S3, Google Cloud Storage or Azure Blob Storage, or of what speaks as they do."""
    oci: OciRegistry | None = None
    """A registry of container images and other artifacts."""
    sage_maker: SageMakerRegistry | None = None
    """The model registry of Amazon SageMaker."""
    vertex_ai: Annotated[VertexRegistry | None, Field(alias="vertexAI")] = None
    """The model registry of Google's Vertex AI."""
    wandb: WandbRegistry | None = None
    """Weights & Biases."""
    credentials: Credentials | None = None
    """Who to be; nobody when left out."""
    tls: Tls | None = None
    """Whom to trust; the authorities that everybody trusts when left out."""
    write_back: WriteBack | None = None
    """What the registry is told of rollouts; nothing when left out."""

    @model_validator(mode="after")
    def _one_system(self) -> Self:
        if len(given(self, SYSTEMS)) != 1:
            raise ValueError(_ONE_SYSTEM["message"])
        for member in given(self.write_back, _TOLD) if self.write_back is not None else ():
            if not given(self, _TOLD[member]):
                raise ValueError(_TELLS[member]["message"])
        self._require_spelled()
        return self

    def _require_spelled(self) -> None:
        told = self.write_back
        aliases = [alias for alias in (told.champion, told.challenger) if alias is not None] if told else []
        for system in given(self, _SPELLED):
            if not all(re.fullmatch(_SPELLED[system][0], alias) for alias in aliases):
                raise ValueError(_SPELLS[system]["message"])
        if self.vertex_ai is not None and told is not None and told.challenger == "default":
            raise ValueError(_ONE_DEFAULT["message"])


class ModelRegistryStatus(ApiModel):
    """Observed state; written by the operator alone."""

    conditions: Conditions = Field(default_factory=list)
    """Ready, WrittenBack where `writeBack` asks for something and, while they hold, Reconciling and Stalled."""
    observed_generation: Generation = -1
    """The `metadata.generation` that this status speaks of."""
    written_to: Annotated[str, StringConstraints(max_length=4096)] | None = None
    """Which registry has acknowledged what is `written`."""
    written: Annotated[
        list[Written],
        Field(
            max_length=MOST_MODELS,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = Field(default_factory=list)
    """What it has acknowledged, by model."""
