"""The kinds of `crossfade.dev/v1alpha1`, as frozen pydantic models; crds/ is generated from them."""

from crossfade.api.v1alpha1.metrictemplate import MetricTemplateSpec
from crossfade.api.v1alpha1.modelregistry import ModelRegistrySpec, ModelRegistryStatus
from crossfade.api.v1alpha1.modelsource import ModelSourceSpec, ModelSourceStatus
from crossfade.api.v1alpha1.modelversion import ModelVersionSpec, ModelVersionStatus
from crossfade.api.v1alpha1.rollout import RolloutSpec, RolloutStatus

__all__ = [
    "MetricTemplateSpec",
    "ModelRegistrySpec",
    "ModelRegistryStatus",
    "ModelSourceSpec",
    "ModelSourceStatus",
    "ModelVersionSpec",
    "ModelVersionStatus",
    "RolloutSpec",
    "RolloutStatus",
]
