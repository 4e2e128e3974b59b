"""What the operator must be allowed to do, as the chart grants it, and what of that it is not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_GATEWAY = "gateway.networking.k8s.io"
_READ = ("list", "watch")
_WRITE = ("create", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource, such as `patch rollouts/status`; everywhere where `namespace` is empty, and on all
    objects where `name` is."""

    group: str
    resource: str
    verb: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        """As in sentences."""
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {kind}" + (f" {self.name}" if self.name else "")


def _rights(group: str, resources: Iterable[str], verbs: Iterable[str]) -> Iterator[Right]:
    return (Right(group, resource, verb) for resource in resources for verb in verbs)


_KINDS = ("rollouts", "modelversions", "modelsources", "modelregistries", "metrictemplates")
_STATUSES = tuple(f"{kind}/status" for kind in _KINDS if kind != "metrictemplates")
SERVED: tuple[Right, ...] = (
    *_rights("crossfade.dev", _KINDS, _READ),
    *_rights("crossfade.dev", tuple(kind for kind in _KINDS if kind != "metrictemplates"), ("get",)),
    *_rights("crossfade.dev", ("rollouts",), ("patch",)),
    *_rights("crossfade.dev", ("modelversions",), ("create",)),
    *_rights("crossfade.dev", _STATUSES, ("patch",)),
    *_rights("apps", ("deployments",), (*_READ, *_WRITE)),
    *_rights("autoscaling", ("horizontalpodautoscalers",), (*_READ, *_WRITE)),
    *_rights("policy", ("poddisruptionbudgets",), (*_READ, *_WRITE)),
    *_rights("", ("services",), ("get", *_READ, *_WRITE)),
    *_rights(_GATEWAY, ("httproutes", "grpcroutes"), ("get", *_READ, *_WRITE)),
    *_rights("", ("configmaps",), ("get",)),
    *_rights("", ("pods",), ("get", *_READ, *_WRITE)),
    *_rights("discovery.k8s.io", ("endpointslices",), _READ),
    *_rights("events.k8s.io", ("events",), ("create", "patch")),
)
"""In each namespace that it serves. Secrets are apart: an administrator may let it have only some of them."""
EVERYWHERE: tuple[Right, ...] = tuple(_rights(_GATEWAY, ("gateways", "gatewayclasses"), ("get",)))
"""Wherever Gateways are."""


def of_lease(namespace: str, name: str) -> tuple[Right, ...]:
    """On the Lease by which replicas agree."""
    group, kind = "coordination.k8s.io", "leases"
    held = (Right(group, kind, verb, namespace, name) for verb in ("get", "update"))
    return (*held, Right(group, kind, "create", namespace))


def of_secrets(places: Iterable[tuple[str, str]]) -> tuple[Right, ...]:
    """On the Secrets that ModelRegistries name."""
    return tuple(Right("", "secrets", "get", namespace, name) for namespace, name in places)
