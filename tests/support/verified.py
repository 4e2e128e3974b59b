"""What must hold of a version whose bytes are not those that were resolved, and of whatever is secret."""

import base64
import json
from pathlib import Path

from tests.support.endpoint import NAME, Endpoint, rolled_back, weights
from tests.support.operator_process import OperatorProcess
from tests.support.recorder import Object
from tests.support.statuses import conditions

MISMATCH_EXIT = 3


def is_resolved(found: Object) -> bool:
    """Whether a ModelVersion is."""
    return "resolved" in found.get("status", {})


async def never_serves(endpoint: Endpoint, number: int, stable: str) -> Object:
    """Ask for this version: its loader finds other bytes, no request ever reaches it, and `stable` answers. Returns the
    outcome of the rollout."""
    await endpoint.ask(number)
    version = f"{NAME}-{number}"
    found = await endpoint.until(lambda found: rolled_back(found) and _outcome(found)["modelVersion"] == version)
    outcome = _outcome(found)
    assert outcome["cause"] == "DigestMismatch"
    assert all(outcome["revision"] not in weights(route) for route in endpoint.recorder.of("HTTPRoute", NAME))
    pods = [pod for pod in endpoint.recorder.history if _revision_of(pod) == outcome["revision"]]
    assert MISMATCH_EXIT in [_exit_code(pod) for pod in pods]
    assert not any(conditions(pod).get("Ready", {}).get("status") == "True" for pod in pods)
    assert (await endpoint.infer()).headers["x-model-revision"] == stable
    return outcome


def flip_a_bit(file: Path) -> None:
    """In its middle."""
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)


def assert_hidden(endpoint: Endpoint, operator: OperatorProcess, *secrets: str) -> None:
    """None of these is in an object but a Secret, in the operator's log, or in what `ps` shows of anybody."""
    seen = json.dumps([one for one in endpoint.recorder.history if one["kind"] != "Secret"])
    for secret in secrets:
        for shape in (secret, base64.b64encode(secret.encode()).decode()):
            assert shape not in seen
            assert shape not in operator.log.read_text()
            assert shape.encode() not in _arguments_of_processes()


def _outcome(found: Object) -> Object:
    """How the last rollout ended."""
    return dict(found["status"]["outcome"])


def _revision_of(found: Object) -> str:
    """The revision that a pod belongs to; nothing for other objects."""
    labels = found["metadata"].get("labels", {}) if found["kind"] == "Pod" else {}
    return str(labels.get("crossfade.dev/revision", ""))


def _exit_code(pod: Object) -> int | None:
    """How the loader last ended."""
    for container in pod.get("status", {}).get("initContainerStatuses", ()):
        for state in ("state", "lastState"):
            if "terminated" in container.get(state, {}):
                return int(container[state]["terminated"]["exitCode"])
    return None


def _arguments_of_processes() -> bytes:
    found = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += path.read_bytes()
        except OSError:  # it has ended meanwhile
            continue
    return found
