"""How far the start of a pod has come, read off its status: what it waits for, and in whose words."""

import re
from collections.abc import Iterable

from crossfade.api.v1alpha1.rollout import Cause
from crossfade.decide.warming import NOT_WARM_EXIT, WARMER
from crossfade.decide.workloads import MODEL_VOLUME
from crossfade.ports import Object

LOADER = "load"
"""Name of the init container that downloads and verifies the model."""
_NO_IMAGE = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
_PATIENCE = frozenset({"ContainerCreating", "PodInitializing"})
_LIMIT = 300
_CONTAINER = re.compile(r'"[0-9a-f]{64}"')
"""A container that was not made: each try has a name of its own, which is no news."""


def is_warm(pod: Object) -> bool | None:
    """Whether the model server has answered its warm-up requests; None for a pod that needs none."""
    named = {one["name"] for one in pod.get("spec", {}).get("initContainers", ())}
    if WARMER not in named:
        return None
    return bool(_model(pod).get("started"))


def start_of(pod: Object) -> tuple[Cause | None, str]:
    """What a pod that is not ready waits for, and a sentence about it; None while that cannot be seen."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return "Room", _said(f"pod {name} finds no node", condition.get("message", ""))
    containers = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    if image := _missing_image(containers, _mounted_images(pod).values()):
        return "Image", _said(f"pod {name} does not get {image[0]}", image[1])
    known = {one["name"]: one for one in containers}
    loader, model = known.get(LOADER), _model(pod)
    if model.get("ready") and (beside := _neighbour(status, model)):
        return "Load", f"the container {beside[0]} of pod {name} cannot run: {beside[1]}"
    if "running" in model.get("state", {}):
        return _serving(name, model, known.get(WARMER))
    if trouble := _trouble(model):
        return "Load", f"the model server of pod {name} cannot run: {trouble}"
    if loader is None:
        return None, ""
    if _has_run(loader) and not _succeeded(loader):
        does = "verifies the mounted model" if MODEL_VOLUME in _mounted_images(pod) else "downloads the model"
        return "Download", _said(f"pod {name} {does}", _last_words(loader))
    return "Image", _said(f"pod {name} waits for its images and volumes", _held_up(loader))


def _serving(name: str, model: Object, warmer: Object | None) -> tuple[Cause, str]:
    if warmer is None or model.get("started"):
        return "Load", f"the model server of pod {name} is not ready yet"
    if trouble := _last_words(warmer, NOT_WARM_EXIT):
        return "WarmUp", f"pod {name} is not warm: {trouble}"
    if warmer.get("ready"):
        return "WarmUp", f"pod {name} answers warm-up requests"
    return "Load", f"the model server of pod {name} is not ready yet"


def _model(pod: Object) -> Object:
    """The status of the container that serves: the first of the pod's spec. The kubelet lists them by name."""
    containers = pod.get("spec", {}).get("containers") or [{}]
    found = pod.get("status", {}).get("containerStatuses", ())
    return next((one for one in found if one["name"] == containers[0].get("name")), {})


def _neighbour(status: Object, model: Object) -> tuple[str, str] | None:
    """Which other container does not run beside the model server, and why: others may have put it there."""
    others = (one for one in status.get("containerStatuses", ()) if one["name"] != model["name"])
    stopped = ((one["name"], _trouble(one)) for one in others if "running" not in one.get("state", {}))
    return next(((name, why) for name, why in stopped if why), None)


def _mounted_images(pod: Object) -> dict[str, str]:
    """The references of its image volumes by name; the model's may be one, and those of others."""
    volumes = pod.get("spec", {}).get("volumes") or ()
    return {one["name"]: one["image"]["reference"] for one in volumes if one.get("image", {}).get("reference")}


def _missing_image(containers: Iterable[Object], mounted: Iterable[str]) -> tuple[str, str] | None:
    """Which image is missing, and why. A container waits so for an image that it mounts, too."""
    for one in containers:
        waiting = one.get("state", {}).get("waiting", {})
        if waiting.get("reason") in _NO_IMAGE:
            told = waiting.get("message", "")
            image = next((reference for reference in mounted if f'"{reference}"' in told), one.get("image", ""))
            # Between two tries it is said in other words, which are no news.
            why = told.removeprefix(f'Back-off pulling image "{image}"')
            return f"the image {image}", why.removeprefix(": ").removeprefix("ErrImagePull: ")
    return None


def _trouble(model: Object) -> str:
    """Why a container does not run though it could; the words of a back-off are of each time another length."""
    waiting = model.get("state", {}).get("waiting", {})
    reason = waiting.get("reason", "ContainerCreating")
    if reason in _PATIENCE:
        return "it ended" if _has_run(model) else ""
    return _said(reason, "" if reason == "CrashLoopBackOff" else waiting.get("message", ""))


def _held_up(loader: Object) -> str:
    """Why a loader that has not run cannot be made, such as on a node that cannot mount what it is told to."""
    waiting = loader.get("state", {}).get("waiting", {})
    if waiting.get("reason", "ContainerCreating") in _PATIENCE:
        return ""
    return _CONTAINER.sub('"…"', waiting.get("message", ""))


def _has_run(container: Object) -> bool:
    state = container.get("state", {})
    return bool("running" in state or "terminated" in state or container.get("lastState"))


def _succeeded(container: Object) -> bool:
    ended = container.get("state", {}).get("terminated")
    return ended is not None and ended.get("exitCode", 0) == 0


def _last_words(container: Object, code: int | None = None) -> str:
    """What a container of ours said when it last failed (with this code)."""
    for state in (container.get("state", {}), container.get("lastState", {})):
        ended = state.get("terminated")
        if ended and ended.get("exitCode", 0) != 0 and code in (None, ended["exitCode"]):
            return str(ended.get("message", "")).strip()
    return ""


def _said(what: str, why: str) -> str:
    return f"{what}: {' '.join(why.split())[:_LIMIT]}" if why else what
