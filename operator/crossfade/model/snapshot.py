"""All that a decision may look at, gathered in one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.metrictemplate import MetricTemplateSpec
from crossfade.api.v1alpha1.modelregistry import ModelRegistrySpec, ModelRegistryStatus
from crossfade.api.v1alpha1.modelversion import ModelVersionSpec, ModelVersionStatus, PicklePolicy, Resolved
from crossfade.api.v1alpha1.plan import PlanStatus
from crossfade.api.v1alpha1.rollout import RolloutSpec, RolloutStatus
from crossfade.model.claim import Rival
from crossfade.model.evidence import Evidence
from crossfade.model.gateway import GatewayFacts
from crossfade.model.ledger import History, Ledger
from crossfade.model.networks import Networks
from crossfade.model.order import Order, Verb
from crossfade.model.rehearsal import Rehearsed
from crossfade.model.route import Adoption, RouteFacts
from crossfade.model.workload import RevisionFacts
from crossfade.model.writing import Attempt, Told


@dataclass(frozen=True, slots=True)
class Platform:
    """What the operator's own configuration says: the loader's image, and which addresses pods need and may ask; and
    the weakest `spec.policy.pickle` that is accepted."""

    loader_image: str
    mlflow_address: str | None = None
    hugging_face_address: str | None = None
    file_root: str | None = None
    allowed_networks: Networks = ()
    pickle_policy: PicklePolicy = "Allow"


@dataclass(frozen=True, slots=True)
class RolloutFacts:
    """The Rollout as stored. `spec` is None when it cannot be read; `spec_error` then says why."""

    name: str
    namespace: str
    uid: str
    generation: int
    deleting: bool
    deleting_since: float
    finalizer: bool
    orders: Mapping[Verb, Order]
    spec: RolloutSpec | None
    spec_error: str
    status: RolloutStatus

    @property
    def retry_token(self) -> str | None:
        """The token of the order to try again."""
        order = self.orders.get("retry")
        return order.token if order else None


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """The ModelVersion that the Rollout names: resolved, or why not yet (`failed`: why never)."""

    name: str
    resolved: Resolved | None
    message: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Foresight:
    """What the stable version's past tells before the first stage: its history by metric, and what may be expected."""

    histories: Mapping[str, History] = field(default_factory=dict)
    plan: PlanStatus | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The world around one Rollout at `now` (unix seconds), and what is remembered of its evidence.

    `templates` are the MetricTemplates of its namespace by name, as far as it names any. `foresight` is
    None until the past was read, and not needed any more once the first stage has begun. `gateways` are those of
    `parentRefs` as far as they were read lately, `rehearsal` is the stored route of a rehearsal, `rehearsed` what came
    of those of this Rollout, by key. `rivals` are those who come first for requests that the spec asks for. `adoption`
    is there in mode Adopted alone, whether the route is there or not. `left_behind` is the route that Crossfade made
    for a Rollout of this name, where this one has its requests by another way.
    """

    now: float
    rollout: RolloutFacts
    platform: Platform
    version: VersionFacts | None
    revisions: Mapping[str, RevisionFacts]
    route: RouteFacts | None
    evidence: Evidence | None
    templates: Mapping[str, MetricTemplateSpec] = field(default_factory=dict)
    foresight: Foresight | None = None
    ledger: Ledger | None = None
    gateways: tuple[GatewayFacts, ...] = ()
    rehearsal: RouteFacts | None = None
    rehearsed: Mapping[str, Rehearsed] = field(default_factory=dict)
    rivals: tuple[Rival, ...] = ()
    adoption: Adoption | None = None
    left_behind: RouteFacts | None = None
    stable_version: VersionFacts | None = None
    """The ModelVersion of the stable arm, where its status can be read."""
    unkept: str = ""
    """Why the status cannot be kept whole, in a sentence; empty when it can. The same in other snapshots."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became of the attempt to resolve a ModelVersion; `retry` means that the world may still come right."""

    resolved: Resolved | None = None
    error: str = ""
    reason: Reason = Reason.WAITING_FOR_REGISTRY
    retry: bool = True
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """A ModelRegistry as stored now; one that was made anew has another `uid`."""

    name: str
    uid: str
    spec: ModelRegistrySpec


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The resolved ModelVersion of the same model and namespace that another one is compared with: the highest lower
    release, or one of the same version with other bytes. `resolved` is None where its status cannot be read."""

    name: str
    version: str
    resolved: Resolved | None


@dataclass(frozen=True, slots=True)
class VersionSnapshot:
    """The world around one ModelVersion. `resolution` is None while none was tried in this process.

    `registry` is the ModelRegistry that the source names; None where it names none, where there is none of that name,
    and where it cannot be read, and `registry_error` then says why. `pickle_floor` is the weakest `spec.policy.pickle`
    that the operator's configuration accepts. `predecessor` is looked for once there is something to compare with it.
    """

    now: float
    name: str
    namespace: str
    uid: str
    generation: int
    spec: ModelVersionSpec | None
    spec_error: str
    status: ModelVersionStatus
    resolution: Resolution | None
    registry: RegistryFacts | None = None
    registry_error: str = ""
    pickle_floor: PicklePolicy = "Allow"
    predecessor: Predecessor | None = None
    unkept: str = ""


@dataclass(frozen=True, slots=True)
class RegistrySnapshot:
    """The world around one ModelRegistry. `place` says which registry it means, without secrets; `told` is what the
    Rollouts have to say that serve models of it. `attempt` is None while this process has not tried to reach it, and
    `asked_at` is then when that one began."""

    now: float
    uid: str
    generation: int
    spec: ModelRegistrySpec | None
    spec_error: str
    status: ModelRegistryStatus
    place: str
    told: tuple[Told, ...]
    attempt: Attempt | None
    asked_at: float
    unkept: str = ""
