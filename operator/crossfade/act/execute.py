"""Runs a plan's actions in order through the cluster; stops at the first that fails, unless it is a deletion."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from crossfade.act.beside import clearing, letting_go
from crossfade.act.ours import is_ours, is_ours_all_the_same
from crossfade.api import meta
from crossfade.decide.plan import Action, Apply, Delete, Label, Scale, Target, Weigh
from crossfade.decide.workloads import MODEL_VOLUME
from crossfade.ports import (
    AUTOSCALERS,
    BUDGETS,
    DEPLOYMENTS,
    GRPC_ROUTES,
    HTTP_ROUTES,
    PODS,
    ROLLOUTS,
    ROUTES,
    SERVICES,
    Cluster,
    ClusterError,
    Kind,
    Object,
    StaleError,
)
from crossfade.telemetry.metrics import WRITES

log = logging.getLogger(__name__)

_KINDS: dict[Target, Kind] = {
    Target.DEPLOYMENT: DEPLOYMENTS,
    Target.SERVICE: SERVICES,
    Target.AUTOSCALER: AUTOSCALERS,
    Target.BUDGET: BUDGETS,
    Target.HTTP_ROUTE: HTTP_ROUTES,
    Target.GRPC_ROUTE: GRPC_ROUTES,
    Target.ROLLOUT: ROLLOUTS,
}

_REMEDY = "it is not this Rollout's: rename the Rollout or delete the"
_UNSERVED = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
"""No such kind; and one whose definition is about to go."""
_UNANSWERED = (0, HTTPStatus.GATEWAY_TIMEOUT)
"""What was sent may be stored."""
_FAILED_TEST = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)

Known = Callable[[str, str, str], Object | None]
"""An object by kind, namespace and name as last seen, None when it was not: without our label only routes are."""
Absorb = Callable[[Object], None]
"""Takes in an object as a write returned it, so that the next look already sees it."""
Tick = Callable[[Action], None]
"""Takes note of an action that is done."""


_NO_IMAGE_VOLUMES = (
    "this cluster's API server has no image volumes, and drops them from what it is sent: set `spec.serving.files:"
    " Loaded`, or let the cluster have them, which Kubernetes has by default from 1.35 on"
)
_NO_ROUTES = (
    "this cluster does not have %ss: install the CRDs of the Gateway API's standard channel, or delete this Rollout and"
    " create it again with `spec.traffic.replicas` in place of `spec.traffic.gatewayAPI`"
)


class ActionError(Exception):
    """A write that the API server refused; the sentence names the child, the reason for the write and the cause."""


class UnservedError(ActionError):
    """The cluster has no such kind, it seems; or, when `goes`, its definition is being taken away."""

    def __init__(self, message: str, kind: Kind, *, goes: bool) -> None:
        super().__init__(message)
        self.kind = kind
        self.goes = goes


class NoImageVolumesError(ActionError):
    """The API server takes a pod with an image volume, and drops the volume."""


class KeptError(ActionError):
    """Something that the API server would not have deleted. All was done but what hangs on that."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """Weights that are not known to be written, and what was done in their place: no error, for all goes on."""

    said: str


async def execute(
    cluster: Cluster, namespace: str, actions: Iterable[Action], known: Known, absorb: Absorb, tick: Tick
) -> list[KeptError | Replaced]:
    """Send the actions in order; those before one that fails are done, and ticked off.

    A Delete that is refused holds up what `hangs_on` it, and nothing else; in the place of weights comes what is to be
    done otherwise, also where nobody answers: what hangs may be the webhook that refuses them, and if they are stored
    all the same, both say one thing. Returned is what was not done so. Raises ActionError, or StaleError where others
    were faster.
    """
    refused: list[KeptError | Replaced] = []
    kept: Delete | None = None
    for action in actions:
        if kept is not None and hangs_on(action, kept):
            continue
        try:
            await _do(cluster, namespace, action, known, absorb)
        except ActionError as error:
            match action:
                case Delete():
                    kept = action
                    refused.append(KeptError(*error.args))
                case Weigh(otherwise=others) if others:
                    log.warning("%s", error, extra={"namespace": namespace})
                    await execute(cluster, namespace, others, known, absorb, tick)
                    done = " and ".join(f"Service {_subject(one)[1]} ({one.why})" for one in others)
                    refused.append(Replaced(f"{error}; written in its place: {done}"))
                case _:
                    raise
        else:
            tick(action)
    return refused


def hangs_on(action: Action, kept: Delete) -> bool:
    """Whether an action may not be done while what `kept` would delete is still there: removing more, letting the
    Rollout go, or giving a number of pods a second owner."""
    match action:
        case Delete():
            return True
        case Apply(target=Target.ROLLOUT, body=body):
            return not body["metadata"]["finalizers"]
        case Scale(name=name):
            return name == kept.name
    return False


async def _do(cluster: Cluster, namespace: str, action: Action, known: Known, absorb: Absorb) -> None:
    """Send one action. Raises ActionError and StaleError."""
    kind, name = _subject(action)
    try:
        if not await _keeps_its_image(cluster, action):
            raise NoImageVolumesError(f"{kind.kind} {name} was not made ({action.why}): {_NO_IMAGE_VOLUMES}")
        stored = await _send(cluster, kind, namespace, name, action, known(kind.kind, namespace, name))
    except ClusterError as error:
        if isinstance(action, Weigh) and error.status in _FAILED_TEST:
            await _look_anew(cluster, kind, namespace, name, known(kind.kind, namespace, name), absorb)
        unknown = isinstance(action, Weigh) and error.status in _UNANSWERED
        done = "deleted" if isinstance(action, Delete) else "written"
        message = f"{kind.kind} {name} {'was not seen to' if unknown else 'could not'} be {done} ({action.why}): "
        if kind in ROUTES and isinstance(action, Apply) and error.status in _UNSERVED:
            goes = error.status == HTTPStatus.METHOD_NOT_ALLOWED
            raise UnservedError(message + _NO_ROUTES % kind.kind, kind, goes=goes) from error
        raise ActionError(f"{message}{error}") from error
    WRITES.labels(kind=kind.kind).inc()
    log.info("%s %s: %s", kind.kind, name, action.why, extra={"namespace": namespace})
    if stored is not None:
        absorb(stored)


async def _keeps_its_image(cluster: Cluster, action: Action) -> bool:
    """Whether the API server would keep the image that pods mount their model from, by a dry run; asked where there is
    one. Pods without it would find nothing to verify, over and over. Raises ClusterError."""
    if not isinstance(action, Apply) or action.target is not Target.DEPLOYMENT:
        return True
    return not _has_image(action.body) or _has_image(await cluster.tried(DEPLOYMENTS, action.body))


def _has_image(deployment: Object) -> bool:
    volumes = deployment["spec"].get("template", {}).get("spec", {}).get("volumes") or ()
    return any(one["name"] == MODEL_VOLUME and "image" in one for one in volumes)


def _subject(action: Action) -> tuple[Kind, str]:
    match action:
        case Apply(target=target, body=body):
            return _KINDS[target], body["metadata"]["name"]
        case Scale(name=name):
            return DEPLOYMENTS, name
        case Label(name=name):
            return PODS, name
        case Delete(target=target, name=name):
            return _KINDS[target], name
        case Weigh(name=name):
            return HTTP_ROUTES, name


async def _look_anew(
    cluster: Cluster, kind: Kind, namespace: str, name: str, before: Object | None, absorb: Absorb
) -> None:
    """Raises StaleError when the object was changed since it was seen; else it was refused for another reason."""
    try:
        now = await cluster.get(kind, namespace, name)
    except ClusterError:
        return
    if before is None or now["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
        if meta.LABEL_ROLLOUT in now["metadata"].get("labels", {}):  # without it, its owner has taken it back
            absorb(now)
        raise StaleError(f"{kind.kind} {name} was changed by others just now")


async def _send(
    cluster: Cluster, kind: Kind, namespace: str, name: str, action: Action, known: Object | None
) -> Object | None:
    match action:
        case Apply(body=body):
            return await _apply(cluster, kind, body, known, force=is_ours(kind, known, body))
        case Scale(replicas=replicas):
            return await cluster.scale(kind, namespace, name, replicas)
        case Label(rollout=rollout, serves=serves):
            labels = {meta.LABEL_SERVES: rollout if serves else None}
            return await cluster.mark(kind, namespace, name, labels, {meta.ANNOTATION_COST: "1" if serves else None})
        case Delete():
            await cluster.delete(kind, namespace, name)
            return None
        case Weigh(rollout=rollout, operations=operations):
            return await cluster.patch(kind, namespace, name, operations, f"{meta.WEIGHTS_MANAGER}{rollout}")


async def _apply(cluster: Cluster, kind: Kind, body: Object, known: Object | None, *, force: bool) -> Object:
    """Write what is ours, and take away what others put beside it for which that is refused, or comes to nothing."""
    if kind is SERVICES:
        ours = known if force else await _stripped(cluster, body)
        force = ours is not None
        await _patch(cluster, kind, body, clearing(ours, body) if ours else ())
    try:
        stored = await cluster.apply(kind, body, force=force)
    except ClusterError as error:
        if force or error.status != HTTPStatus.CONFLICT:
            raise
        raise ClusterError(f"{error}; {_REMEDY} {kind.kind}", error.status) from error
    if kind is ROLLOUTS and not body["metadata"]["finalizers"]:
        return await _patch(cluster, kind, body, letting_go(stored)) or stored
    return stored


async def _patch(cluster: Cluster, kind: Kind, body: Object, operations: Sequence[Object]) -> Object | None:
    """The object as stored after these operations; None where there are none."""
    if not operations:
        return None
    metadata = body["metadata"]
    stored = await cluster.patch(kind, metadata["namespace"], metadata["name"], operations, meta.FIELD_MANAGER)
    told = "%s %s: taken out what others wrote, which ours cannot stand beside"
    log.info(told, kind.kind, metadata["name"], extra={"namespace": metadata["namespace"]})
    return stored


async def _stripped(cluster: Cluster, body: Object) -> Object | None:
    """The Service of ours that lost its label, None where there is none. Raises ClusterError for one of others: that is
    no conflict to the API server, and it would select by our label too, and so nobody."""
    metadata = body["metadata"]
    try:
        found = await cluster.get(SERVICES, metadata["namespace"], metadata["name"])
    except ClusterError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    if not is_ours_all_the_same(found, body):
        raise ClusterError(f"there is a Service of this name already; {_REMEDY} Service", HTTPStatus.CONFLICT)
    return found
