"""ModelSource: what to follow in a registry, and the ModelVersions that are made of what it means."""

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from crossfade.api.v1alpha1.common import (
    ApiModel,
    Conditions,
    Duration,
    Generation,
    ObjectName,
    Sentence,
    Sha256,
    Timestamp,
    cel,
    given,
    one_of,
    seconds,
    validations,
)
from crossfade.api.v1alpha1.modelversion import Policy, RegistryRef
from crossfade.api.v1alpha1.spelling import (
    GitPath,
    GtoArtifact,
    GtoStage,
    HubRepo,
    MlflowAlias,
    MlflowName,
    MlflowStage,
    ModelName,
    OciRepository,
    OciTag,
    Patterns,
    Revision,
    SageMakerApproval,
    SageMakerGroup,
)

FOLLOWED = ("git", "huggingFace", "mlflow", "oci", "sageMaker")
"""The members that say in which system the model is."""
_ONE_FOLLOWED = one_of(*FOLLOWED)
_NEEDS_REGISTRY = cel(
    "has(self.registryRef) || has(self.huggingFace) || has(self.mlflow)",
    "must have `registryRef` beside `git`, `oci` and `sageMaker`: it says which registry it is in",
)
_MLFLOW_SELECTORS = ("alias", "stage")
_ONE_OF_MLFLOW = one_of(*_MLFLOW_SELECTORS)
_GIT_PLACE = cel(
    "has(self.path) && has(self.revision) && !has(self.artifact) && !has(self.stage)"
    " || has(self.artifact) && has(self.stage) && !has(self.path) && !has(self.revision)",
    "must have `path` and `revision`, or `artifact` and `stage`",
)
_NO_COMMIT = cel("!self.matches('^[0-9a-f]{40}$')", "must be a branch or a tag: a commit never means anything else")
_INTERVAL = cel(
    "duration(self) >= duration('10s') && duration(self) <= duration('24h')", "must be at least `10s` and at most `24h`"
)


def _moving(revision: str) -> str:
    if len(revision) == 40 and not revision.strip("0123456789abcdef"):
        raise ValueError(_NO_COMMIT["message"])
    return revision


def _unhurried(interval: str) -> str:
    if not 10.0 <= seconds(interval) <= 86_400.0:
        raise ValueError(_INTERVAL["message"])
    return interval


MovingRevision = Annotated[Revision, AfterValidator(_moving), Field(json_schema_extra=validations(_NO_COMMIT))]
"""A branch or a tag."""
Interval = Annotated[Duration, AfterValidator(_unhurried), Field(json_schema_extra=validations(_INTERVAL))]
"""How often to ask."""


class FollowedGit(ApiModel):
    """A model in a Git repository: what lies at a path of a branch or a tag, or what GTO has in a stage."""

    model_config = ConfigDict(json_schema_extra=validations(_GIT_PLACE))

    path: GitPath | None = None
    """A file or a folder in the repository, such as `models/fraud`."""
    revision: MovingRevision | None = None
    """The branch or the tag. Each commit of a branch is a version, whether it changed the model or not."""
    artifact: GtoArtifact | None = None
    """An artifact that GTO knows, such as `fraud-detector`."""
    stage: GtoStage | None = None
    """Follows the version that GTO assigned last to this stage."""

    @model_validator(mode="after")
    def _path_or_artifact(self) -> Self:
        by_path = (self.path is not None, self.revision is not None)
        by_gto = (self.artifact is not None, self.stage is not None)
        if not ((all(by_path) and not any(by_gto)) or (all(by_gto) and not any(by_path))):
            raise ValueError(_GIT_PLACE["message"])
        return self


class FollowedHub(ApiModel):
    """A model on the Hugging Face Hub."""

    repo: HubRepo
    """The repository, such as `google-bert/bert-base-uncased`."""
    revision: MovingRevision
    """The branch or the tag, such as `main`."""
    allow_patterns: Patterns = Field(default_factory=list)
    """As in a ModelVersion."""
    ignore_patterns: Patterns = Field(default_factory=list)
    """As in a ModelVersion."""


class FollowedMlflow(ApiModel):
    """A registered model in MLflow."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_OF_MLFLOW))

    name: MlflowName
    """The registered model's name."""
    alias: MlflowAlias | None = None
    """Follows the version that has this alias, such as `champion`."""
    stage: MlflowStage | None = None
    """Follows the newest version in this stage."""

    @model_validator(mode="after")
    def _one_selector(self) -> Self:
        if len(given(self, _MLFLOW_SELECTORS)) != 1:
            raise ValueError(_ONE_OF_MLFLOW["message"])
        return self


class FollowedOci(ApiModel):
    """An artifact or an image in an OCI registry."""

    repository: OciRepository
    """The repository, such as `risk/fraud`."""
    tag: OciTag
    """Follows the manifest that has this tag, such as `stable`."""


class FollowedSageMaker(ApiModel):
    """A group of model packages in a registry of Amazon SageMaker."""

    group: SageMakerGroup
    """The group's name."""
    approval_status: SageMakerApproval
    """Follows the newest version that has this approval."""


class Template(ApiModel):
    """What the ModelVersions are like that are made."""

    model_name: ModelName
    """Their `spec.modelName`; their names begin with it."""
    policy: Policy = Field(default_factory=Policy)
    """Their `spec.policy`."""
    labels: Annotated[
        dict[
            str,
            Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", max_length=63)],
        ],
        Field(max_length=16),
    ] = Field(default_factory=dict)
    """Their labels, beside those that say where they come from."""


class Moves(ApiModel):
    """What is moved to the version that is followed."""

    rollout: ObjectName
    """A Rollout of the same namespace, whose `spec.modelVersion` nobody else may own: it is server-side applied by the
    field manager `crossfade-modelsource`, without force."""


class ModelSourceSpec(ApiModel):
    """What to follow, how often to ask, and what to make of the answer."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_FOLLOWED, _NEEDS_REGISTRY))

    registry_ref: RegistryRef | None = None
    """The ModelRegistry to ask; what the operator itself is configured with when left out."""
    git: FollowedGit | None = None
    """A model in a Git repository."""
    hugging_face: FollowedHub | None = None
    """A model on the Hugging Face Hub."""
    mlflow: FollowedMlflow | None = None
    """A registered model in MLflow."""
    oci: FollowedOci | None = None
    """An artifact or an image in an OCI registry."""
    sage_maker: FollowedSageMaker | None = None
    """A group of model packages in a registry of Amazon SageMaker."""
    interval: Interval = "1m"
    """How often the registry is asked, from `10s` to `24h`. Up to a tenth is added, so that not all ask at once."""
    template: Template
    """What the ModelVersions are like that are made."""
    moves: Moves | None = None
    """What is moved to them; nothing when left out, they are proposed."""
    suspend: bool = False
    """Whether to leave registry and Rollout alone for now."""

    @model_validator(mode="after")
    def _one_followed(self) -> Self:
        if len(given(self, FOLLOWED)) != 1:
            raise ValueError(_ONE_FOLLOWED["message"])
        if self.registry_ref is None and self.hugging_face is None and self.mlflow is None:
            raise ValueError(_NEEDS_REGISTRY["message"])
        return self


class Observed(ApiModel):
    """What the registry said."""

    reference: Annotated[str, StringConstraints(max_length=512)]
    """What was asked for, such as `alias champion of fraud-detector`."""
    version: Annotated[str, StringConstraints(max_length=64)]
    """The registry's own version, such as MLflow's `7`, a commit or a digest."""
    model_version: ObjectName
    """The ModelVersion that is pinned to it."""
    digest: Sha256 | None = None
    """The mvd1 digest of its bytes, once they were read."""
    since: Timestamp
    """When it was first heard of."""


class ModelSourceStatus(ApiModel):
    """Observed state; written by the operator alone."""

    conditions: Conditions = Field(default_factory=list)
    """Ready and, while they hold, Reconciling and Stalled."""
    observed_generation: Generation = -1
    """The `metadata.generation` that this status speaks of."""
    last_checked: Timestamp | None = None
    """When the registry answered last, or failed to."""
    next_check: Timestamp | None = None
    """When it is asked next, at the earliest."""
    failure: Sentence | None = None
    """Why the last question got no answer; left out when it got one."""
    observed: Observed | None = None
    """What it means now."""
    history: Annotated[list[Observed], Field(max_length=10, json_schema_extra={"x-kubernetes-list-type": "atomic"})] = (
        Field(default_factory=list)
    )
    """What it meant before, newest first."""
