"""Raw Pods to facts: ready or not, and the worst that the kubelet says of their containers."""

from collections.abc import Iterator
from typing import Any

from crossfade.api import meta
from crossfade.decide.warming import WARMER
from crossfade.model.workload import PodFacts
from crossfade.observe.starts import LOADER, is_warm, start_of
from crossfade.ports import Object

_PATIENCE = frozenset({"ContainerCreating", "PodInitializing"})
_WORST_FIRST = ("OOMKilled", "CrashLoopBackOff", "Error")
_MESSAGE_LIMIT = 512


def read_pod(pod: Object) -> PodFacts:
    """The pod as a decision sees it. A pod on its way out is not ready and in no trouble: its end was asked for."""
    metadata, status = pod["metadata"], pod.get("status", {})
    serves = meta.LABEL_SERVES in metadata.get("labels", {})
    if "deletionTimestamp" in metadata:
        return PodFacts(metadata["name"], ready=False, restarts=_restarts(status), leaving=True, serves=serves)
    troubles = [*_troubles(status)]
    if status.get("phase") == "Failed" and status.get("reason"):
        troubles.append((status["reason"], status.get("message", "")))
    trouble, message = min(troubles, key=_gravity, default=(None, ""))
    loader_exit, loader_message = _loader(status)
    ready = _is_ready(status)
    waits_for, waits = (None, "") if ready else start_of(pod)
    return PodFacts(
        name=metadata["name"],
        ready=ready,
        restarts=_restarts(status),
        trouble=trouble,
        message=(loader_message or message)[:_MESSAGE_LIMIT],
        loader_exit=loader_exit,
        waits_for=waits_for,
        waits=waits,
        warm=is_warm(pod),
        serves=serves,
    )


def _is_ready(status: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))


def _restarts(status: Object) -> int:
    return sum(int(container.get("restartCount", 0)) for container in status.get("containerStatuses", ()))


def _troubles(status: Object) -> Iterator[tuple[str, str]]:
    """(reason, the kubelet's message) of every container that does not do well. Containers' own words are left out, and
    the container that warms up: its end says nothing of the model but what it says itself."""
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        if container["name"] == WARMER:
            continue
        state, last = container.get("state", {}), container.get("lastState", {})
        waiting = state.get("waiting", {})
        if waiting.get("reason", "ContainerCreating") not in _PATIENCE:
            yield waiting["reason"], waiting.get("message", "")
        if state.get("terminated", {}).get("exitCode", 0) != 0:
            yield state["terminated"].get("reason", "Error"), ""
        if last.get("terminated", {}).get("reason") == "OOMKilled":
            yield "OOMKilled", ""


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
