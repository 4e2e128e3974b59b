"""What a ModelSource follows: as the source to ask for, and in words."""

from typing import Any

from crossfade.api.v1alpha1.modelsource import FOLLOWED, FollowedWandb, ModelSourceSpec
from crossfade.api.v1alpha1.modelversion import Source


def followed(spec: ModelSourceSpec) -> Source:
    """The source whose meaning moves, of a spec without `semver`. Its members are those of the spec, but that OCI has a
    reference."""
    said: dict[str, Any] = {key: value for key, value in spec.to_json().items() if key in (*FOLLOWED, "registryRef")}
    if (oci := spec.oci) is not None:
        said["oci"] = {"reference": f"{oci.repository}:{oci.tag}"}
    return Source.model_validate(said)


def described(spec: ModelSourceSpec) -> str:
    """Such as `alias champion of fraud-detector`; 512 letters at most."""
    return _described(spec)[:512]


def _described(spec: ModelSourceSpec) -> str:
    if spec.semver is not None:
        return f"{spec.semver} of {_model(spec)}"
    if (git := spec.git) is not None:
        return f"stage {git.stage} of {git.artifact}" if git.artifact else f"{git.path} at {git.revision}"
    if (hub := spec.hugging_face) is not None:
        return f"{hub.repo} at {hub.revision}"
    if (mlflow := spec.mlflow) is not None:
        return f"alias {mlflow.alias} of {mlflow.name}" if mlflow.alias else f"stage {mlflow.stage} of {mlflow.name}"
    if (oci := spec.oci) is not None:
        return f"{oci.repository}:{oci.tag}"
    if (maker := spec.sage_maker) is not None:
        return f"the newest {maker.approval_status} of {maker.group}"
    return _hosted(spec)


def _hosted(spec: ModelSourceSpec) -> str:
    if (azure := spec.azure_ml) is not None:
        selector = f"stage {azure.stage}" if azure.stage else f"tag {azure.tag}" if azure.tag else "the latest"
        return f"{selector} of {azure.name}"
    if (vertex := spec.vertex_ai) is not None:
        return f"alias {vertex.alias} of {vertex.model}"
    return f"alias {spec.wandb.alias} of {_collection(spec.wandb)}" if spec.wandb else ""


def _collection(wandb: FollowedWandb) -> str:
    return f"{wandb.entity}/{wandb.project or wandb.registry}/{wandb.collection}"


def _model(spec: ModelSourceSpec) -> str:
    """Of which a range is followed."""
    if spec.git is not None:
        return spec.git.artifact or spec.git.path or ""
    if spec.hugging_face is not None:
        return spec.hugging_face.repo
    if spec.mlflow is not None:
        return spec.mlflow.name
    if spec.oci is not None:
        return spec.oci.repository
    if (maker := spec.sage_maker) is not None:
        return f"the {maker.approval_status} of {maker.group}"
    if spec.azure_ml is not None:
        return spec.azure_ml.name
    if spec.vertex_ai is not None:
        return spec.vertex_ai.model
    return _collection(spec.wandb) if spec.wandb else ""
