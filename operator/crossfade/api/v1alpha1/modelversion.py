"""ModelVersion: an immutable reference to a model's bytes, resolved once to a digest that every pod checks again."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from crossfade.api.v1alpha1.common import (
    ApiModel,
    Conditions,
    Count,
    Generation,
    LargeCount,
    ObjectName,
    Sha256,
    Timestamp,
    cel,
    given,
    one_of,
    validations,
)
from crossfade.api.v1alpha1.facts import (
    CardFields,
    EnvironmentFields,
    EvaluationFields,
    Facts,
    Line,
    LineageFields,
    Link,
    ProvenanceFields,
    SignatureFields,
    Word,
)
from crossfade.api.v1alpha1.hosted import AzureMlSource, VertexSource, WandbSource
from crossfade.api.v1alpha1.modelregistry import SYSTEMS, ConfigMapKeyRef
from crossfade.api.v1alpha1.spelling import (
    SEMVER,
    GitPath,
    GtoArtifact,
    GtoStage,
    GtoVersion,
    HubRepo,
    MlflowAlias,
    MlflowName,
    MlflowStage,
    ModelName,
    OciReference,
    Patterns,
    Revision,
    SageMakerApproval,
    SageMakerGroup,
)
from crossfade.api.v1alpha1.versioning import NamingPolicy, SemverPolicy, SemverStatus
from crossfade.api.v1alpha1.volume import VOLUME_IN_NONE, VolumeSource

_SELECTORS = ("version", "alias", "stage")
_ONE_SELECTOR = one_of(*_SELECTORS)
_REGISTERED = tuple(system for system in SYSTEMS if system != "objectStore")
_SOURCES = (*_REGISTERED, "uri", "volume")
_ONE_SOURCE = one_of(*_SOURCES)
_OF_REGISTRY = cel(
    "!(has(self.registryRef) && has(self.uri)) || ['s3:', 'gs:', 'az:'].exists(s, self.uri.uri.startsWith(s))",
    "must have no `registryRef` beside a `uri` that is http(s) or file, which is in no registry",
)
_CLOUD_IN_REGISTRY = cel(
    "has(self.registryRef) || !has(self.uri) || !['gs:', 'az:'].exists(s, self.uri.uri.startsWith(s))",
    "must have `registryRef` beside a `uri` that is gs or az: it says who asks",
)
_PACKAGE_OF_REGISTRY = cel(
    "!has(self.sageMaker) || has(self.registryRef)",
    "must have `registryRef` beside `sageMaker`: it says which region it is in",
)
_PACKAGE = ("packageArn", "group")
_ONE_PACKAGE = one_of(*_PACKAGE)
_STATUS_OF_GROUP = cel(
    "has(self.group) == has(self.approvalStatus)", "must have `approvalStatus` beside `group`, and beside nothing else"
)
_IN_REGISTRY = cel(
    "!has(self.oci) || has(self.registryRef)", "must have `registryRef` beside `oci`: it says which registry it is in"
)
_AZURE_IN_REGISTRY = cel(
    "!has(self.azureML) || has(self.registryRef)",
    "must have `registryRef` beside `azureML`: it says which workspace or registry it is in",
)
_GIT_IN_REGISTRY = cel(
    "!has(self.git) || has(self.registryRef)", "must have `registryRef` beside `git`: it says which repository it is in"
)
_VERTEX_IN_REGISTRY = cel(
    "!has(self.vertexAI) || has(self.registryRef)",
    "must have `registryRef` beside `vertexAI`: it says which project it is in",
)
_WANDB_IN_REGISTRY = cel(
    "!has(self.wandb) || has(self.registryRef)", "must have `registryRef` beside `wandb`: it says which server it is on"
)
_PATH_OR_ARTIFACT = cel(
    "has(self.path) && has(self.revision) && !has(self.artifact) && !has(self.version) && !has(self.stage)"
    " || has(self.artifact) && !has(self.path) && !has(self.revision) && has(self.version) != has(self.stage)",
    "must have `path` and `revision`, or `artifact` and exactly one of `version` and `stage`",
)
_IMMUTABLE = cel("self == oldSelf", "must not change: a ModelVersion is immutable, create another one instead")
_HTTP_PINNED = cel(
    "!has(self.source.uri) || !(self.source.uri.uri.startsWith('http:') || self.source.uri.uri.startsWith('https:'))"
    " || (has(self.artifact) && has(self.artifact.digest))",
    "must pin `artifact.digest` when `source.uri.uri` is http(s): the bytes behind such an address can change",
)


class GitSource(ApiModel):
    """A model in a Git repository: what lies at a path, or what GTO registered."""

    model_config = ConfigDict(json_schema_extra=validations(_PATH_OR_ARTIFACT))

    path: GitPath | None = None
    """A file or a folder in the repository, such as `models/fraud`, kept by Git, by DVC or by both."""
    revision: Revision | None = None
    """A commit of 40 hex digits, or a branch or a tag, which is resolved to its commit once and frozen."""
    artifact: GtoArtifact | None = None
    """An artifact that GTO knows, such as `fraud-detector`, or `risk:fraud-detector` of the folder `risk`."""
    version: GtoVersion | None = None
    """The version that GTO registered, such as `v1.2.3`."""
    stage: GtoStage | None = None
    """The version that GTO assigned last to this stage; resolved once and frozen."""

    @model_validator(mode="after")
    def _path_or_artifact(self) -> Self:
        by_path = (self.path is not None, self.revision is not None)
        by_gto = (self.artifact is not None, (self.version is not None) != (self.stage is not None))
        neither = (self.artifact, self.version, self.stage) == (None, None, None)
        if not ((all(by_path) and neither) or (all(by_gto) and not any(by_path))):
            raise ValueError(_PATH_OR_ARTIFACT["message"])
        return self


class HuggingFaceSource(ApiModel):
    """A model on the Hugging Face Hub: of the ModelRegistry that `registryRef` names, else of the Hub that the operator
    is configured with."""

    repo: HubRepo
    """The repository, such as `google-bert/bert-base-uncased`."""
    revision: Revision
    """A commit, or a branch or a tag, which is resolved to its commit once and frozen."""
    allow_patterns: Patterns = Field(default_factory=list)
    """Only files whose paths match one of these are part of the model, such as `*.safetensors` or `onnx/*`, where `*`
    stands for slashes as well; all when left out."""
    ignore_patterns: Patterns = Field(default_factory=list)
    """Files whose paths match one of these are not, whatever `allowPatterns` says."""


class MlflowSource(ApiModel):
    """A registered model version in MLflow: of the ModelRegistry that `registryRef` names, else of the server that the
    operator is configured with."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_SELECTOR))

    name: MlflowName
    """The registered model's name."""
    version: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,9}$", max_length=10)] | None = None
    """The registry's version number."""
    alias: MlflowAlias | None = None
    """Resolved once and frozen: when the alias moves, make another ModelVersion."""
    stage: MlflowStage | None = None
    """The newest version in this stage; resolved once and frozen like an alias."""

    @model_validator(mode="after")
    def _one_selector(self) -> Self:
        if len(given(self, _SELECTORS)) != 1:
            raise ValueError(_ONE_SELECTOR["message"])
        return self


class OciSource(ApiModel):
    """An artifact or an image in an OCI registry."""

    reference: OciReference
    """Repository and tag or digest, such as `risk/fraud:1.3.0` or `risk/fraud@sha256:<64 hex digits>`. A tag is
    resolved once and frozen: when it moves, make another ModelVersion."""


class SageMakerSource(ApiModel):
    """A model package in a registry of Amazon SageMaker."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_PACKAGE, _STATUS_OF_GROUP))

    package_arn: (
        Annotated[
            str,
            StringConstraints(
                pattern=r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]{1,63}:[0-9]{12}:model-package/"
                r"[a-zA-Z0-9][a-zA-Z0-9-]{0,62}/[1-9][0-9]{0,8}$",
                max_length=256,
            ),
        ]
        | None
    ) = None
    """The version of a model package, whatever its approval."""
    group: SageMakerGroup | None = None
    """The group whose newest version of this approval is meant; resolved once and frozen: when another is approved,
    make another ModelVersion."""
    approval_status: SageMakerApproval | None = None
    """The approval that a version of the group must have."""

    @model_validator(mode="after")
    def _one_package(self) -> Self:
        if len(given(self, _PACKAGE)) != 1:
            raise ValueError(_ONE_PACKAGE["message"])
        if (self.group is None) != (self.approval_status is None):
            raise ValueError(_STATUS_OF_GROUP["message"])
        return self


class UriSource(ApiModel):
    """A file or a folder of files behind a URI: s3, gs, az, http(s) or, where the operator allows it, file."""

    uri: Annotated[
        str, StringConstraints(pattern=r"^(s3|gs|az|http|https|file)://[^\x00-\x20\x7f?#]+$", max_length=2048)
    ]
    """The address, without query and fragment, which is where credentials hide."""


class RegistryRef(ApiModel):
    """A ModelRegistry of the same namespace."""

    name: ObjectName
    """Its name."""


class Source(ApiModel):
    """Where the bytes come from: exactly one member, and the registry that it is in."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            _ONE_SOURCE,
            _OF_REGISTRY,
            _IN_REGISTRY,
            _AZURE_IN_REGISTRY,
            _GIT_IN_REGISTRY,
            _CLOUD_IN_REGISTRY,
            _PACKAGE_OF_REGISTRY,
            _VERTEX_IN_REGISTRY,
            VOLUME_IN_NONE,
            _WANDB_IN_REGISTRY,
        )
    )

    azure_ml: Annotated[AzureMlSource | None, Field(alias="azureML")] = None
    """A model in Azure Machine Learning."""
    git: GitSource | None = None
    """A model in a Git repository."""
    hugging_face: HuggingFaceSource | None = None
    """A model on the Hugging Face Hub."""
    mlflow: MlflowSource | None = None
    """A registered model version in MLflow."""
    oci: OciSource | None = None
    """An artifact or an image in an OCI registry."""
    sage_maker: SageMakerSource | None = None
    """A model package in a registry of Amazon SageMaker."""
    uri: UriSource | None = None
    """A file or a folder of files."""
    vertex_ai: Annotated[VertexSource | None, Field(alias="vertexAI")] = None
    """A version of a model in the registry of Vertex AI."""
    volume: VolumeSource | None = None
    """A file or a folder of files on a PersistentVolumeClaim of the namespace."""
    wandb: WandbSource | None = None
    """A version of an artifact on Weights & Biases."""
    registry_ref: RegistryRef | None = None
    """The ModelRegistry to ask; what the operator itself is configured with when left out. Beside `uri` its
    `objectStore`, beneath whose address the URI is."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if len(given(self, _SOURCES)) != 1:
            raise ValueError(_ONE_SOURCE["message"])
        return self

    @model_validator(mode="after")
    def _of_registry(self) -> Self:
        scheme = self.uri.uri.partition(":")[0] if self.uri is not None else ""
        known = self.registry_ref is not None
        rules = (
            (_OF_REGISTRY, not known or scheme not in ("http", "https", "file")),
            (_IN_REGISTRY, known or self.oci is None),
            (_AZURE_IN_REGISTRY, known or self.azure_ml is None),
            (_GIT_IN_REGISTRY, known or self.git is None),
            (_CLOUD_IN_REGISTRY, known or scheme not in ("gs", "az")),
            (_PACKAGE_OF_REGISTRY, known or self.sage_maker is None),
            (_VERTEX_IN_REGISTRY, known or self.vertex_ai is None),
            (VOLUME_IN_NONE, not known or self.volume is None),
            (_WANDB_IN_REGISTRY, known or self.wandb is None),
        )
        if broken := [rule["message"] for rule, holds in rules if not holds]:
            raise ValueError(broken[0])
        return self

    @property
    def system(self) -> str | None:
        """The system that the model is registered in, by its member's name; None where it is in no registry."""
        if self.uri is not None and self.registry_ref is not None:
            return "objectStore"
        return next(iter(given(self, _REGISTERED)), None)


class Artifact(ApiModel):
    """What the author of the ModelVersion promises about the bytes."""

    digest: Sha256 | None = None
    """mvd1 digest; other bytes are refused for ever."""


PicklePolicy = Literal["Allow", "KnownOnly", "Forbid"]
"""Which pickles are let in, the weakest first."""


class Policy(ApiModel):
    """What the model's files, its version and its names may be, told before any pod is started."""

    pickle: PicklePolicy = "Allow"
    """Whether they may be pickles, which can run any code when they are loaded: `Allow` records what they would import,
    `KnownOnly` refuses those that import anything but what pickles of common models do, or cannot be read to their end,
    `Forbid` refuses them all."""
    semver: SemverPolicy = "Warn"
    """What a version is taken for that promises more than it keeps, measured against the highest lower release of the
    model that is resolved in this namespace: `Warn` says so and serves it, `Enforce` refuses it, and also one of which
    it cannot be told. A new major version promises nothing, and is refused never."""
    naming: NamingPolicy = "Any"
    """How the model and this object may be called: as people like, or by the `Convention`: `modelName` says no version
    and nothing that another version makes untrue, such as `final`, and `metadata.name` is `modelName` and `version`,
    such as `fraud-detector-v3.2.1-20240415-prod`."""


class ModelVersionSpec(ApiModel):
    """Which model this is and where its bytes are. Immutable once created."""

    model_config = ConfigDict(json_schema_extra=validations(_HTTP_PINNED, _IMMUTABLE))

    model_name: ModelName
    """What the model is called; the same for all its versions."""
    version: Annotated[str, StringConstraints(pattern=SEMVER, max_length=64)]
    """A semantic version, such as `1.3.0`."""
    source: Source
    """Where the bytes come from."""
    artifact: Artifact | None = None
    """What the bytes must be."""
    policy: Policy = Field(default_factory=Policy)
    """What the files, the version and the names may be."""
    lineage: LineageFields | None = None
    """Where the model comes from, as far as neither its registry nor its files say so."""
    environment: EnvironmentFields | None = None
    """What it wants to run in, likewise."""
    signature: SignatureFields | None = None
    """What goes in and what comes out, likewise."""
    evaluation: EvaluationFields | None = None
    """How good it was found to be, likewise."""
    card: CardFields | None = None
    """What people are to be told of it, likewise."""
    provenance: ProvenanceFields | None = None
    """Who or what made it, and when, likewise."""

    @model_validator(mode="after")
    def _http_pinned(self) -> Self:
        web = self.source.uri is not None and self.source.uri.uri.startswith(("http:", "https:"))
        if web and (self.artifact is None or self.artifact.digest is None):
            raise ValueError(_HTTP_PINNED["message"])
        return self


class ResolvedAccess(ApiModel):
    """The ModelRegistry as it was when the source was resolved, which is how loaders reach it. No secret is here."""

    name: ObjectName
    """The ModelRegistry's name."""
    system: Word
    """Which member it has, such as `mlflow`."""
    address: Link
    """Where it is."""
    options: Annotated[dict[str, Line], Field(max_length=16)] = Field(default_factory=dict)
    """What else is sent to it, by name."""
    secret_name: ObjectName | None = None
    """The Secret with the credentials."""
    ca: ConfigMapKeyRef | None = None
    """The certificate authorities."""


class Resolved(Facts):
    """What the reference meant when it was resolved; never changed afterwards."""

    uri: Annotated[str, StringConstraints(max_length=2048)]
    """The source as it was written."""
    immutable_uri: Annotated[str, StringConstraints(max_length=2048)]
    """The address that the loader reads; it names these bytes and no others."""
    digest: Sha256
    """mvd1 digest of the files."""
    files: Count
    """How many files there are."""
    weights_digest: Sha256 | None = None
    """mvd1 digest of the files that are not packaging, such as licenses, model cards, environments and examples."""
    size_bytes: LargeCount
    """Their size together, in bytes."""
    registry_version: Annotated[str, StringConstraints(max_length=64)] | None = None
    """The registry's own version, such as MLflow's `7`."""
    image_id: Annotated[Sha256 | None, Field(alias="imageID")] = None
    """Of an image, the digest of its config, by which nodes call it; None for all that pods cannot mount as one."""
    access: ResolvedAccess | None = None
    """The ModelRegistry that was asked, where the source names one."""
    resolved_at: Timestamp
    """When the reference was resolved."""


class ModelVersionStatus(ApiModel):
    """Observed state; written by the operator alone."""

    conditions: Conditions = Field(default_factory=list)
    """Ready, Resolved, SemverKept once it is judged and, while they hold, Reconciling and Stalled."""
    observed_generation: Generation = -1
    """The `metadata.generation` that this status speaks of."""
    resolved: Resolved | None = None
    """What the source meant, frozen."""
    semver: SemverStatus | None = None
    """Whether the version is the right one for what changed, judged once, when the source was resolved."""

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Self:
        """Read a stored status; an empty one is a fresh one."""
        return cls.model_validate(raw)
