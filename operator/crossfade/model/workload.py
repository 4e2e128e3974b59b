"""Observed Deployments and pods, by revision."""

from dataclasses import dataclass
from typing import Any

from crossfade.api.v1alpha1.rollout import Cause


@dataclass(frozen=True, slots=True)
class PodFacts:
    """One pod of a revision. `trouble` is why its worst container waits or ended, in the kubelet's word, `restarts` how
    often the one did that did most often; of those that the revision's template has."""

    name: str
    ready: bool
    restarts: int
    trouble: str | None = None
    message: str = ""
    loader_exit: int | None = None
    """Last exit code of the loader init container, None while it never ended."""
    waits_for: Cause | None = None
    """What keeps it from being ready, as far as it is seen."""
    waits: str = ""
    """The same in words that name the pod."""
    warm: bool | None = None
    """Whether it has answered its warm-up requests; None where it needs none."""
    warm_since: float | None = None
    """A time (unix s) from which on it had answered them all; None where that is not known."""
    leaving: bool = False
    """Whether its end was asked for."""
    images: tuple[str, ...] = ()
    """What its node says that it has mounted of the model's image, by a reference or by a digest alone."""
    serves: bool = False
    """Whether it has the label of those that a Service in front of both versions leads to."""
    listed: bool = True
    """Whether an EndpointSlice has it as ready, of the Service by which a gateway finds it."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What became (at unix s) of a pod that ended for good, such as by an eviction: words that name it."""

    told: str
    at: float


@dataclass(frozen=True, slots=True)
class RevisionFacts:
    """One immutable revision as it exists in the cluster: its Deployment, pods, and the other children as stored.

    Pods that ended for good are none of `pods`, for others take their place; `lost` is the last of them. `ready` are
    those that requests find: ready pods, behind a gateway those that are listed.
    """

    revision: str
    model_version: str
    digest: str
    replicas: int
    ready: int
    created_at: float
    pods: tuple[PodFacts, ...]
    deployment: dict[str, Any]
    service: dict[str, Any] | None
    autoscaler: dict[str, Any] | None = None
    budget: dict[str, Any] | None = None
    lost: Loss | None = None

    @property
    def up(self) -> int:
        """Pods that are ready themselves, whether requests find them or not."""
        return sum(pod.ready for pod in self.pods)
