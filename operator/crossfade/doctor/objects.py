"""The users' objects: what stands still, and what was left behind."""

from collections.abc import Iterator

from crossfade.api import meta
from crossfade.api.conditions import Reason
from crossfade.doctor.facts import Facts, condition, counted, listed, place, shown
from crossfade.doctor.finding import Finding, fault, ok, unseen, warning
from crossfade.doctor.operators import operators_of
from crossfade.doctor.rollouts import rollouts_of
from crossfade.model.moments import moment
from crossfade.ports import Object

_WATCHED = {
    "rollouts": "Rollout",
    "modelversions": "ModelVersion",
    "modelsources": "ModelSource",
    "modelregistries": "ModelRegistry",
}
CHILDREN = {
    "deployments": "deployment",
    "services": "service",
    "horizontalpodautoscalers": "hpa",
    "poddisruptionbudgets": "pdb",
    "httproutes": "httproute",
    "grpcroutes": "grpcroute",
}
"""What is made for Rollouts, and how kubectl calls it."""
_TAKEN_BACK = (Reason.ROLLED_BACK, Reason.ABORTED, Reason.TAKEN_BACK)
_HELD = (
    *(Reason.WAITING_FOR_MODEL_VERSION, Reason.WAITING_FOR_GATEWAY, Reason.WAITING_FOR_REGISTRY),
    *(Reason.WAITING_FOR_ROLLOUT, Reason.WAITING_FOR_CAPACITY, Reason.NO_ROOM, Reason.PULLING_IMAGE, Reason.NO_DATA),
    *(Reason.METRICS_UNAVAILABLE, Reason.METRIC_INVALID, Reason.INCONCLUSIVE, Reason.UNPROVEN, Reason.NOT_SERVING),
)
"""What somebody should look at when it lasts. Gates, suspensions and stages last on purpose."""
_HELD_SECONDS = 900.0
_PATIENCE_SECONDS = 60.0
_DELETING_SECONDS = 600.0


def standing(facts: Facts) -> Iterator[Finding]:
    """What stands still until a person changes something, with its own sentence, and what nobody looks at."""
    found, count = list[Finding](), 0
    read = {(one.namespace, one.name) for one in rollouts_of(facts)}
    for plural, kind in _WATCHED.items():
        for raw in facts.all(plural):
            count += 1
            finding = _standing(facts, kind, raw)
            if finding is None and plural == "rollouts" and place(raw) not in read:
                seen = f"Rollout {shown(raw)} has a `spec` that this program cannot read, and no other check has it"
                finding = unseen(seen, "use the program of the release of the operator and its kinds")
            found += [finding] if finding else []
    yield from found or [ok(f"nothing stands still, of {counted(count, 'object')}")]


def _standing(facts: Facts, kind: str, raw: Object) -> Finding | None:
    called, (namespace, name) = f"{kind} {shown(raw)}", place(raw)
    describe = f"kubectl --namespace {namespace} describe {kind.lower()} {name}"
    stalled = condition(raw, "Stalled")
    if stalled and stalled["status"] == "True":
        reason = str(stalled.get("reason", ""))
        seen, cure = f"{called}: {reason}: {stalled.get('message')}", f"docs/troubleshooting.md, {reason}; {describe}"
        if reason in _TAKEN_BACK:
            return warning(seen, "the stable version serves; the one that is asked for does not", cure)
        return fault(seen, "nothing moves until somebody changes what it names", cure)
    deleted = raw["metadata"].get("deletionTimestamp")
    if deleted and facts.now - moment(deleted) > _DELETING_SECONDS:
        return fault(
            f"{called} is being deleted since {deleted}",
            "its traffic is not yet handed over, or its operator is gone",
            f"have the operator run; without one, kubectl --namespace {namespace} patch {kind.lower()} {name}"
            f' --type=merge --patch=\'{{"metadata":{{"finalizers":null}}}}\' ends it{_thereafter(kind, raw)}',
        )
    return _overlooked(facts, called, raw) or _held(facts, called, raw, describe)


def _thereafter(kind: str, raw: Object) -> str:
    """What becomes of what it serves."""
    if kind != "Rollout":
        return ""
    kept = raw["spec"].get("deletionPolicy", "Orphan") == "Orphan"
    return f", and its model {'goes on serving' if kept else 'serves no more'}"


def _held(facts: Facts, called: str, raw: Object, describe: str) -> Finding | None:
    """It has not been ready for long, and says why not; or is for a pipeline alone, and waits all the same."""
    ready = condition(raw, "Ready") or {}
    accepted = ready.get("status") == "True"  # whatever it waits for: by `readyWhen`
    reason, since = ready.get("reason", ""), ready.get("lastTransitionTime")
    since = (raw.get("status") or {}).get("began") if accepted else since
    if reason not in _HELD or not since or (lasts := facts.now - moment(since)) < _HELD_SECONDS:
        return None
    minutes = f"{lasts / 60:.0f} minutes"
    state = f"has been under way for {minutes}, and waits now" if accepted else f"is not ready for {minutes}"
    return warning(
        f"{called} {state}: {reason}: {ready.get('message')}",
        "it goes on by itself when that is over, which it may never be",
        f"docs/troubleshooting.md, {reason}; {describe}",
    )


def _overlooked(facts: Facts, called: str, raw: Object) -> Finding | None:
    """Nobody serves its namespace, or nobody has looked at it."""
    namespace, operators = place(raw)[0], operators_of(facts)
    age = facts.now - moment(raw["metadata"]["creationTimestamp"])
    if operators and not any(not one.namespaces or namespace in one.namespaces for one in operators):
        seen = f"{called} is in a namespace that no operator serves"
    elif (raw.get("status") or {}).get("observedGeneration", -1) < 0 and age > _PATIENCE_SECONDS:
        seen = f"{called} was made {age:.0f} s ago, and no operator has looked at it"
    else:
        return None
    return fault(
        seen,
        "nothing is done for it",
        f"let `namespaces` of the chart have {namespace}, or leave it empty; and see what `operator` and `leader` say"
        " above",
    )


def leftovers(facts: Facts) -> Iterator[Finding]:
    """Objects made for Rollouts that are not there any more, as deleting one with `deletionPolicy: Orphan` leaves
    them."""
    there = {place(raw) for raw in facts.all("rollouts")}
    left = dict[tuple[str, str], list[str]]()
    for plural, short in CHILDREN.items():
        for raw in facts.all(plural):
            labels = raw["metadata"].get("labels") or {}
            owner = (place(raw)[0], labels.get(meta.LABEL_ROLLOUT, ""))
            if labels.get(meta.LABEL_MANAGED_BY) == "crossfade" and owner not in there:
                left.setdefault(owner, []).append(f"{short}/{raw['metadata']['name']}")
    for (namespace, name), names in sorted(left.items()):
        kinds = ",".join(dict.fromkeys(one.partition("/")[0] for one in names))
        yield warning(
            f"in the namespace {namespace} there are {listed(names)} of a Rollout {name} that does not exist",
            "they serve, and nobody looks after them; a Rollout of this name takes them over",
            f"when nobody calls them any more: kubectl --namespace {namespace} delete {kinds} --selector"
            f" {meta.LABEL_ROLLOUT}={name},{meta.LABEL_MANAGED_BY}=crossfade",
        )
    if not left:
        yield ok("nothing is left of Rollouts that are gone")
