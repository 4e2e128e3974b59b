"""Raw Pods to facts: ready or not, and the worst that the kubelet says of their containers."""

from collections.abc import Container, Iterable, Iterator
from typing import Any

from crossfade.api import meta
from crossfade.decide.warming import WARMER
from crossfade.decide.workloads import MODEL_VOLUME
from crossfade.model.moments import moment
from crossfade.model.workload import Loss, PodFacts
from crossfade.observe.starts import LOADER, is_warm, start_of
from crossfade.ports import Object

_PATIENCE = frozenset({"ContainerCreating", "PodInitializing"})
_WORST_FIRST = ("OOMKilled", "CrashLoopBackOff", "Error")
_MESSAGE_LIMIT = 512
_TOLD_LIMIT = 200


def read_pod(pod: Object, ours: Container[str]) -> PodFacts:
    """The pod as a decision sees it. A pod on its way out is not ready and in no trouble: its end was asked for.

    `ours` are the names of the containers that its template has. What others put into it, such as the proxy of a mesh,
    may keep it from being ready, and says nothing of the model.
    """
    metadata, status = pod["metadata"], pod.get("status", {})
    serves = meta.LABEL_SERVES in metadata.get("labels", {})
    if "deletionTimestamp" in metadata:
        return PodFacts(metadata["name"], ready=False, restarts=_restarts(status, ours), leaving=True, serves=serves)
    trouble, message = min(_troubles(status, ours), key=_gravity, default=(None, ""))
    loader_exit, loader_message = _loader(status)
    ready, warm = _is_ready(status), is_warm(pod)
    waits_for, waits = (None, "") if ready else start_of(pod)
    return PodFacts(
        name=metadata["name"],
        ready=ready,
        restarts=_restarts(status, ours),
        trouble=trouble,
        message=(loader_message or message)[:_MESSAGE_LIMIT],
        loader_exit=loader_exit,
        waits_for=waits_for,
        waits=waits,
        warm=warm,
        warm_since=_ready_since(status) if warm else None,
        images=tuple(sorted({*_images(status)})),
        serves=serves,
    )


def containers_of(deployment: Object) -> frozenset[str]:
    """The names of all containers that the template of a Deployment has."""
    template = deployment.get("spec", {}).get("template", {}).get("spec", {})
    return frozenset(one["name"] for kind in ("initContainers", "containers") for one in template.get(kind) or ())


def is_over(pod: Object) -> bool:
    """Whether it ended for good, as by an eviction: what is left of it is a record, and another takes its place."""
    return pod.get("status", {}).get("phase") in ("Failed", "Succeeded")


def last_loss(pods: Iterable[Object]) -> Loss | None:
    """Of pods that ended for good without being asked to, what became of the last one."""
    over = (pod for pod in pods if is_over(pod) and "deletionTimestamp" not in pod["metadata"])
    return max(map(_loss, over), key=lambda one: (one.at, one.told), default=None)


def _loss(pod: Object) -> Loss:
    metadata, status = pod["metadata"], pod["status"]
    times = [one["lastTransitionTime"] for one in status.get("conditions", ()) if one.get("lastTransitionTime")]
    reason, why = status.get("reason", "its containers ended"), " ".join(status.get("message", "").split()).rstrip(".")
    told = "was evicted" if reason == "Evicted" else f"failed ({reason})"
    said = f"pod {metadata['name']} {told}" + (f": {why[:_TOLD_LIMIT]}" if why else "")
    return Loss(said, max(map(moment, times), default=moment(metadata["creationTimestamp"])))


def _is_ready(status: Object) -> bool:
    return _ready(status) is not None


def _ready_since(status: Object) -> float | None:
    """Since when (unix s) it is ready; None while it is not, or where that is not said."""
    since = (_ready(status) or {}).get("lastTransitionTime")
    return moment(since) if since else None


def _ready(status: Object) -> Object | None:
    conditions = status.get("conditions", ())
    return next((one for one in conditions if (one["type"], one["status"]) == ("Ready", "True")), None)


def _restarts(status: Object, ours: Container[str]) -> int:
    """Of the container of ours that has most. All of a pod have one more when its node was started anew."""
    own = (one for one in status.get("containerStatuses", ()) if one["name"] in ours)
    return max((int(one.get("restartCount", 0)) for one in own), default=0)


def _troubles(status: Object, ours: Container[str]) -> Iterator[tuple[str, str]]:
    """(reason, the kubelet's message) of every container of ours that does not do well. Containers' own words are left
    out, and the container that warms up: its end says nothing of the model but what it says itself."""
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        if container["name"] == WARMER or container["name"] not in ours:
            continue
        state, last = container.get("state", {}), container.get("lastState", {})
        waiting = state.get("waiting", {})
        if waiting.get("reason", "ContainerCreating") not in _PATIENCE:
            yield waiting["reason"], waiting.get("message", "")
        if state.get("terminated", {}).get("exitCode", 0) != 0:
            yield state["terminated"].get("reason", "Error"), ""
        if last.get("terminated", {}).get("reason") == "OOMKilled":
            yield "OOMKilled", ""


def _images(status: Object) -> Iterator[str]:
    """Of the mounts of the model that have a digest told by the node: those of an image, where it tells any."""
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        for mount in container.get("volumeMounts") or ():
            told = ((mount.get("volumeStatus") or {}).get("image") or {}).get("imageRef")
            if mount["name"] == MODEL_VOLUME and told:
                yield told


def _gravity(trouble: tuple[str, str]) -> int:
    reason = trouble[0]
    return _WORST_FIRST.index(reason) if reason in _WORST_FIRST else len(_WORST_FIRST)


def _loader(status: Object) -> tuple[int | None, str]:
    """Last exit code of the loader, and its one-line message when it failed: the loader is ours, so is its sentence."""
    for container in status.get("initContainerStatuses", ()):
        if container["name"] != LOADER:
            continue
        for state in (container.get("state", {}), container.get("lastState", {})):
            ended: Any = state.get("terminated")
            if ended is not None:
                code = int(ended.get("exitCode", 0))
                return code, str(ended.get("message", "")).strip() if code else ""
    return None, ""
