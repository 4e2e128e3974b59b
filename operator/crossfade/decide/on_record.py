"""What must be on record before a plan's `then` is written: intent is, and what was only seen need not be."""

from typing import Any

from crossfade.api.v1alpha1.rollout import RolloutStatus
from crossfade.decide.plan import Action, Plan

_SEEN_OF_ARM = {"replicas", "ready", "unready_since", "waits_for", "waits_since", "warm"}
_SEEN: dict[str, Any] = {
    "conditions": True,
    "observed_generation": True,
    "stable": _SEEN_OF_ARM,
    "candidate": _SEEN_OF_ARM,
    "previous": _SEEN_OF_ARM,
    "stage": {"contradicted_at"},
    "traffic": {"observed"},
    "analysis": True,
}
"""Is so whatever was written, and can be seen again. A field that is not here counts as intent."""


def is_on_record(wanted: RolloutStatus, known: RolloutStatus) -> bool:
    """Whether `known` says all of `wanted` but for what was seen since."""
    return wanted.model_dump(exclude=_SEEN) == known.model_dump(exclude=_SEEN)


def in_order(plan: Plan, known: RolloutStatus) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """What of the plan is written before its status, and what after it, with what is `known` in the status now.

    Where its intent is on record already, all of it comes first: the status says what came of it, once.
    """
    if is_on_record(plan.status, known):
        return (*plan.first, *plan.then), ()
    return plan.first, plan.then
