"""How far the start of a pod has come, read off its status: what it waits for, and in whose words."""

from collections.abc import Iterable

from crossfade.api.v1alpha1.rollout import Cause
from crossfade.decide.warming import NOT_WARM_EXIT, WARMER
from crossfade.ports import Object

LOADER = "load"
"""Name of the init container that downloads and verifies the model."""
_NO_IMAGE = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
_PATIENCE = frozenset({"ContainerCreating", "PodInitializing"})
_LIMIT = 300


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
    if image := _missing_image(containers):
        return "Image", _said(f"pod {name} does not get {image[0]}", image[1])
    known = {one["name"]: one for one in containers}
    loader, model = known.get(LOADER), _model(pod)
    if "running" in model.get("state", {}):
        return _serving(name, model, known.get(WARMER))
    if trouble := _trouble(model):
        return "Load", f"the model server of pod {name} cannot run: {trouble}"
    if loader is None:
        return None, ""
    if _has_run(loader) and not _succeeded(loader):
        return "Download", _said(f"pod {name} downloads the model", _last_words(loader))
    return "Image", f"pod {name} waits for its images and volumes"


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


def _missing_image(containers: Iterable[Object]) -> tuple[str, str] | None:
    for one in containers:
        waiting = one.get("state", {}).get("waiting", {})
        if waiting.get("reason") in _NO_IMAGE:
            image = one.get("image", "")
            # Between two tries it is said in other words, which are no news.
            why = waiting.get("message", "").removeprefix(f'Back-off pulling image "{image}"')
            return f"the image {image}", why.removeprefix(": ").removeprefix("ErrImagePull: ")
    return None


def _trouble(model: Object) -> str:
    """Why the model server does not run though it could; the words of a back-off are of each time another length."""
    waiting = model.get("state", {}).get("waiting", {})
    reason = waiting.get("reason", "ContainerCreating")
    if reason in _PATIENCE:
        return "it ended" if _has_run(model) else ""
    return _said(reason, "" if reason == "CrashLoopBackOff" else waiting.get("message", ""))


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
