"""What is said, and what stands still, where the CustomResourceDefinition is older than the operator."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from crossfade.api.conditions import ConditionType

_MOST = 8


def told(kind: str, fields: Iterable[str]) -> str:
    """The sentence, with the first of the fields, such as `semver`, that the definition of this kind does not know."""
    listed = sorted(fields)
    more = f" and {len(listed) - _MOST} more" if len(listed) > _MOST else ""
    named = ", ".join(f"`status.{field}`" for field in listed[:_MOST])
    return (
        f"the CustomResourceDefinition of {kind}s in this cluster is older than this operator and does not know {named}"
        f"{more}: apply those of the operator's release, `kubectl apply -f crds/`; it goes on by itself"
    )


def named(status: Mapping[str, Any]) -> frozenset[str]:
    """The fields that the sentence in a stored status names; none where there is none."""
    stored = status.get("conditions", ())
    said = (one.get("message", "") for one in stored if one["type"] == ConditionType.DEFINITION_OUTDATED.value)
    return frozenset(field for message in said for field in re.findall(r"`status\.([^`]+)`", message))
