"""What keeps a revision's pods as many as they must be: an autoscaler of its own, and a budget for disruptions."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crossfade.api import meta
from crossfade.api.v1alpha1.autoscaling import Autoscaling
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.workloads import child_metadata
from crossfade.model.snapshot import RolloutFacts

Json = dict[str, Any]

_KUBERNETES_DEFAULT = [
    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
]
"""Written out: one that is left out does not undo metrics that were there before."""
_HASTE_SECONDS = 1
"""For how long a hasty autoscaler keeps pods by what they did before, instead of five minutes; 0 would count as what is
left out, see `is_as_asked`. One that is found is taken for ours, and is taken away; any other behavior is others'."""
_QUANTITY = re.compile(r"([+-]?[0-9]+(?:\.[0-9]*)?)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def autoscaler(
    rollout: RolloutFacts, arm: Arm, scaling: Autoscaling, least: int, live: Json | None, *, hasty: bool = False
) -> Json:
    """The revision's HorizontalPodAutoscaler, which goes no lower than `least`; a `hasty` one as soon as it may. A calm
    one says that there is to be no haste where the stored one, `live`, has that still."""
    window = {"stabilizationWindowSeconds": _HASTE_SECONDS if hasty else None}
    behavior = {"behavior": {"scaleDown": window}} if hasty or _is_hasty(live) else {}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": child_metadata(rollout, arm),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": arm.revision},
            "minReplicas": least,
            "maxReplicas": scaling.most,
            "metrics": scaling.metrics or _KUBERNETES_DEFAULT,
            **behavior,
        },
    }


def _is_hasty(live: Json | None) -> bool:
    behavior = live["spec"].get("behavior") if live else None
    return ((behavior or {}).get("scaleDown") or {}).get("stabilizationWindowSeconds") == _HASTE_SECONDS


def budget(rollout: RolloutFacts, arm: Arm) -> Json:
    """The revision's PodDisruptionBudget. Pods that do not serve anyway hold up no drain of a node."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": child_metadata(rollout, arm),
        "spec": {
            "maxUnavailable": 1,
            "minAvailable": None,  # as an apply says that there is to be none: both together are refused
            "selector": {"matchLabels": {meta.LABEL_REVISION: arm.revision}},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def is_as_asked(desired: Json, live: Json | None) -> bool:
    """Whether the stored object has all that is asked for; quantities count by value: the API server rewrites them."""
    return (
        live is not None
        and _says(desired["spec"], live.get("spec"))
        and _says(desired["metadata"]["labels"], live["metadata"].get("labels"))
    )


def _says(desired: Any, live: Any) -> bool:
    if desired and isinstance(desired, Mapping):
        return isinstance(live, Mapping) and all(_says(one, live.get(key)) for key, one in desired.items())
    if desired and isinstance(desired, list):
        return isinstance(live, list) and len(desired) == len(live) and all(map(_says, desired, live))
    if live is None:
        return not desired  # the API server keeps nothing that is empty
    return bool(desired == live) or (quantity(desired) is not None and quantity(desired) == quantity(live))


def quantity(written: Any) -> Decimal | None:
    """The value of a Kubernetes quantity: `500m`, `0.5` and `1Gi`; None for anything else."""
    found = _QUANTITY.fullmatch(str(written))
    if found is None:
        return None
    number, suffix = Decimal(found[1]), found[2] or ""
    if suffix.endswith("i"):
        return number * Decimal(1024) ** ("KMGTPE".index(suffix[0]) + 1)
    if suffix[:1] in ("e", "E") and len(suffix) > 1:
        return number.scaleb(int(suffix[1:]))
    return number.scaleb(_DECIMAL[suffix]) if suffix else number
