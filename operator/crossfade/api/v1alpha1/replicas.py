"""Traffic without a gateway: what it is asked for by, what cannot be asked for beside it, and what it gives."""

from crossfade.api.v1alpha1.common import ApiModel, Count, cel
from crossfade.api.v1alpha1.serving import Serving
from crossfade.api.v1alpha1.strategy import Strategy

ONE_WAY_IN = cel(
    "has(self.gatewayAPI) != has(self.replicas)",
    "must have exactly one of `gatewayAPI` and `replicas`",
)
_WAY_STAYS = cel(
    "has(self.traffic.replicas) == has(oldSelf.traffic.replicas)",
    "must keep `traffic.gatewayAPI` or `traffic.replicas`: delete the Rollout and create it again with the other one",
)
_FIXED_NUMBER = cel(
    "!has(self.traffic.replicas) || !has(self.serving.autoscaling)",
    "must not have `serving.autoscaling` beside `traffic.replicas`: the numbers of pods are the weights there, and pods"
    " kept out of the Service would tell an autoscaler of no load; set `serving.replicas`",
)
_WEIGHTS_ALONE = cel(
    "!has(self.traffic.replicas) || self.strategy.stages.all(stage, !has(stage.shadow) && !has(stage.match))",
    "must not have stages with `shadow` or `match` beside `traffic.replicas`: they take a gateway",
)
_NOBODY_KEPT = cel(
    "!has(self.traffic.replicas) || !has(self.strategy.onRollback.keepCandidate)",
    "must not have `strategy.onRollback.keepCandidate` beside `traffic.replicas`: clients' open connections to the"
    " candidate would keep sending requests to it",
)
_NONE_BEFORE = cel(
    "!has(self.traffic.replicas) || !has(self.strategy.keepPrevious)",
    "must not have `strategy.keepPrevious` beside `traffic.replicas`: clients' open connections to the version before"
    " would keep sending requests to it while its pods are there; `strategy.rollbackWindow` works without",
)
_NONE_SHRUNK = cel(
    "!has(self.traffic.replicas) || self.strategy.stableCapacity == 'Full'",
    "must not have `strategy.stableCapacity: MatchTraffic` beside `traffic.replicas`: the numbers of pods are the"
    " weights there, and a rollback needs those of stable that wait outside the Service; it takes a gateway",
)
WITHOUT_GATEWAY = (_WAY_STAYS, _FIXED_NUMBER, _WEIGHTS_ALONE, _NOBODY_KEPT, _NONE_BEFORE, _NONE_SHRUNK)
"""Rules of a Rollout's spec."""


class Replicas(ApiModel):
    """A Service of the Rollout's name, port 80, in front of pods of both versions: their numbers are the weights."""


class PodShare(ApiModel):
    """How many of the pods behind a Service are the candidate's."""

    pods: Count
    """Pods of the candidate."""
    of: Count
    """Pods of both versions."""


def check(serving: Serving, strategy: Strategy) -> None:
    """Come to the same verdict as the rules, but for what only a change can break. Raises ValueError."""
    if serving.autoscaling is not None:
        raise ValueError(_FIXED_NUMBER["message"])
    if any(stage.shadow is not None or stage.match is not None for stage in strategy.stages):
        raise ValueError(_WEIGHTS_ALONE["message"])
    if strategy.on_rollback.keep_candidate is not None:
        raise ValueError(_NOBODY_KEPT["message"])
    if strategy.keep_previous is not None:
        raise ValueError(_NONE_BEFORE["message"])
    if strategy.stable_capacity != "Full":
        raise ValueError(_NONE_SHRUNK["message"])
