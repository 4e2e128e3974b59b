"""The kinds as the API server must know them: names, columns and selectable fields beside the types."""

from dataclasses import dataclass
from types import MappingProxyType

from pydantic.config import JsonDict

from crossfade.api.meta import GROUP
from crossfade.api.v1alpha1 import (
    MetricTemplateSpec,
    ModelRegistrySpec,
    ModelRegistryStatus,
    ModelSourceSpec,
    ModelSourceStatus,
    ModelVersionSpec,
    ModelVersionStatus,
    RolloutSpec,
    RolloutStatus,
)
from crossfade.api.v1alpha1.common import ApiModel, cel


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`; `wide` ones are shown with `-o wide` alone."""

    name: str
    json_path: str
    type: str = "string"
    wide: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of the group."""

    name: str
    plural: str
    short_name: str
    summary: str
    spec: type[ApiModel]
    status: type[ApiModel] | None
    """None for a kind that nobody acts on, and of which there is nothing to observe."""
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    rules: tuple[JsonDict, ...] = ()
    """CEL over the whole object, for what the spec alone does not show."""

    @property
    def crd_name(self) -> str:
        """Name of its CustomResourceDefinition, such as `rollouts.crossfade.dev`."""
        return f"{self.plural}.{GROUP}"


def _of_ready(field: str) -> str:
    return f'.status.conditions[?(@.type=="Ready")].{field}'


_READY = (Column("Ready", _of_ready("status")), Column("Reason", _of_ready("reason")))
_AGE = Column("Age", ".metadata.creationTimestamp", "date")
_MESSAGE = Column("Message", _of_ready("message"), wide=True)

ROLLOUT = Kind(
    name="Rollout",
    plural="rollouts",
    short_name="mro",
    summary="One served model endpoint: which version, how it is served, how traffic moves to it, what is judged.",
    spec=RolloutSpec,
    status=RolloutStatus,
    columns=(
        Column("Stable", ".status.stable.modelVersion"),
        Column("Candidate", ".status.candidate.modelVersion"),
        Column("Stage", ".status.stage.summary"),
        Column("Weight", ".status.traffic.desired", "integer"),
        *_READY,
        _AGE,
        _MESSAGE,
    ),
    selectable=(".spec.modelVersion",),
    rules=(
        # names of Services and labels are made of it, and must not run into those of another Rollout
        cel(
            "self.metadata.name.matches('^[a-z][-a-z0-9]{0,49}$')",
            "must have a `metadata.name` of at most 50 lower-case letters, digits and dashes that begins with a letter",
        ),
    ),
)
MODEL_VERSION = Kind(
    name="ModelVersion",
    plural="modelversions",
    short_name="mver",
    summary="An immutable reference to a model's bytes, resolved once to a digest that every pod checks again.",
    spec=ModelVersionSpec,
    status=ModelVersionStatus,
    columns=(
        Column("Model", ".spec.modelName"),
        Column("Version", ".spec.version"),
        Column("SemVer", ".status.semver.verdict"),
        Column("Digest", ".status.resolved.digest", wide=True),
        *_READY,
        _AGE,
        _MESSAGE,
    ),
    selectable=(".spec.modelName", ".status.resolved.digest"),
)
METRIC_TEMPLATE = Kind(
    name="MetricTemplate",
    plural="metrictemplates",
    short_name="mtpl",
    summary="A named way to read one signal of one server, for the Rollouts of its namespace.",
    spec=MetricTemplateSpec,
    status=None,
    columns=(
        Column("Ratio", ".spec.ratio.total"),
        Column("Latency", ".spec.latency.buckets"),
        Column("Gauge", ".spec.gauge.series"),
        _AGE,
    ),
)
MODEL_REGISTRY = Kind(
    name="ModelRegistry",
    plural="modelregistries",
    short_name="mreg",
    summary="A model registry that ModelVersions of its namespace may name: where it is and how to be let in.",
    spec=ModelRegistrySpec,
    status=ModelRegistryStatus,
    columns=(
        Column("Git", ".spec.git.address"),
        Column("Hub", ".spec.huggingFace.address"),
        Column("MLflow", ".spec.mlflow.address"),
        Column("OCI", ".spec.oci.address"),
        *_READY,
        Column("WrittenBack", '.status.conditions[?(@.type=="WrittenBack")].status'),
        Column("Secret", ".spec.credentials.secretRef.name", wide=True),
        _AGE,
        _MESSAGE,
    ),
)
MODEL_SOURCE = Kind(
    name="ModelSource",
    plural="modelsources",
    short_name="msrc",
    summary="Follows an alias, a stage, a tag or a branch in a registry, and proposes the ModelVersions that it means.",
    spec=ModelSourceSpec,
    status=ModelSourceStatus,
    columns=(
        Column("Follows", ".status.observed.reference", wide=True),
        Column("Version", ".status.observed.version"),
        Column("ModelVersion", ".status.observed.modelVersion"),
        Column("Moves", ".spec.moves.rollout"),
        *_READY,
        Column("Checked", ".status.lastChecked", "date"),
        _AGE,
        _MESSAGE,
    ),
    rules=(
        # its name is a label of what it makes
        cel(
            "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",
            "must have a `metadata.name` of at most 63 lower-case letters, digits and dashes",
        ),
    ),
)
_ALL = (ROLLOUT, MODEL_VERSION, MODEL_SOURCE, MODEL_REGISTRY, METRIC_TEMPLATE)
KINDS = MappingProxyType({kind.name: kind for kind in _ALL})
"""By name."""
