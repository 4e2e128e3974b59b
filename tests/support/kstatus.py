"""kstatus, as Flux and Helm 4 have it: its algorithm written down anew, over a whole object."""

from typing import Any

Object = dict[str, Any]


def kstatus(found: Object) -> str:
    """InProgress, Failed or Current (cli-utils: pkg/kstatus/status/generic.go)."""
    status = found.get("status", {})
    if "observedGeneration" in status and status["observedGeneration"] != found["metadata"]["generation"]:
        return "InProgress"
    said = {one["type"]: one["status"] for one in status.get("conditions", ())}
    if said.get("Reconciling") == "True":
        return "InProgress"
    if said.get("Stalled") == "True":
        return "Failed"
    return "InProgress" if said.get("Ready", "True") != "True" else "Current"
