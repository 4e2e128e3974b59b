"""What the namespaces of Rollouts forbid or lack: pods by their security, connections, numbers for autoscalers."""

from collections.abc import Iterable, Iterator
from typing import Any

from crossfade.api import meta
from crossfade.decide.route_kinds import kind_of
from crossfade.decide.workloads import overlaid
from crossfade.doctor.facts import Facts, Seen, condition, counted, listed, place, shown
from crossfade.doctor.finding import Finding, fault, ok, warning
from crossfade.doctor.operators import operators_of
from crossfade.doctor.rollouts import Found, rollouts_of
from crossfade.doctor.selectors import selects
from crossfade.ports import Object

_ENFORCE = "pod-security.kubernetes.io/enforce"
_HOST = ("hostNetwork", "hostPID", "hostIPC")
_OF_CPU = ("Resource", "ContainerResource")


def pods(facts: Facts) -> Iterator[Finding]:
    """Whether the pods that Rollouts ask for are let into their namespaces: by Pod Security's levels, and by whatever
    has refused some already, such as a quota or a webhook."""
    enforced = {
        raw["metadata"]["name"]: (raw["metadata"].get("labels") or {}).get(_ENFORCE, "privileged")
        for raw in facts.all("namespaces")
    }
    found, count = [*_absent(facts), *_refused(facts)], 0
    for one in rollouts_of(facts):
        level, count = enforced.get(one.namespace, "privileged"), count + 1
        against = sorted({*_violations(one, level)})
        if against:
            found.append(
                fault(
                    f"the namespace {one.namespace} enforces Pod Security's level {level}, and pods of {one} have"
                    f" {listed(against)}",
                    "no pod of it is let in",
                    "set it right in `spec.serving.template.spec.containers[].securityContext`"
                    f" (kubectl --namespace {one.namespace} edit rollout {one.name}), or take another namespace",
                )
            )
    yield from found or [ok(f"the pods of {counted(count, 'Rollout')} fulfil what the namespaces enforce")]


def _absent(facts: Facts) -> Iterator[Finding]:
    """The namespace that is to be looked at, where it is not there: nothing in it is all that lists show of it."""
    if facts.namespace and not facts.all("namespaces"):
        yield fault(
            f"the namespace {facts.namespace} does not exist",
            "nothing of it could be looked at",
            f"correct `--namespace`, or kubectl create namespace {facts.namespace}",
        )


def _refused(facts: Facts) -> Iterator[Finding]:
    """The Deployments of revisions whose pods the API server did not take."""
    for raw in facts.all("deployments"):
        failure = condition(raw, "ReplicaFailure")
        if failure and failure["status"] == "True":
            namespace, name = place(raw)
            yield fault(
                f"pods of Deployment {namespace}/{name} are refused: {failure.get('message')}",
                "the version has fewer pods than it needs",
                f"make room or correct what the sentence names; kubectl --namespace {namespace} describe replicasets"
                f" --selector {meta.LABEL_REVISION}={name}",
            )


def _violations(one: Found, level: str) -> Iterator[str]:
    """What the level forbids in the pod template, as far as templates have it."""
    if level not in ("baseline", "restricted"):
        return
    template = overlaid(one.spec.serving, one.spec.model_version, kind_of(one.spec.traffic.gateway_api))
    pod = template.get("spec") or {}
    yield from (f"`{field}: true`" for field in _HOST if pod.get(field))
    yield from ("a volume of `hostPath`" for volume in pod.get("volumes") or () if "hostPath" in volume)
    for container in (*(pod.get("initContainers") or ()), *(pod.get("containers") or ())):
        context = container.get("securityContext") or {}
        if context.get("privileged"):
            yield f"`privileged: true` in {container['name']}"
        if level == "restricted":
            yield from _unrestricted(container["name"], context, pod.get("securityContext") or {})


def _unrestricted(name: str, own: Object, pod: Object) -> Iterator[str]:
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield f"no `runAsNonRoot: true` in {name}"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"no `allowPrivilegeEscalation: false` in {name}"
    if "ALL" not in ((own.get("capabilities") or {}).get("drop") or ()):
        yield f"no `capabilities.drop: [ALL]` in {name}"
    profile = own.get("seccompProfile") or pod.get("seccompProfile") or {}
    if profile.get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"no `seccompProfile.type: RuntimeDefault` in {name}"


def connections(facts: Facts) -> Iterator[Finding]:
    """Whether NetworkPolicies look as if they cut off operators or model servers: nothing more can be told from here,
    for what enforces them is not asked."""
    found = list[Finding]()
    for one in operators_of(facts):
        labels = {**one.labels, "app.kubernetes.io/name": "crossfade"}
        blocking = _closed(facts, one.namespace, labels, "Egress")
        if blocking:
            out = "to the API server (443), to DNS (53), to Prometheus and to the registries"
            found.append(_cut(blocking, f"the operator {one}", f"every connection out: {out}", one.namespace))
    for rollout in rollouts_of(facts):
        labels = {meta.LABEL_ROLLOUT: rollout.name, meta.LABEL_MANAGED_BY: "crossfade"}
        for way, what in (
            ("Egress", "every connection out: the loader's to the registry's store, and to DNS (53)"),
            ("Ingress", "every connection in: of the gateway to the models, and of Prometheus to their /metrics"),
        ):
            if blocking := _closed(facts, rollout.namespace, labels, way):
                found.append(_cut(blocking, f"pods of {rollout}", what, rollout.namespace))
    yield from found or [ok("no NetworkPolicy seems to cut off operators, loaders or model servers")]


def _closed(facts: Facts, namespace: str, labels: dict[str, str], way: str) -> list[str]:
    """The policies that select these pods for this way and let nothing through; none where another one opens it."""
    policies = [
        raw
        for raw in facts.all("networkpolicies")
        if place(raw)[0] == namespace
        and way in _ways(raw["spec"])
        and selects(raw["spec"].get("podSelector") or {}, labels)
    ]
    return [] if any(raw["spec"].get(way.lower()) for raw in policies) else [shown(raw) for raw in policies]


def _ways(spec: Object) -> Iterable[str]:
    """As the API server fills them in, which it does for all that are stored."""
    return tuple(spec.get("policyTypes") or ("Ingress", *(["Egress"] if spec.get("egress") else [])))


def _cut(blocking: list[str], whom: str, what: str, namespace: str) -> Finding:
    return warning(
        f"NetworkPolicy {listed(blocking)} forbids {whom} {what}",
        "where the network plugin enforces it nothing works there",
        f"add a NetworkPolicy to the namespace {namespace} that selects these pods and allows it",
    )


def autoscaling(facts: Facts) -> Iterator[Finding]:
    """Whether the numbers are there by which autoscalers of Rollouts scale."""
    users = [one for one in rollouts_of(facts) if one.spec.serving.autoscaling is not None]
    apis = {"metrics.k8s.io": [one for one in users if _scales_by(one, _OF_CPU)]}
    apis["custom.metrics.k8s.io"] = [one for one in users if _scales_by(one, ("Pods", "Object"))]
    apis["external.metrics.k8s.io"] = [one for one in users if _scales_by(one, ("External",))]
    served = {raw["name"] for raw in facts.kinds.get("apigroups", Seen()).items}
    lacking = {api: asked for api, asked in apis.items() if asked and api not in served}
    for api, asked in lacking.items():
        adapter = "metrics-server" if api == "metrics.k8s.io" else "an adapter such as prometheus-adapter or KEDA"
        yield fault(
            f"nobody serves {api}, by which {listed(map(str, asked))} scales",
            "their autoscalers never change a number of pods",
            f"install {adapter}, or have `spec.serving.replicas` in place of `spec.serving.autoscaling`",
        )
    if not lacking:
        yield ok(f"what {counted(len(users), 'Rollout')} with an autoscaler would scale by is served")


def _scales_by(one: Found, types: tuple[str, ...]) -> bool:
    metrics: list[dict[str, Any]] = one.spec.serving.autoscaling.metrics if one.spec.serving.autoscaling else []
    return any(metric["type"] in types for metric in metrics or [{"type": "Resource"}])
