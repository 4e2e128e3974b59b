"""The operators of a cluster: their Deployments, releases, Leases and rights."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from crossfade.doctor import rights
from crossfade.doctor.facts import Facts, Seen, condition, counted, listed, place
from crossfade.doctor.finding import Finding, fault, ok, unseen, warning
from crossfade.model.moments import moment
from crossfade.ports import Object

LABEL = "app.kubernetes.io/name=crossfade"
"""By which an operator is found, as the chart sets it."""
_STALE_SECONDS = 30.0
"""A holder renews every second; so much is for clocks that differ."""
_INSTALL = (
    "helm install crossfade charts/crossfade --namespace crossfade-system --create-namespace"
    " --set prometheus.address=http://PROMETHEUS"
)


@dataclass(frozen=True, slots=True)
class Operator:
    """A Deployment of the operator. `env` has what is written there plainly; `namespaces` are empty where it serves
    all."""

    namespace: str
    name: str
    account: str
    replicas: int
    ready: int
    image: str
    labels: dict[str, str]
    env: dict[str, str]
    said: str

    @property
    def user(self) -> str:
        """Who it is to the API server."""
        return f"system:serviceaccount:{self.namespace}:{self.account}"

    @property
    def release(self) -> str:
        """Of Helm."""
        return self.labels.get("app.kubernetes.io/instance", self.name)

    @property
    def is_of_helm(self) -> bool:
        """Whether a chart made it; deploy/install.yaml has no such label."""
        return "helm.sh/chart" in self.labels

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Those that it serves."""
        return tuple(self.env.get("CROSSFADE_NAMESPACES", "").split())

    @property
    def lease(self) -> tuple[str, str] | None:
        """Namespace and name of the Lease that it is to hold; `$(…)` is the own namespace, as the chart has it."""
        namespace, _, name = self.env.get("CROSSFADE_LEASE", "").partition("/")
        return (self.namespace if namespace.startswith("$(") else namespace, name) if name else None

    def __str__(self) -> str:
        """As in sentences."""
        return f"Deployment {self.namespace}/{self.name}"


def operators_of(facts: Facts) -> tuple[Operator, ...]:
    """All that were seen."""
    return tuple(_operator(raw) for raw in facts.all("operators"))


def _operator(raw: Object) -> Operator:
    namespace, name = place(raw)
    spec, status = raw["spec"], raw.get("status") or {}
    pod = spec["template"]["spec"]
    container = next((one for one in pod["containers"] if one["name"] == "operator"), pod["containers"][0])
    failing = (condition(raw, kind) for kind in ("ReplicaFailure", "Progressing", "Available"))
    bad = [one for one in failing if one and (one["status"] == "True") is (one["type"] == "ReplicaFailure")]
    return Operator(
        namespace=namespace,
        name=name,
        account=pod.get("serviceAccountName", "default"),
        replicas=spec.get("replicas", 1),
        ready=status.get("readyReplicas") or 0,
        image=container.get("image", ""),
        labels=raw["metadata"].get("labels") or {},
        env={one["name"]: one["value"] for one in container.get("env") or () if "value" in one},
        said=str(bad[0].get("message", "")) if bad else "",
    )


def running(facts: Facts) -> Iterator[Finding]:
    """Whether there is an operator, and whether its pods are ready."""
    found = operators_of(facts)
    if not found:
        yield fault(
            f"no Deployment has the label {LABEL}",
            "nobody looks at Rollouts: they stay as they are, and nothing is taken back",
            _INSTALL,
        )
    for one in found:
        yield _readiness(facts, one)
    for one, other in combinations(found, 2):
        if (one.lease is None or one.lease != other.lease) and _overlap(one, other):
            yield fault(
                f"{one} and {other} serve the same namespaces, and share no Lease",
                "both write, against each other",
                f"let each serve others by `namespaces` of the chart, or `{_removal(other)}`",
            )


def _removal(one: Operator) -> str:
    if one.is_of_helm:
        return f"helm --namespace {one.namespace} uninstall {one.release}"
    return f"kubectl --namespace {one.namespace} delete deployment {one.name}"


def _upgrade(one: Operator) -> str:
    if one.is_of_helm:
        return f"helm upgrade {one.release} charts/crossfade --namespace {one.namespace} --reset-then-reuse-values"
    return "kubectl apply --server-side -f deploy/install.yaml"


def _overlap(one: Operator, other: Operator) -> bool:
    return not one.namespaces or not other.namespaces or bool({*one.namespaces} & {*other.namespaces})


def _readiness(facts: Facts, one: Operator) -> Finding:
    count = f"{one} has {one.ready} of {one.replicas} pods ready"
    if one.replicas and one.ready >= one.replicas:
        return ok(count)
    words = _waits(facts, one) or one.said
    seen = f"{count}: {words}" if words else count
    if not one.replicas:
        cure = f"kubectl --namespace {one.namespace} scale deployment {one.name} --replicas=2"
    else:
        cure = f"kubectl --namespace {one.namespace} describe pods --selector {_selector(one)}"
    if one.ready:
        return warning(seen, "when the others go there is nobody to take their place", cure)
    return fault(seen, "nobody looks at Rollouts: they stay as they are, and nothing is taken back", cure)


def _selector(one: Operator) -> str:
    return f"{LABEL},app.kubernetes.io/instance={one.labels.get('app.kubernetes.io/instance', '')}".rstrip("=")


def _waits(facts: Facts, one: Operator) -> str:
    """What the first pod that is not ready waits for, in the kubelet's or the scheduler's words."""
    for pod in facts.all("operatorpods"):
        owners = pod["metadata"].get("ownerReferences") or [{}]
        if place(pod)[0] != one.namespace or not str(owners[0].get("name", "")).startswith(f"{one.name}-"):
            continue
        for status in (pod.get("status") or {}).get("containerStatuses") or ():
            waiting = (status.get("state") or {}).get("waiting")
            if waiting and not status.get("ready"):
                return ": ".join(filter(None, (waiting.get("reason"), waiting.get("message"))))
        scheduled = condition(pod, "PodScheduled")
        if scheduled and scheduled["status"] == "False":
            return str(scheduled.get("message", ""))
    return ""


def releases(facts: Facts) -> Iterator[Finding]:
    """Whether chart, operator, loader and this program are of one release."""
    for one in operators_of(facts):
        chart = one.labels.get("helm.sh/chart", "").removeprefix("crossfade-")
        told = one.labels.get("app.kubernetes.io/version", "")
        tag = _tag(one.image)
        found = list(_skews(facts, one, told, tag, _upgrade(one)))
        yield from found or [ok(f"{one} is of release {told or tag or 'unknown'}, chart {chart or 'none'}")]


def _skews(facts: Facts, one: Operator, told: str, tag: str, upgrade: str) -> Iterator[Finding]:
    if told and told != facts.release:
        yield warning(
            f"{one} is of release {told}, and this program of {facts.release}",
            "this program knows the fields and faults of its own release only",
            f"use the program of {told}, or {upgrade}",
        )
    if told and tag and tag != told:
        yield warning(
            f"{one} was made by the chart for release {told} and runs {one.image}",
            "rights, flags and kinds are those of another release than the operator's",
            f"take `image.tag` out of the values, and {upgrade}",
        )
    loader = one.env.get("CROSSFADE_LOADER_IMAGE", one.image)
    if loader != one.image:
        yield warning(
            f"{one} runs {one.image} and gives pods the loader of {loader}",
            "a loader of another release may not know what the operator tells it",
            f"set `CROSSFADE_LOADER_IMAGE` to the operator's own image, as the chart does: {upgrade}",
        )


def _tag(image: str) -> str:
    """The tag of an image's reference, empty where a digest says what it is."""
    return "" if "@" in image else image.rpartition("/")[2].partition(":")[2]


def leading(facts: Facts) -> Iterator[Finding]:
    """Whether one replica of each operator leads: it holds the Lease, and has renewed it lately."""
    for one in operators_of(facts):
        if one.lease is None:
            yield _without_lease(one)
            continue
        seen = facts.leases.get(one.lease, Seen())
        if seen.trouble:
            yield unseen(seen.trouble, f"be somebody who may get Leases in {one.lease[0]}")
        else:
            yield _held(facts, one, one.lease, seen.items[0] if seen.items else None)


def _without_lease(one: Operator) -> Finding:
    if one.replicas <= 1:
        return ok(f"{one} has no Lease, and needs none with one replica")
    return fault(
        f"{one} has {one.replicas} replicas and no `CROSSFADE_LEASE`",
        "all of them write, against each other",
        f"kubectl --namespace {one.namespace} scale deployment {one.name} --replicas=1, then install it by the chart",
    )


def _held(facts: Facts, one: Operator, at: tuple[str, str], raw: Object | None) -> Finding:
    lease, why = f"Lease {'/'.join(at)}", "no replica writes: no rollout moves, and none is taken back"
    cure = f"kubectl --namespace {one.namespace} logs --selector {_selector(one)} --prefix"
    spec = (raw or {}).get("spec") or {}
    if raw is None:
        return fault(f"{lease} of {one} does not exist", why, cure)
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return fault(f"{lease} of {one} is held by nobody", why, cure)
    age = facts.now - moment(spec["renewTime"])
    if age > max(_STALE_SECONDS, 2.0 * float(spec.get("leaseDurationSeconds") or 0)):
        return fault(f"{lease} of {one} was renewed {age:.0f} s ago by {spec['holderIdentity']}", why, cure)
    return ok(f"{spec['holderIdentity'].partition('_')[0]} leads, by {lease}")


def needed(one: Operator, secrets: tuple[tuple[str, str], ...]) -> tuple[rights.Right, ...]:
    """All rights that it must have; `secrets` are the places of those that ModelRegistries name."""
    scopes = one.namespaces or ("",)
    served = (replace(right, namespace=scope) for scope in scopes for right in rights.SERVED)
    mine = [where for where in secrets if not one.namespaces or where[0] in one.namespaces]
    lease = rights.of_lease(*one.lease) if one.lease else ()
    return (*served, *rights.EVERYWHERE, *lease, *rights.of_secrets(mine))


def allowed(facts: Facts) -> Iterator[Finding]:
    """Whether each operator may do what it must, by the API server's own judgement."""
    for one in operators_of(facts):
        reviews = facts.reviews.get(one.user, {})
        unknown = [str(answer) for answer in reviews.values() if isinstance(answer, str)]
        if unknown:
            yield unseen(
                f"whether {one.user} has its rights: {unknown[0]}",
                "be somebody who may `create` subjectaccessreviews.authorization.k8s.io",
            )
            continue
        missing = [right for right, answer in reviews.items() if answer is False]
        if not missing:
            yield ok(f"{one.user} has all {counted(len(reviews), 'right')} that it needs")
        for scope in sorted({right.namespace for right in missing}):
            names = listed(str(right) for right in missing if right.namespace == scope)
            where = f"in the namespace {scope}" if scope else "in all namespaces"
            yield fault(
                f"{one.user} may not {names}, {where}",
                "what it is to write there stays unwritten, or what happens there unseen",
                f"{_upgrade(one)}, whose roles (templates/rights.yaml of the chart) grant it; or add it to the"
                f" {'Role' if scope else 'ClusterRole'} that is bound to {one.account}",
            )
