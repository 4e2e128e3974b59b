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
    AzureLabel,
    AzureName,
    AzureStage,
    AzureTag,
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
    VersionRange,
    VertexAlias,
    VertexModel,
    WandbName,
    WandbRegistryName,
    WandbTitle,
)

FOLLOWED = ("azureML", "git", "huggingFace", "mlflow", "oci", "sageMaker", "vertexAI", "wandb")
"""The members that say in which system the model is."""
_ONE_FOLLOWED = one_of(*FOLLOWED)
_NEEDS_REGISTRY = cel(
    "has(self.registryRef) || has(self.huggingFace) || has(self.mlflow)",
    "must have `registryRef` beside all but `huggingFace` and `mlflow`: it says which registry it is in",
)
_AZURE_SELECTORS = ("label", "stage", "tag", "semver")
_ONE_OF_AZURE = one_of(*_AZURE_SELECTORS)
_NAMED_BY = ("alias", "semver")
_ONE_NAME = one_of(*_NAMED_BY)
_WANDB_PLACES = ("project", "registry")
_ONE_WANDB_PLACE = one_of(*_WANDB_PLACES)
_MLFLOW_SELECTORS = ("alias", "stage", "semver")
_ONE_OF_MLFLOW = one_of(*_MLFLOW_SELECTORS)
_HUB_SELECTORS = ("revision", "semver")
_ONE_OF_HUB = one_of(*_HUB_SELECTORS)
_OCI_SELECTORS = ("tag", "semver")
_ONE_OF_OCI = one_of(*_OCI_SELECTORS)
_GIT_PLACE = cel(
    "has(self.path) && !has(self.artifact) && !has(self.stage) && has(self.revision) != has(self.semver)"
    " || has(self.artifact) && !has(self.path) && !has(self.revision) && has(self.stage) != has(self.semver)",
    "must have `path` and one of `revision` and `semver`, or `artifact` and one of `stage` and `semver`",
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


class FollowedAzureMl(ApiModel):
    """A model in Azure Machine Learning."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_OF_AZURE))

    name: AzureName
    """The model's name."""
    label: AzureLabel | None = None
    """Azure's only one, `latest`: follows the version that was made last and is not archived."""
    stage: AzureStage | None = None
    """Follows the one that was made last of those in this stage, such as `Production`."""
    tag: AzureTag | None = None
    """Follows the one that was made last of those with this tag, such as `champion=yes`."""
    semver: VersionRange | None = None
    """Follows the one whose tag `version`, or whose version where it has no such tag, is the newest in this range."""

    @model_validator(mode="after")
    def _one_selector(self) -> Self:
        if len(given(self, _AZURE_SELECTORS)) != 1:
            raise ValueError(_ONE_OF_AZURE["message"])
        return self


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
    semver: VersionRange | None = None
    """Follows the newest of the repository's tags, or of GTO's versions of the artifact, in this range."""

    @model_validator(mode="after")
    def _path_or_artifact(self) -> Self:
        ranged = self.semver is not None
        by_path, by_gto = (self.path, self.revision), (self.artifact, self.stage)
        for (place, selector), other in ((by_path, by_gto), (by_gto, by_path)):
            if place is not None and (selector is not None) != ranged and other == (None, None):
                return self
        raise ValueError(_GIT_PLACE["message"])


class FollowedHub(ApiModel):
    """A model on the Hugging Face Hub."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_OF_HUB))

    repo: HubRepo
    """The repository, such as `google-bert/bert-base-uncased`."""
    revision: MovingRevision | None = None
    """The branch or the tag, such as `main`."""
    semver: VersionRange | None = None
    """Follows the newest of the repository's tags in this range."""
    allow_patterns: Patterns = Field(default_factory=list)
    """As in a ModelVersion."""
    ignore_patterns: Patterns = Field(default_factory=list)
    """As in a ModelVersion."""

    @model_validator(mode="after")
    def _one_selector(self) -> Self:
        if len(given(self, _HUB_SELECTORS)) != 1:
            raise ValueError(_ONE_OF_HUB["message"])
        return self


class FollowedMlflow(ApiModel):
    """A registered model in MLflow."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_OF_MLFLOW))

    name: MlflowName
    """The registered model's name."""
    alias: MlflowAlias | None = None
    """Follows the version that has this alias, such as `champion`."""
    stage: MlflowStage | None = None
    """Follows the newest version in this stage."""
    semver: VersionRange | None = None
    """Follows the version whose tag `version` is the newest in this range, such as `^1.2`."""

    @model_validator(mode="after")
    def _one_selector(self) -> Self:
        if len(given(self, _MLFLOW_SELECTORS)) != 1:
            raise ValueError(_ONE_OF_MLFLOW["message"])
        return self


class FollowedOci(ApiModel):
    """An artifact or an image in an OCI registry."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_OF_OCI))

    repository: OciRepository
    """The repository, such as `risk/fraud`."""
    tag: OciTag | None = None
    """Follows the manifest that has this tag, such as `stable`."""
    semver: VersionRange | None = None
    """Follows the newest of the repository's tags in this range."""

    @model_validator(mode="after")
    def _one_selector(self) -> Self:
        if len(given(self, _OCI_SELECTORS)) != 1:
            raise ValueError(_ONE_OF_OCI["message"])
        return self


class FollowedSageMaker(ApiModel):
    """A group of model packages in a registry of Amazon SageMaker."""

    group: SageMakerGroup
    """The group's name."""
    approval_status: SageMakerApproval
    """Follows the newest version that has this approval."""
    semver: VersionRange | None = None
    """Of those, follows the one whose `CustomerMetadataProperties` have the newest `version` in this range."""


class FollowedVertex(ApiModel):
    """A model in the registry of Vertex AI."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_NAME))

    model: VertexModel
    """The model's id."""
    alias: VertexAlias | None = None
    """Follows the version that has this alias, such as `default`."""
    semver: VersionRange | None = None
    """Follows the version whose label `version`, in which each dot is written as `_`, is the newest in this range."""

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if len(given(self, _NAMED_BY)) != 1:
            raise ValueError(_ONE_NAME["message"])
        return self


class FollowedWandb(ApiModel):
    """An artifact on Weights & Biases, in a project or linked into a registry."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_WANDB_PLACE, _ONE_NAME))

    entity: WandbName
    """The team or the user that has the project, or the organization that has the registry."""
    project: WandbName | None = None
    """The project."""
    registry: WandbRegistryName | None = None
    """The registry, such as `model`: its name without `wandb-registry-`."""
    collection: WandbTitle
    """The artifact's name, or that of the collection in the registry."""
    alias: WandbTitle | None = None
    """Follows the version that has this alias, such as `production`."""
    semver: VersionRange | None = None
    """Follows the newest of the collection's aliases in this range."""

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        for names, rule in ((_WANDB_PLACES, _ONE_WANDB_PLACE), (_NAMED_BY, _ONE_NAME)):
            if len(given(self, names)) != 1:
                raise ValueError(rule["message"])
        return self


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
    field manager `crossfade-modelsource/<name of the ModelSource>`, without force."""


class ModelSourceSpec(ApiModel):
    """What to follow, how often to ask, and what to make of the answer."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_FOLLOWED, _NEEDS_REGISTRY))

    registry_ref: RegistryRef | None = None
    """The ModelRegistry to ask; what the operator itself is configured with when left out."""
    azure_ml: Annotated[FollowedAzureMl | None, Field(alias="azureML")] = None
    """A model in Azure Machine Learning."""
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
    vertex_ai: Annotated[FollowedVertex | None, Field(alias="vertexAI")] = None
    """A model in the registry of Vertex AI."""
    wandb: FollowedWandb | None = None
    """An artifact on Weights & Biases."""
    interval: Interval = "1m"
    """How often the registry is asked, from `10s` to `24h`. Up to a tenth is added, so that not all ask at once."""
    template: Template
    """What the ModelVersions are like that are made."""
    moves: Moves | None = None
    """What is moved to them; nothing when left out, they are proposed."""
    suspend: bool = False
    """Whether to leave registry and Rollout alone for now."""

    @property
    def system(self) -> str:
        """The system that the model is in, by its member's name."""
        return given(self, FOLLOWED)[0]

    @property
    def semver(self) -> str | None:
        """The range that is followed; None where something else is."""
        hosted = (self.azure_ml, self.sage_maker, self.vertex_ai, self.wandb)
        ranged = (self.git, self.hugging_face, self.mlflow, self.oci, *hosted)
        return next((one.semver for one in ranged if one is not None), None)

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


class TakenBack(ApiModel):
    """A ModelVersion that a Rollout was taken back from."""

    rollout: ObjectName
    """The Rollout."""
    model_version: ObjectName
    """The ModelVersion, which may be gone by now."""
    digest: Sha256 | None = None
    """The mvd1 digest of its bytes, where it was known."""
    at: Timestamp
    """When it was last taken back."""


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
    taken_back: Annotated[
        list[TakenBack], Field(max_length=20, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = Field(default_factory=list)
    """What the Rollout was taken back from and is not moved to again, newest first. Its own history may be shorter."""
