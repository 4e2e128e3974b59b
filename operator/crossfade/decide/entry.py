"""The Service that clients call where there is no gateway: the operator is its own gateway there.

One arm alone is selected by its revision, so taking everything back is one write, and pods that come need no label. Two
arms are selected by a label that the operator puts on as many pods of each as the split says; the others stay warm.
"""

import json
from collections.abc import Mapping
from typing import Any

from crossfade.api import meta
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.plan import Action, Apply, Label, Preparation, Situation, Target
from crossfade.decide.shapes import Split
from crossfade.decide.workloads import has_ports, owners, ports
from crossfade.model.route import RouteFacts
from crossfade.model.snapshot import RolloutFacts, Snapshot
from crossfade.model.workload import RevisionFacts

Json = dict[str, Any]


def service_of(rollout: RolloutFacts, wanted: Split) -> Json:
    """The Service for this split."""
    metadata: Json = {
        "name": rollout.name,
        "namespace": rollout.namespace,
        "labels": {
            meta.LABEL_ROLLOUT: rollout.name,
            meta.LABEL_ENTRY: rollout.name,
            meta.LABEL_MANAGED_BY: "crossfade",
        },
    }
    if len(wanted.weights) > 1:
        metadata["annotations"] = {meta.ANNOTATION_SPLIT: json.dumps(dict(wanted.weights), sort_keys=True)}
    if owners(rollout):
        metadata["ownerReferences"] = owners(rollout)
    spec = {"selector": _selector(rollout, wanted), "ports": ports()}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _selector(rollout: RolloutFacts, wanted: Split) -> dict[str, str]:
    if len(wanted.weights) > 1:
        return {meta.LABEL_SERVES: rollout.name}
    (alone,) = wanted.weights
    return {meta.LABEL_REVISION: alone}


def weights_of(service: Json) -> dict[str, int]:
    """Pods by revision that a stored Service is to lead to; one revision alone, all of its pods, has 100."""
    alone = service["spec"].get("selector", {}).get(meta.LABEL_REVISION)
    if alone is not None:
        return {alone: 100}
    try:
        read = json.loads(service["metadata"].get("annotations", {}).get(meta.ANNOTATION_SPLIT, "{}"))
        return {str(name): int(pods) for name, pods in read.items()}
    except (ValueError, TypeError, AttributeError):  # somebody wrote over it: it is written again
        return {}


class PodsBehindService:
    """See traffic.Traffic."""

    def says(self, snapshot: Snapshot, wanted: Split) -> bool:
        """The stored Service leads to this split; fields that the API server defaulted do not count against it."""
        live = snapshot.route
        return live is not None and _is_live(service_of(snapshot.rollout, wanted), wanted, live)

    def writes(self, snapshot: Snapshot, wanted: Split) -> tuple[Action, ...]:
        """Pods come in before others go out, and before both arms are selected."""
        if self.says(snapshot, wanted):
            return ()
        body, live = service_of(snapshot.rollout, wanted), snapshot.route
        write = Apply(Target.SERVICE, body, f"the Service must lead to {wanted}")
        if len(wanted.weights) == 1:
            return (write,)
        come, go = members(snapshot, wanted.weights)
        if live is not None and live.spec["selector"] == body["spec"]["selector"]:
            return (*come, write, *go)
        return (*come, *go, write)

    def untaken(self, snapshot: Snapshot) -> str | None:
        """Its EndpointSlices have to follow."""
        if snapshot.route is None:
            return "the Service is being written"
        late = (one for one in snapshot.route.parents if one.observed_generation < snapshot.route.generation)
        return next((one.message or "the EndpointSlices of the Service do not follow it yet" for one in late), None)

    insists = writes

    def trouble(self, snapshot: Snapshot, wanted: Split) -> Situation | None:
        """The Service is ours, and written over whoever wrote it."""
        return None

    def backends(self, snapshot: Snapshot, serving: Arm) -> tuple[Action, ...]:
        """Pods are selected as they are."""
        return ()

    def prepare(self, snapshot: Snapshot, given: Split, wanted: Split, candidate: Arm) -> Preparation | None:
        """Pods get their labels in the write itself."""
        return None

    def leftover(self, snapshot: Snapshot, wanted: Split) -> Preparation | None:
        """Pods lose their labels in the write itself."""
        return None


def tended(snapshot: Snapshot) -> tuple[Action, ...]:
    """Keep the pods behind a Service in front of both arms as many as it says: some of them may have gone."""
    live = snapshot.route
    if live is None or not live.is_service or meta.LABEL_SERVES not in live.spec["selector"]:
        return ()
    come, go = members(snapshot, live.weights)
    return (*come, *go)


def members(snapshot: Snapshot, weights: Mapping[str, int]) -> tuple[tuple[Label, ...], tuple[Label, ...]]:
    """The pods that must come in, and those that must go out."""
    name, come, go = snapshot.rollout.name, list[Label](), list[Label]()
    for revision, found in sorted(snapshot.revisions.items()):
        chosen = _chosen(found, weights.get(revision, 0))
        for pod in found.pods:
            if pod.name in chosen and not pod.serves:
                come.append(Label(pod.name, name, serves=True, why=f"{found.model_version} is to serve with it"))
            elif pod.serves and pod.name not in chosen and not pod.leaving:
                go.append(Label(pod.name, name, serves=False, why=f"{found.model_version} serves with enough others"))
    return tuple(come), tuple(go)


def _chosen(found: RevisionFacts, pods: int) -> frozenset[str]:
    """Those that are ready first, then those that serve already."""
    fit = sorted((p for p in found.pods if not p.leaving), key=lambda pod: (not pod.ready, not pod.serves, pod.name))
    return frozenset(pod.name for pod in fit[:pods])


def disagreement(name: str, service: Json, revisions: Mapping[str, RevisionFacts], listed: frozenset[str]) -> str:
    """Why the pods that are `listed` as ready endpoints are not those that should be yet; empty when they are."""
    weights, both = weights_of(service), meta.LABEL_SERVES in service["spec"].get("selector", {})
    wanted = set[str]()
    for revision in weights:
        found = revisions.get(revision)
        pods = [pod for pod in found.pods if not pod.leaving] if found else []
        serving = [pod for pod in pods if pod.serves or not both]
        if both and len(serving) != (meant := min(weights[revision], len(pods))):
            return f"Service {name} leads to {len(serving)} pods of {revision} instead of {meant}"
        wanted.update(pod.name for pod in serving if pod.ready)
    if missing := len(wanted - listed):
        return f"the EndpointSlices of Service {name} lack {missing} of the pods that it must lead to"
    if extra := len(listed - wanted):
        return f"the EndpointSlices of Service {name} still have {extra} of the pods that it must not lead to"
    return ""


def _is_live(body: Json, wanted: Split, live: RouteFacts) -> bool:
    return (
        live.spec["selector"] == body["spec"]["selector"]
        and has_ports(body["spec"], live.spec)
        and (len(wanted.weights) == 1 or dict(live.weights) == dict(wanted.weights))
        and body["metadata"]["labels"].items() <= live.labels.items()
    )
