"""ModelRegistry: where models are registered, and how the operator and the loaders are let in."""

from typing import Annotated, Self

from pydantic import ConfigDict, StringConstraints, model_validator

from crossfade.api.v1alpha1.common import ApiModel, DnsLabel, ObjectName, given, one_of, validations

SYSTEMS = ("huggingFace", "mlflow", "oci")
"""The members that say which system it is; ModelVersions' sources have them by the same names."""
_ONE_SYSTEM = one_of(*SYSTEMS)

Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\x00-\x20\x7f?#@]+$", max_length=2048)]
"""An http(s) address without user, query and fragment, which is where credentials hide."""


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


class OciRegistry(ApiModel):
    """A registry of container images, which keeps other artifacts too (OCI distribution specification)."""

    address: Annotated[str, StringConstraints(pattern=r"^https?://[^\x00-\x20\x7f?#@/]+/?$", max_length=2048)]
    """Where it is, such as `https://ghcr.io`; no path may follow, it is a part of the reference."""


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

    model_config = ConfigDict(json_schema_extra=validations(_ONE_SYSTEM))

    hugging_face: HuggingFaceRegistry | None = None
    """A Hugging Face Hub."""
    mlflow: MlflowRegistry | None = None
    """An MLflow server."""
    oci: OciRegistry | None = None
    """A registry of container images and other artifacts."""
    credentials: Credentials | None = None
    """Who to be; nobody when left out."""
    tls: Tls | None = None
    """Whom to trust; the authorities that everybody trusts when left out."""

    @model_validator(mode="after")
    def _one_system(self) -> Self:
        if len(given(self, SYSTEMS)) != 1:
            raise ValueError(_ONE_SYSTEM["message"])
        return self
