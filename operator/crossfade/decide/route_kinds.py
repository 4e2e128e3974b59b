"""What differs between the kinds of route. Whoever writes or reads a route asks its kind, and knows none by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from crossfade.api.v1alpha1.gateway import GatewayApi
from crossfade.api.v1alpha1.matching import Match, MethodMatch, PathMatch

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RouteKind:
    """`name` as in the API. `port` is the name that the Service's and the model container's port must have.

    `match` is a user's match as the route has it, `path` that of a request that it matches. `mirror` and `percentage`
    are the features by which a class says that it can copy all requests, or some: names as in the Gateway API's
    pkg/features. Matching a header has none: it is core, as are weights. `names_copied` is whether a rule must have for
    a backend whom another rule's requests are copied to.
    """

    name: str
    port: str
    protocol: Literal["http", "grpc"]
    app_protocol: str | None
    mirror: tuple[str, ...]
    percentage: tuple[str, ...]
    names_copied: bool
    match: Callable[[Match], Json]
    path: Callable[[Match], str]


def _http_path(match: Match) -> PathMatch:
    return match.path or PathMatch()


def _grpc_match(match: Match) -> Json:
    return {"method": {"type": "Exact", **match.method.to_json()}} if match.method else {}


def _call(match: Match) -> str:
    """Unless the match names one, a call that no server has: who gets it answers UNIMPLEMENTED, and does nothing."""
    asked = match.method or MethodMatch(service="crossfade.Rehearsal")
    return f"/{asked.service or 'crossfade.Rehearsal'}/{asked.method or 'Rehearse'}"


HTTP = RouteKind(
    name="HTTPRoute",
    port="http",
    protocol="http",
    app_protocol=None,
    mirror=("HTTPRouteRequestMirror",),
    percentage=("HTTPRouteRequestPercentageMirror",),
    names_copied=False,
    match=lambda match: {"path": _http_path(match).to_json()},
    path=lambda match: _http_path(match).value,
)
GRPC = RouteKind(
    name="GRPCRoute",
    port="grpc",
    protocol="grpc",
    app_protocol="kubernetes.io/h2c",
    mirror=(),  # the Gateway API has no names for it, so that only a rehearsal can tell
    percentage=(),
    names_copied=True,  # Envoy Gateway 1.9 looks for no Service that the mirror of a GRPCRoute alone names
    match=_grpc_match,
    path=_call,
)
KINDS: Mapping[str, RouteKind] = MappingProxyType({kind.name: kind for kind in (HTTP, GRPC)})
"""By name."""


def kind_of(api: GatewayApi | None) -> RouteKind:
    """The kind that the spec asks for. Without a gateway servers are asked as behind an HTTPRoute."""
    return KINDS[api.kind] if api else HTTP
