"""Requests and limits of a container, checked as far as the API server can check them before a pod exists."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from crossfade.api.v1alpha1.common import ApiModel, cel, validations

_RESOURCE = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
_KEYS = cel(
    f"self.all(name, name.size() <= 63 && name.matches('{_RESOURCE}'))",
    "must name resources as Kubernetes does, in at most 63 characters, such as `cpu`, `memory` or `nvidia.com/gpu`",
)


def _named(value: dict[str, str]) -> dict[str, str]:
    if any(len(name) > 63 or not re.fullmatch(_RESOURCE, name) for name in value):
        raise ValueError(_KEYS["message"])
    return value


Quantity = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,15}(\.[0-9]{1,9})?([KMGTPE]i|[munkMGTPE]|[eE][0-9]{1,2})?$", max_length=32),
]
"""A Kubernetes quantity, not negative: `500m`, `2`, `1.5Gi`."""
Quantities = Annotated[
    dict[str, Quantity], Field(max_length=16, json_schema_extra=validations(_KEYS)), AfterValidator(_named)
]


class Resources(ApiModel):
    """Requests and limits of the model container, as core/v1 ResourceRequirements."""

    requests: Quantities | None = None
    """What the scheduler sets aside."""
    limits: Quantities | None = None
    """What the pod may use at most."""
