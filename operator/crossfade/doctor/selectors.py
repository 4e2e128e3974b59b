"""Kubernetes' LabelSelectors."""

from collections.abc import Mapping

from crossfade.ports import Object


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector selects these labels; an empty one selects all."""
    exact = (selector.get("matchLabels") or {}).items()
    return all(labels.get(key) == value for key, value in exact) and all(
        _fulfils(rule, labels) for rule in selector.get("matchExpressions") or ()
    )


def _fulfils(rule: Object, labels: Mapping[str, str]) -> bool:
    key, values = rule["key"], rule.get("values") or ()
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }.get(rule["operator"], False)
