"""What a decision asks for: writes in order, the status to record, and when to look again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.modelregistry import ModelRegistryStatus
from crossfade.api.v1alpha1.modelversion import ModelVersionStatus
from crossfade.api.v1alpha1.rollout import RolloutStatus
from crossfade.model.ledger import Ledger
from crossfade.model.order import Verb
from crossfade.model.rehearsal import Rehearsal
from crossfade.model.writing import Deed


class Target(StrEnum):
    """Kinds that a plan may write."""

    DEPLOYMENT = "Deployment"
    SERVICE = "Service"
    AUTOSCALER = "HorizontalPodAutoscaler"
    BUDGET = "PodDisruptionBudget"
    HTTP_ROUTE = "HTTPRoute"
    GRPC_ROUTE = "GRPCRoute"
    ROLLOUT = "Rollout"


ROUTES = frozenset({Target.HTTP_ROUTE, Target.GRPC_ROUTE})
"""All kinds of route."""


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply of `body`, which names its kind and itself."""

    target: Target
    body: dict[str, Any]
    why: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Set the replicas of a revision's Deployment."""

    name: str
    replicas: int
    why: str


@dataclass(frozen=True, slots=True)
class Label:
    """Let a pod be among those that a Service in front of both versions leads to, or not; `rollout` is its name."""

    name: str
    rollout: str
    serves: bool
    why: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a child by name."""

    target: Target
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Weigh:
    """JSON Patch of the weights of a route that is not ours: refused when the route is not as it was seen.

    `weights` are what its `operations` write, by Service, for the `rollout`. `otherwise` is done in their place where
    they cannot be written, for whatever reason; where it is empty, that is an error as of any other write.
    """

    name: str
    rollout: str
    weights: Mapping[str, int]
    operations: tuple[dict[str, Any], ...]
    why: str
    otherwise: tuple[Apply, ...] = ()


Action = Apply | Scale | Label | Delete | Weigh


class Standing(StrEnum):
    """What kstatus will make of it: InProgress, Current or Failed. What is accepted is Current, and goes on."""

    IN_PROGRESS = "InProgress"
    ACCEPTED = "Accepted"
    DONE = "Done"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Situation:
    """The one sentence about where things stand; feeds Ready, the event, the log and the transcript alike."""

    standing: Standing
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is to be written before a split can be, or after it; nothing before `wait` seconds are over, which are
    infinite when others have to do something first. `drained` when only arms that got nothing for a while allow it."""

    actions: tuple[Action, ...]
    message: str
    wait: float = 0.0
    reason: Reason = Reason.DRAINING
    drained: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """An event for people. `warning` events are of type Warning.

    What it says is so once the status is recorded or, where it tells of a write, once that is done: `by`.
    """

    reason: Reason
    message: str
    warning: bool = False
    by: Action | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`first`, then the status, then `then`: a rollback writes the route first, a promotion its intent first. Where
    that is on record already, the status comes last (on_record.py). What comes before the status is written only while
    the record is as it was seen.

    `status` carries no conditions; they are made of `situation`, `available` and `proven` in the status room.
    `look_again` is in seconds from now, None when only a change can matter. `ledger` is to be kept in memory for the
    next look; None when no rollout is under way. `foresee` asks for the stable version's past in the background.
    `obeyed` says of each order that this plan carries out what becomes of it. `scout` asks for the Gateways to be read
    in the background, `rehearse` for requests through them; its route stays for as long as plans ask for it.
    """

    status: RolloutStatus
    situation: Situation
    first: tuple[Action, ...] = ()
    then: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    look_again: float | None = None
    available: bool = False
    proven: bool | None = None
    ledger: Ledger | None = None
    foresee: bool = False
    obeyed: Mapping[Verb, str] = field(default_factory=dict)
    scout: bool = False
    rehearse: tuple[Rehearsal, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionPlan:
    """What to do for a ModelVersion: only its status is written. `resolve` asks for an attempt in the background;
    `keep` has what the last one found kept for the next look."""

    status: ModelVersionStatus
    situation: Situation
    resolve: bool = False
    keep: bool = False
    events: tuple[Event, ...] = ()
    look_again: float | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a further condition says; `holds` is None for what is not known yet."""

    holds: bool | None
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class RegistryPlan:
    """What to do for a ModelRegistry: of the cluster only its status is written. `said` is its condition WrittenBack,
    None where nothing is to be written back. `check` asks for a question to the registry, `deeds` for these writes to
    it, both in the background."""

    status: ModelRegistryStatus
    situation: Situation
    said: Said | None = None
    check: bool = False
    deeds: tuple[Deed, ...] = ()
    look_again: float | None = None
