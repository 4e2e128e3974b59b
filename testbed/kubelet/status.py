"""What the API shows of a pod: container states, phase and conditions, computed from records of what happened."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from testbed.kubelet.api import Object

_OWNED = ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")


def now() -> str:
    """The present as Kubernetes writes it, in whole seconds."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Record:
    """What is known of one container; `state` and `last_state` are Kubernetes ContainerState objects."""

    name: str
    image: str
    sidecar: bool = False
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "PodInitializing"}})
    last_state: Object = field(default_factory=dict)
    restarts: int = 0
    started: bool = False
    ready: bool = False
    container_id: str = ""

    def restore(self, shown: Object) -> None:
        """Take over the ContainerStatus that an earlier kubelet wrote; a container it still ran is lost."""
        self.container_id, self.restarts = shown.get("containerID", ""), shown["restartCount"]
        self.last_state = shown.get("lastState", {})
        if ended := shown["state"].get("terminated"):
            self.state = {"terminated": ended}
        elif ran := shown["state"].get("running"):
            lost = {"exitCode": 255, "reason": "Unknown", "message": "its node's kubelet ended", "finishedAt": now()}
            self.state = {"terminated": {**ran, **lost}}

    @property
    def exit_code(self) -> int | None:
        """Exit code when the container has ended and will not start again, as far as is known now."""
        code: int | None = self.state.get("terminated", {}).get("exitCode")
        return code

    def wait_for(self, reason: str, message: str = "") -> None:
        """Show a waiting state; what ran before becomes the last state."""
        if "terminated" in self.state:
            self.last_state = self.state
        self.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
        self.ready = self.started = False

    def run(self, prefix: str, restarts: int) -> None:
        """Show a running state, the one after so many restarts."""
        if "terminated" in self.state:
            self.last_state = self.state
        self.container_id, self.restarts = f"{prefix}/{restarts}", restarts
        self.state = {"running": {"startedAt": now()}}
        self.ready = self.started = False

    def end(self, code: int, reason: str, message: str = "") -> None:
        """Show a terminated state."""
        begun = self.state.get("running", {}).get("startedAt", now())
        ended: Object = {"exitCode": code, "reason": reason, "startedAt": begun, "finishedAt": now()}
        ended |= {"containerID": self.container_id} if self.container_id else {}
        self.state = {"terminated": ended | ({"message": message} if message else {})}
        self.ready = self.started = False

    def as_status(self, *, init: bool) -> Object:
        """The ContainerStatus object."""
        finished = init and not self.sidecar and self.exit_code == 0
        return {
            "name": self.name,
            "image": self.image,
            "imageID": f"local/{self.image}" if self.container_id else "",
            "containerID": self.container_id,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last_state,
            "ready": self.ready or finished,
            "started": self.started,
        }


def phase(policy: str, init: Sequence[Record], main: Sequence[Record]) -> str:
    """Pod phase by the kubelet's own rules."""
    steps = [record for record in init if not record.sidecar]
    if any(record.exit_code not in (None, 0) for record in steps) and policy == "Never":
        return "Failed"
    if any(record.exit_code != 0 for record in steps) or any(
        not r.started for r in init if r.sidecar and not main_ran(main)
    ):
        return "Pending"
    if any("waiting" in record.state and not record.last_state for record in main):
        return "Pending"
    if any(record.exit_code is None for record in main) or policy == "Always":
        return "Running"
    if all(record.exit_code == 0 for record in main):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def main_ran(main: Sequence[Record]) -> bool:
    """Whether any of the pod's own containers has started yet."""
    return any(record.container_id for record in main)


class Conditions:
    """The pod's conditions that a kubelet owns, with the time each last changed; begins with what the API shows."""

    def __init__(self, pod: Object) -> None:
        shown = pod.get("status", {}).get("conditions", ())
        self._known = {condition["type"]: condition for condition in shown if condition["type"] in _OWNED}

    def update(self, wanted: Sequence[tuple[str, bool, str, str]], generation: int) -> list[Object]:
        """Conditions from (type, true?, reason, message when false)."""
        for kind, true, reason, message in wanted:
            value = "True" if true else "False"
            previous = self._known.get(kind, {})
            changed = previous.get("status") != value
            condition: Object = {"type": kind, "status": value, "observedGeneration": generation}
            condition["lastTransitionTime"] = now() if changed else previous["lastTransitionTime"]
            # An explicit null takes a reason away that an earlier merge patch has set.
            condition |= {"reason": reason or None, "message": message or None}
            self._known[kind] = condition
        return list(self._known.values())


def _unready(records: Sequence[Record]) -> str:
    names = " ".join(record.name for record in records)
    return f"containers with unready status: [{names}]"


def _open_gates(pod: Object) -> list[str]:
    """Readiness gates whose condition nobody has set to True yet."""
    conditions = pod.get("status", {}).get("conditions", ())
    true = {condition["type"] for condition in conditions if condition["status"] == "True"}
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates", ())]
    return [gate for gate in gates if gate not in true]


def conditions(
    pod: Object, current: str, init: Sequence[Record], main: Sequence[Record], *, sandboxed: bool
) -> list[tuple[str, bool, str, str]]:
    """(type, true?, reason, message) of every condition that a kubelet owns."""
    waiting = [r for r in init if not (r.started or main_ran(main) if r.sidecar else r.exit_code == 0)]
    unready = [record for record in (*(r for r in init if r.sidecar), *main) if not record.ready]
    ended = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(current, "")
    why = (ended or "ContainersNotReady", "" if ended else _unready(unready)) if unready else ("", "")
    gates = _open_gates(pod)
    ready = (
        why if unready or not gates else ("ReadinessGatesNotReady", f"conditions are not True yet: {' '.join(gates)}")
    )
    incomplete = f"containers with incomplete status: [{' '.join(r.name for r in waiting)}]" if waiting else ""
    return [
        ("PodReadyToStartContainers", sandboxed, "", ""),
        ("Initialized", not waiting, "ContainersNotInitialized" if waiting else "", incomplete),
        ("ContainersReady", not unready, *why),
        ("Ready", not unready and not gates, *ready),
    ]


def build(
    pod: Object, known: Conditions, init: Sequence[Record], main: Sequence[Record], network: tuple[str, str], begun: str
) -> dict[str, Any]:
    """The pod's status. `network` is the pod's address ("" before it has one) and the host's."""
    address, host = network
    current = phase(pod["spec"]["restartPolicy"], init, main)
    generation = pod["metadata"].get("generation", 1)
    wanted = conditions(pod, current, init, main, sandboxed=bool(address))
    return {
        "phase": current,
        "observedGeneration": generation,
        "startTime": begun,
        "hostIP": host,
        "hostIPs": [{"ip": host}],
        "conditions": known.update(wanted, generation),
        "initContainerStatuses": [record.as_status(init=True) for record in init],
        "containerStatuses": [record.as_status(init=False) for record in main],
        "qosClass": pod.get("status", {}).get("qosClass", "BestEffort"),
        # Merged by address otherwise: a restarted kubelet would give the pod a second one.
        **({"podIP": address, "podIPs": [{"$patch": "replace"}, {"ip": address}]} if address else {}),
    }
