"""The world around one object, gathered in one moment from memory: no I/O, so it can't be torn by waiting."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from crossfade.api import meta
from crossfade.api.problems import sentences
from crossfade.api.v1alpha1 import (
    MetricTemplateSpec,
    ModelRegistrySpec,
    ModelVersionSpec,
    ModelVersionStatus,
    RolloutSpec,
    RolloutStatus,
)
from crossfade.api.v1alpha1.common import ApiModel
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.decide.builtin import BUILT_IN
from crossfade.decide.memory import remembered
from crossfade.decide.routes import rehearsal_name
from crossfade.model.evidence import Evidence
from crossfade.model.ledger import Ledger
from crossfade.model.moments import moment
from crossfade.model.order import VERBS, Order, Verb
from crossfade.model.route import Adoption, RouteFacts
from crossfade.model.snapshot import (
    Foresight,
    Platform,
    Predecessor,
    RegistryFacts,
    Resolution,
    RolloutFacts,
    Snapshot,
    VersionFacts,
    VersionSnapshot,
)
from crossfade.model.workload import RevisionFacts
from crossfade.observe.cache import Cache
from crossfade.observe.claims import Claims
from crossfade.observe.pods import containers_of, is_over, last_loss, read_pod
from crossfade.observe.rehearser import Rehearser
from crossfade.observe.releases import Releases
from crossfade.observe.routes import (
    adoption_of,
    is_labelled,
    is_managed,
    read_adopted,
    read_entry,
    read_route,
    replicas_asked,
)
from crossfade.observe.scout import Scout
from crossfade.observe.slices import by_service, found_by_requests
from crossfade.ports import ROUTES, Object

Spec = TypeVar("Spec", bound=ApiModel)
Status = TypeVar("Status", bound=ApiModel)
_SKEW_SECONDS = 5.0
"""By which the clocks of two API servers may differ."""


class UnreadableStatusError(Exception):
    """A stored status that this release can't read: acting on a guess could move traffic, so nothing is done."""


def gather_rollout(
    cache: Cache,
    platform: Platform,
    evidence: Mapping[tuple[str, str], Evidence],
    ledgers: Mapping[str, Ledger],
    foresights: Mapping[tuple[str, int], Foresight],
    raw: Object,
    now: float,
    scout: Scout | None = None,
    rehearser: Rehearser | None = None,
    claims: Claims | None = None,
) -> Snapshot:
    """Everything a decision about this Rollout may look at; `ledgers` are by uid, `foresights` by uid and
    generation. Raises UnreadableStatusError."""
    rollout = rollout_facts(raw)
    version = cache.get("ModelVersion", rollout.namespace, raw.get("spec", {}).get("modelVersion", ""))
    adoption = adoption_of(cache, raw)
    by_pods = replicas_asked(raw)
    revisions = _revisions(cache, rollout, adoption, by_pods=by_pods)
    return Snapshot(
        now=now,
        rollout=rollout,
        platform=platform,
        version=version_facts(version) if version else None,
        revisions=revisions,
        route=_entry(cache, rollout, adoption, revisions, by_pods=by_pods),
        evidence=evidence.get((rollout.namespace, rollout.name)),
        templates=templates_of(cache, rollout.namespace, rollout.spec),
        foresight=foresights.get((rollout.uid, rollout.generation)),
        ledger=remembered(rollout.status, ledgers.get(rollout.uid)),
        gateways=scout.of(rollout.spec, rollout.namespace) if scout else (),
        rehearsal=_rehearsal(cache, rollout),
        rehearsed=rehearser.of(rollout.uid) if rehearser else {},
        rivals=claims.before(raw) if claims else (),
        adoption=adoption,
        left_behind=_left_behind(cache, rollout, adoption, by_pods=by_pods),
        stable_version=_stable_version(cache, rollout),
    )


def _stable_version(cache: Cache, rollout: RolloutFacts) -> VersionFacts | None:
    """Of which the stable arm was made. One that cannot be read is no reason to do nothing: the arm serves."""
    stable = rollout.status.stable
    raw = cache.get("ModelVersion", rollout.namespace, stable.model_version) if stable else None
    try:
        return version_facts(raw) if raw else None
    except UnreadableStatusError:
        return None


def _entry(
    cache: Cache,
    rollout: RolloutFacts,
    adoption: Adoption | None,
    revisions: Mapping[str, RevisionFacts],
    *,
    by_pods: bool | None,
) -> RouteFacts | None:
    """The users' route: the one that is adopted, our own, or the Service that stands for it; whichever there is when
    it cannot be told whether it goes `by_pods`."""
    place = (rollout.namespace, rollout.name)
    if adoption is not None:
        theirs = cache.get("HTTPRoute", rollout.namespace, adoption.route)
        return read_adopted(theirs, adoption) if theirs and is_labelled(theirs) else None
    route = None if by_pods else _route(cache, rollout, rollout.name)
    if route is not None:
        return read_route(route, cache.ours(route["kind"], *place))
    service = None if by_pods is False else cache.get("Service", *place)
    if service is None or service["metadata"].get("labels", {}).get(meta.LABEL_ENTRY) != rollout.name:
        return None
    known = rollout.status.route.generation if rollout.status.route else None
    slices = [one for one in cache.labelled("EndpointSlice", *place) if meta.LABEL_ENTRY in one["metadata"]["labels"]]
    return read_entry(service, slices, revisions, known, cache.ours("Service", *place))


def _left_behind(
    cache: Cache, rollout: RolloutFacts, adoption: Adoption | None, *, by_pods: bool | None
) -> RouteFacts | None:
    """The route of our own that a deleted Rollout of this name has left, where this one has none."""
    if adoption.route == rollout.name if adoption else not by_pods:
        return None
    found = _route(cache, rollout, rollout.name)
    return read_route(found) if found is not None and is_managed(found, rollout.name) else None


def _route(cache: Cache, rollout: RolloutFacts, name: str) -> Object | None:
    """The route of ours that has this name, of whichever kind it is; of two that of the kind that is asked for. Those
    of others are known, and not ours."""
    api = rollout.spec.traffic.gateway_api if rollout.spec else None
    kinds = sorted((kind.kind for kind in ROUTES), key=lambda kind: api is None or kind != api.kind)
    named = (cache.get(kind, rollout.namespace, name) for kind in kinds)
    return next((one for one in named if one and is_labelled(one)), None)


def _rehearsal(cache: Cache, rollout: RolloutFacts) -> RouteFacts | None:
    """The route by which new rules are tried, if there is one."""
    found = _route(cache, rollout, rehearsal_name(rollout.name))
    ours = found is not None and found["metadata"].get("labels", {}).get(meta.LABEL_ROLLOUT) == rollout.name
    return read_route(found) if found is not None and ours else None


def templates_of(cache: Cache, namespace: str, spec: RolloutSpec | None) -> Mapping[str, MetricTemplateSpec]:
    """The MetricTemplates of the namespace by name, when one is needed; what cannot be read is as good as absent."""
    if spec is None or all(metric.template is None or metric.template in BUILT_IN for metric in spec.analysis.metrics):
        return {}
    found = (raw for raw in cache.all("MetricTemplate") if raw["metadata"]["namespace"] == namespace)
    read = {raw["metadata"]["name"]: read_spec(MetricTemplateSpec, raw)[0] for raw in found}
    return {name: template for name, template in read.items() if template is not None}


def gather_version(
    cache: Cache, releases: Releases, platform: Platform, raw: Object, resolution: Resolution | None, now: float
) -> VersionSnapshot:
    """Everything a decision about this ModelVersion may look at. Raises UnreadableStatusError."""
    spec, error = read_spec(ModelVersionSpec, raw)
    metadata = raw["metadata"]
    ref = spec.source.registry_ref if spec else None
    registry, missing = registry_facts(cache, metadata["namespace"], ref.name) if ref else (None, "")
    fresh = resolution.resolved if resolution is not None else None
    return VersionSnapshot(
        now=now,
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        generation=int(metadata["generation"]),
        spec=spec,
        spec_error=error,
        status=read_status(ModelVersionStatus, raw),
        resolution=resolution,
        registry=registry,
        registry_error=missing,
        pickle_floor=platform.pickle_policy,
        predecessor=_predecessor(cache, releases, metadata["namespace"], spec, fresh) if spec and fresh else None,
    )


def _predecessor(
    cache: Cache, releases: Releases, namespace: str, spec: ModelVersionSpec, fresh: Resolved
) -> Predecessor | None:
    """What the ModelVersion that was just read is to be compared with. That it cannot be read keeps nobody up."""
    name = releases.compared(namespace, spec.model_name, spec.version, fresh.digest)
    raw = cache.get("ModelVersion", namespace, name) if name is not None else None
    if name is None or raw is None:
        return None
    try:
        known = read_status(ModelVersionStatus, raw).resolved
    except UnreadableStatusError:
        known = None
    return Predecessor(name, raw["spec"]["version"], known)


def registry_facts(
    cache: Cache, namespace: str, name: str, field: str = "source.registryRef"
) -> tuple[RegistryFacts | None, str]:
    """The ModelRegistry of this name, or why there is none to be used."""
    raw = cache.get("ModelRegistry", namespace, name)
    if raw is None:
        return None, f"there is no ModelRegistry {name} in the namespace {namespace}, which `{field}` names"
    spec, error = read_spec(ModelRegistrySpec, raw)
    if spec is None:
        return None, f"the ModelRegistry {name} cannot be read: {error}"
    return RegistryFacts(name, raw["metadata"]["uid"], spec), ""


def rollout_facts(raw: Object) -> RolloutFacts:
    """The Rollout as stored. Raises UnreadableStatusError."""
    spec, error = read_spec(RolloutSpec, raw)
    metadata = raw["metadata"]
    return RolloutFacts(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        generation=int(metadata["generation"]),
        deleting="deletionTimestamp" in metadata,
        deleting_since=moment(metadata["deletionTimestamp"]) if "deletionTimestamp" in metadata else 0.0,
        finalizer=meta.FINALIZER in metadata.get("finalizers", ()),
        orders=_orders(metadata.get("annotations") or {}),
        spec=spec,
        spec_error=error,
        status=read_status(RolloutStatus, raw),
    )


def _orders(annotations: Mapping[str, str]) -> dict[Verb, Order]:
    """What is ordered by annotation. An empty token is none; what status has no room for is cut."""
    found = {}
    for verb in VERBS:
        said = f"{meta.ORDER}{verb}"
        if token := (annotations.get(said) or "")[:253]:
            by, reason = (annotations.get(f"{said}{more}") or "" for more in ("-by", "-reason"))
            found[verb] = Order(token, " ".join(by.split())[:253], " ".join(reason.split())[:512])
    return found


def read_spec(kind: type[Spec], raw: Object) -> tuple[Spec | None, str]:
    """The spec, or why it cannot be read."""
    try:
        return kind.model_validate(raw.get("spec", {})), ""
    except ValidationError as error:
        return None, "; ".join(sentences(error, "spec"))


def read_status(kind: type[Status], raw: Object) -> Status:
    """The stored status. Raises UnreadableStatusError."""
    try:
        return kind.model_validate(raw.get("status", {}))
    except ValidationError as error:
        name = raw["metadata"]["name"]
        raise UnreadableStatusError(
            f"the stored status of {raw['kind']} {name} cannot be read ({error.error_count()} faults); was it written"
            " by a newer release? Run that release, or clear the status"
        ) from error


def version_facts(raw: Object) -> VersionFacts:
    """The ModelVersion as a Rollout sees it. Raises UnreadableStatusError."""
    status = read_status(ModelVersionStatus, raw)
    said = {condition.type: condition for condition in status.conditions}
    message = said["Ready"].message if "Ready" in said else "it was not looked at yet"
    stalled = "Stalled" in said and said["Stalled"].status == "True"
    return VersionFacts(raw["metadata"]["name"], status.resolved, message, failed=stalled)


def _revisions(
    cache: Cache, rollout: RolloutFacts, adoption: Adoption | None, *, by_pods: bool | None
) -> dict[str, RevisionFacts]:
    """Revisions by name. Deployments that another object owns are not ours, whatever their labels say."""
    place, serving = (rollout.namespace, rollout.name), _serving(cache, rollout)
    pods: dict[str, list[Object]] = {}
    for pod in cache.labelled("Pod", *place):
        pods.setdefault(pod["metadata"]["labels"].get(meta.LABEL_REVISION, ""), []).append(pod)
    known = by_service(cache.labelled("EndpointSlice", *place))
    found = {}
    for deployment in cache.labelled("Deployment", *place):
        if _is_ours(deployment, rollout):
            name = _revision_of(deployment)
            ends = None if by_pods else found_by_requests(known, adoption, name, serves=name in serving)
            found[name] = _revision(cache, deployment, pods.get(name, ()), ends)
    return found


def _serving(cache: Cache, rollout: RolloutFacts) -> frozenset[str]:
    """The stable revision, and those that a stored route of our own names."""
    stable, route = rollout.status.stable, _route(cache, rollout, rollout.name)
    return frozenset([stable.revision] if stable else ()) | (read_route(route).reached if route else frozenset())


def _is_ours(child: Object, rollout: RolloutFacts) -> bool:
    return _controller(child) in ("", rollout.uid)


def _revision_of(deployment: Object) -> str:
    metadata = deployment["metadata"]
    return str(metadata["labels"].get(meta.LABEL_REVISION, metadata["name"]))


def _revision(cache: Cache, deployment: Object, pods: Sequence[Object], ends: Set[str] | None) -> RevisionFacts:
    """The Deployment with its pods, of which requests find those named by `ends`, or all that are ready."""
    metadata, pods = deployment["metadata"], _own(pods, deployment)
    labels, annotations = metadata["labels"], metadata.get("annotations", {})
    ours = containers_of(deployment)
    known = [read_pod(pod, ours) for pod in pods if not is_over(pod)]
    found = tuple(pod if ends is None or pod.name in ends else replace(pod, listed=False) for pod in known)
    return RevisionFacts(
        revision=_revision_of(deployment),
        model_version=annotations.get(meta.ANNOTATION_MODEL_VERSION) or labels.get(meta.LABEL_MODEL_VERSION, ""),
        digest=annotations.get(meta.ANNOTATION_DIGEST, ""),
        replicas=int(deployment.get("spec", {}).get("replicas", 1)),
        ready=sum(pod.ready and pod.listed for pod in found),
        created_at=moment(metadata["creationTimestamp"]),
        pods=found,
        deployment=deployment,
        service=cache.get("Service", metadata["namespace"], metadata["name"]),
        autoscaler=cache.get("HorizontalPodAutoscaler", metadata["namespace"], metadata["name"]),
        budget=cache.get("PodDisruptionBudget", metadata["namespace"], metadata["name"]),
        lost=last_loss(pods),
    )


def _own(pods: Sequence[Object], deployment: Object) -> Sequence[Object]:
    """Those of its ReplicaSets: of one that has made a pod since the Deployment is there, and of all that its status
    counts.

    What a deleted Deployment of the same name has left has the same labels and serves until it is collected, all at
    once; what was left on purpose the next one adopts, and counts. A copy for debugging has no controller: it is none.
    """
    begun = moment(deployment["metadata"]["creationTimestamp"]) - _SKEW_SECONDS
    made = [pod for pod in pods if _controller(pod)]
    there = sum(not is_over(pod) and "deletionTimestamp" not in pod["metadata"] for pod in made)
    if there <= int(deployment.get("status", {}).get("replicas", 0)):
        return made
    own = {_controller(pod) for pod in made if moment(pod["metadata"]["creationTimestamp"]) >= begun}
    return [pod for pod in made if _controller(pod) in own]


def _controller(child: Object) -> str:
    """The uid of the object that made it, or has adopted it; empty where there is none."""
    owners = child["metadata"].get("ownerReferences", ())
    return next((str(owner["uid"]) for owner in owners if owner.get("controller")), "")
