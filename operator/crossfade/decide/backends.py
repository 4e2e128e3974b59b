"""Whom a backend of a stored route means: only a Service of the route's own namespace can be one of ours."""

from collections.abc import Mapping
from typing import Any


def named(backend: Mapping[str, Any], home: str) -> str:
    """The name of a Service of the namespace `home`; of all else the name with what makes it another, such as
    `other/fraud`, which nobody of ours has: requests do go there, and are nobody's whom we know."""
    group, kind = backend.get("group") or "", backend.get("kind") or "Service"
    place = backend.get("namespace") or home
    apart = (group, kind if group or kind != "Service" else "", place if place != home else "")
    return "".join(f"{one}/" for one in apart if one) + str(backend["name"])
