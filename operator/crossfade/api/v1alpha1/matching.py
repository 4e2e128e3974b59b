"""Which requests are for an endpoint: by path where its route is an HTTPRoute, by service and method for gRPC."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from crossfade.api.v1alpha1.common import ApiModel, cel, validations

_ATOMIC: JsonDict = {"x-kubernetes-list-type": "atomic"}
_NAMES_ONE = cel("has(self.service) || has(self.method)", "must have `service`, `method` or both")

_PLAIN_PATH = cel(
    "!self.contains('//') && !self.contains('/./') && !self.contains('/../') && !self.matches('%2[fF]')"
    " && !self.endsWith('/.') && !self.endsWith('/..')",
    "must not contain `//`, `/./`, `/../` or `%2f`, nor end with `/.` or `/..`: a gateway takes no such path",
)


def _is_plain(value: str) -> str:
    if re.search(r"//|/\.\.?(/|$)|%2[fF]", value):
        raise ValueError(_PLAIN_PATH["message"])
    return value


class PathMatch(ApiModel):
    """How a request's path is matched, as in the Gateway API."""

    type: Literal["PathPrefix", "Exact"] = "PathPrefix"
    """`PathPrefix` matches whole path elements from the start, `Exact` the whole path."""
    value: Annotated[
        str,
        StringConstraints(pattern=r"^/([-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*$", max_length=1024),
        AfterValidator(_is_plain),
        Field(json_schema_extra=validations(_PLAIN_PATH)),
    ] = "/"
    """The path."""


class MethodMatch(ApiModel):
    """Which gRPC calls are matched, by their whole names."""

    model_config = ConfigDict(json_schema_extra=validations(_NAMES_ONE))

    service: (
        Annotated[
            str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$", max_length=1024)
        ]
        | None
    ) = None
    """Such as `inference.GRPCInferenceService`; any when left out, where the Gateway can do that."""
    method: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=1024)] | None = None
    """Such as `ModelInfer`; any when left out."""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if self.service is None and self.method is None:
            raise ValueError(_NAMES_ONE["message"])
        return self


class Match(ApiModel):
    """One way for a request to reach this endpoint; without `path` and `method` all do."""

    path: PathMatch | None = None
    """The path that a request must have; for an HTTPRoute."""
    method: MethodMatch | None = None
    """The call that a request must be; for a GRPCRoute."""


class RouteRule(ApiModel):
    """Matches that share the weights."""

    matches: Annotated[list[Match], Field(min_length=1, max_length=8, json_schema_extra=_ATOMIC)] = Field(
        default_factory=lambda: [Match()]
    )
    """A request is for this endpoint when one of them matches."""

    @property
    def plain(self) -> Self:
        """The same without paths that say nothing: stored objects have them, for they were a default once."""
        every = PathMatch()
        matches = [Match() if match == Match(path=every) else match for match in self.matches]
        return self.model_copy(update={"matches": matches})
