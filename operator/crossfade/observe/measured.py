"""How far the pod is that reads a model on a volume, read off its status."""

from crossfade.decide.measuring import LONGEST_SECONDS, MEASURER, is_as_made
from crossfade.model.reading import Reading
from crossfade.observe.handover import unpacked
from crossfade.observe.starts import start_of
from crossfade.ports import Object, SourceError

REFUSED_EXIT = 3
"""The model cannot be read as it is written, and never will."""
_LONGEST_SENTENCE = 1024
_PATIENCE = ("ContainerCreating", "PodInitializing")


def reading_of(pod: Object, made: Object) -> Reading | None:
    """What the pod has found; None while it reads. `made` is the pod as it was stored first. Raises SourceError."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    if pod["metadata"]["uid"] != made["metadata"]["uid"] or not is_as_made(pod, made):
        raise SourceError(
            f"somebody changed the pod {name} while it read the volume, so its words count for nothing; see to it that "
            "nobody does"
        )
    ended = _state(pod).get("terminated")
    if ended is None:
        if status.get("phase") == "Failed":
            raise SourceError(_lost(name, status))
        if "deletionTimestamp" in pod["metadata"]:
            raise SourceError(f"somebody deleted the pod {name} while it read the volume")
        return None
    said = str(ended.get("message", "")).strip()
    if ended.get("exitCode") != 0:
        raise SourceError(_failed(name, ended, said, status), retry=ended.get("exitCode") != REFUSED_EXIT)
    found = unpacked(said)
    if found is None:
        raise SourceError(f"the pod {name} read the volume and left no result; is its image the operator's own?")
    return found


def has_begun(pod: Object) -> bool:
    """Whether the volume is being read, or was."""
    return "running" in _state(pod) or "terminated" in _state(pod)


def finds_no_node(pod: Object) -> bool:
    """Whether the scheduler knows no node for it, as where its claim is missing."""
    return start_of(pod)[0] == "Room"


def waits_for(pod: Object) -> str:
    """A sentence about what a pod that has not begun waits for."""
    name, waiting = pod["metadata"]["name"], _state(pod).get("waiting", {})
    cause, why = start_of(pod)
    if cause in ("Room", "Image"):
        return why
    if waiting.get("reason", _PATIENCE[0]) not in _PATIENCE:
        return f"pod {name} cannot run: {waiting['reason']}: {waiting.get('message', '')}"[:_LONGEST_SENTENCE]
    return f"pod {name} waits for its image and the volume"


def _state(pod: Object) -> Object:
    found = pod.get("status", {}).get("containerStatuses", ())
    states = (one.get("state", {}) for one in found if one["name"] == MEASURER)
    return next(states, {})


def _failed(name: str, ended: Object, said: str, status: Object) -> str:
    if status.get("reason") == "DeadlineExceeded":
        return f"the pod {name} did not read the volume within {LONGEST_SECONDS} s"
    if ended.get("reason") == "OOMKilled":
        return f"the pod {name}, which reads the volume, needed more memory than its limit; report it as a fault"
    if said:
        return " ".join(said.split())[:_LONGEST_SENTENCE]
    if status.get("reason"):
        return _lost(name, status)
    return f"the pod {name}, which reads the volume, ended with exit status {ended.get('exitCode')} and no word why"


def _lost(name: str, status: Object) -> str:
    why = " ".join(str(status.get("message") or status.get("reason") or "no reason was given").split())
    return f"the pod {name}, which reads the volume, ended before its time: {why[:_LONGEST_SENTENCE]}"
