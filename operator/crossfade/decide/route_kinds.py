"""What differs between the kinds of route. Whoever writes or reads a route asks its kind, and knows none by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from crossfade.api.v1alpha1.rollout import GatewayApi, Match

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RouteKind:
    """`name` as in the API; `port` is the name of the Services' and the model containers' port that it leads to.

    `match` is a user's match as the route has it, `path` that of a request which it matches. `mirror` and `percentage`
    are the features by which a class says that it can copy all requests, or some.
    """

    name: str
    port: str
    mirror: tuple[str, ...]
    percentage: tuple[str, ...]
    match: Callable[[Match], Json]
    path: Callable[[Match], str]


HTTP = RouteKind(
    name="HTTPRoute",
    port="http",
    mirror=("HTTPRouteRequestMirror",),
    percentage=("HTTPRouteRequestPercentageMirror",),
    match=Match.to_json,
    path=lambda match: match.path.value,
)
"""Feature names as in the Gateway API's pkg/features. Matching a header has none: it is core, as are weights."""

KINDS: Mapping[str, RouteKind] = MappingProxyType({kind.name: kind for kind in (HTTP,)})
"""By name."""


def kind_of(api: GatewayApi) -> RouteKind:
    """The kind that the spec asks for."""
    return HTTP
