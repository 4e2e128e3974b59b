"""The Gateway API: whether it is there, whether Gateways work, and whether they take the Rollouts' routes."""

from collections.abc import Iterator, Mapping

from crossfade.api.v1alpha1.gateway import GatewayApi, ParentRef
from crossfade.decide.admission import refused
from crossfade.decide.entrances import is_meant
from crossfade.decide.features import missing
from crossfade.decide.route_kinds import HTTP, kind_of
from crossfade.decide.stages import step_at
from crossfade.doctor.facts import Facts, condition, counted, listed, place, shown
from crossfade.doctor.finding import Finding, fault, ok, warning
from crossfade.doctor.platform import definition_of, fields_of, schema_of
from crossfade.doctor.rollouts import Found, rollouts_of
from crossfade.model.gateway import GatewayFacts
from crossfade.ports import Object

GROUP = "gateway.networking.k8s.io"
KINDS = ("gatewayclasses", "gateways", "httproutes", "grpcroutes")
_INSTALL = (
    "kubectl apply --server-side -f https://github.com/kubernetes-sigs/gateway-api/releases/latest/download/"
    "standard-install.yaml"
)
_MIRROR = "spec.rules.filters.requestMirror.percent"


def behind_gateways(facts: Facts) -> Iterator[Found]:
    """The Rollouts that have Gateways in front."""
    return (one for one in rollouts_of(facts) if one.spec.traffic.gateway_api is not None)


def definitions(facts: Facts) -> Iterator[Finding]:
    """Whether the kinds of the Gateway API are there, in a version that the operator speaks."""
    found = {kind: definition_of(facts, f"{kind}.{GROUP}") for kind in KINDS}
    schemas = {kind: schema_of(raw, "v1") if raw else None for kind, raw in found.items()}
    lacking, users = [kind for kind, schema in schemas.items() if schema is None], list(behind_gateways(facts))
    if len(lacking) == len(KINDS) and not users:
        yield warning(
            "the Gateway API is not installed",
            "Rollouts with `spec.traffic.gatewayAPI` would wait; those with `spec.traffic.replicas` work",
            _INSTALL,
        )
    elif lacking:
        yield fault(
            f"the API server does not serve v1 of {listed(lacking)} of {GROUP}",
            "routes cannot be written",
            _INSTALL,
        )
    elif _MIRROR not in fields_of(schemas["httproutes"] or {}) and (shadows := _partly_copied(users)):
        yield fault(
            f"HTTPRoutes have no field `{_MIRROR}`, which {shadows[0]} needs",
            "the API server drops it, and all requests would be copied in place of some",
            _INSTALL,
        )
    else:
        yield ok(f"the Gateway API is {_bundle(found['httproutes'] or {})}")


def _partly_copied(users: list[Found]) -> list[Found]:
    return [
        one
        for one in users
        if kind_of(one.spec.traffic.gateway_api) is HTTP
        and any(stage.shadow not in (None, 100) for stage in one.spec.strategy.stages)
    ]


def _bundle(definition: Object) -> str:
    told = (definition.get("metadata") or {}).get("annotations") or {}
    version, channel = (told.get(f"{GROUP}/{name}", "unknown") for name in ("bundle-version", "channel"))
    return f"there: version {version}, channel {channel}"


def classes(facts: Facts) -> Iterator[Finding]:
    """Whether a controller has accepted each GatewayClass, and what it says that it can."""
    used = {(raw.get("spec") or {}).get("gatewayClassName") for raw in facts.all("gateways")}
    for raw in facts.all("gatewayclasses"):
        name, accepted = raw["metadata"]["name"], condition(raw, "Accepted")
        if accepted and accepted["status"] == "True":
            yield ok(f"GatewayClass {name} is accepted, {_able(raw)}")
            continue
        said = (accepted or {}).get("message") or "no controller has said anything of it"
        seen, why = f"GatewayClass {name} is not accepted: {said}", "routes behind its Gateways are never accepted"
        controller = (raw.get("spec") or {}).get("controllerName", "")
        cure = f"install or repair the controller {controller}, or `kubectl delete gatewayclass {name}`"
        yield fault(seen, why, cure) if name in used else warning(seen, why, cure)
    if not facts.all("gatewayclasses") and not facts.lacks("gatewayclasses"):
        why = "without a controller no Gateway works; Rollouts with `spec.traffic.replicas` need none"
        yield warning("there is no GatewayClass", why, "install an implementation of the Gateway API, docs/gateways.md")


def _able(raw: Object) -> str:
    features = [
        one if isinstance(one, str) else one.get("name")
        for one in (raw.get("status") or {}).get("supportedFeatures") or ()
    ]
    if not features:
        return "and lists no features: each is rehearsed before users meet it"
    told = f"and lists {counted(len(features), 'feature')}"
    if not {*HTTP.mirror} <= {*features}:
        return f"{told}, no mirrors: stages with `shadow` are refused"
    if not {*HTTP.percentage} <= {*features}:
        return f"{told}, no mirrors of a part: stages with a `shadow` below 100 are refused"
    return told


def gateways(facts: Facts) -> Iterator[Finding]:
    """Whether the Gateways that Rollouts name are programmed, with listeners that work; all where none is named."""
    named = {where for one in behind_gateways(facts) for where in _parents(one)}
    for raw in facts.all("gateways"):
        if named and place(raw) not in named:
            continue
        found = list(_broken(raw))
        count = len(raw["spec"].get("listeners") or ())
        yield from found or [
            ok(f"Gateway {shown(raw)} is programmed, with {counted(count, 'listener')} that can be used")
        ]


def _parents(one: Found) -> Iterator[tuple[str, str]]:
    return ((ref.namespace or one.namespace, ref.name) for ref in one.spec.traffic.parents)


def _broken(raw: Object) -> Iterator[Finding]:
    namespace, name = place(raw)
    describe = f"kubectl --namespace {namespace} describe gateway {name}"
    for kind in ("Accepted", "Programmed"):
        said = condition(raw, kind)
        if said is None and kind == "Accepted":
            continue  # what is programmed was accepted, and not all controllers say both
        if not said or said["status"] != "True":
            words = (said or {}).get("message") or "its controller has said nothing"
            why = "no request gets through it"
            cure = f"{describe}; look at the controller of its class {raw['spec'].get('gatewayClassName', '')}"
            yield fault(f"Gateway {shown(raw)} is not {kind.lower()}: {words}", why, cure)
            return
    for listener in (raw.get("status") or {}).get("listeners") or ():
        for said in listener.get("conditions") or ():
            if said["type"] in ("Accepted", "Programmed", "ResolvedRefs") and said["status"] == "False":
                yield _broken_listener(shown(raw), listener["name"], said, describe)


def _broken_listener(gateway: str, listener: str, said: Object, describe: str) -> Finding:
    cure = describe
    if said.get("reason") == "RefNotPermitted":
        cure = "write a ReferenceGrant in the namespace of the certificate's Secret, from kind Gateway to kind Secret"
    words = said.get("message") or said.get("reason", "")
    return fault(
        f"listener {listener} of Gateway {gateway} has {said['type']}=False: {words}", "it serves no request", cure
    )


def routes(facts: Facts) -> Iterator[Finding]:
    """Whether the Gateways of each Rollout are there, take its route, and can do what its stages need."""
    found, count = list[Finding](), 0
    labels = {raw["metadata"]["name"]: raw["metadata"].get("labels") or {} for raw in facts.all("namespaces")}
    for one in behind_gateways(facts):
        count += 1
        api = one.spec.traffic.gateway_api
        if api is None:
            continue
        for at, ref in enumerate(api.parent_refs):
            refusal = _refusal(facts, one, api, ref, at, labels.get(one.namespace))
            found += [refusal] if refusal else []
        rungs = len(one.spec.strategy.stages)
        known = (facts.gateways[where] for where in _parents(one) if where in facts.gateways)
        sentence = missing((step_at(one.spec, rung) for rung in range(rungs)), kind_of(api), known)
        if sentence:
            seen, _, cure = sentence.partition(": ")
            found.append(fault(f"{one}: {seen}", "the rollout is refused before it starts", cure))
    yield from found or [ok(f"the Gateways of {counted(count, 'Rollout')} take the routes")]


def _refusal(
    facts: Facts, one: Found, api: GatewayApi, ref: ParentRef, at: int, labels: Mapping[str, str] | None
) -> Finding | None:
    """What speaks against this parent of the route."""
    where = (ref.namespace or one.namespace, ref.name)
    place_, why = f"`spec.traffic.gatewayAPI.parentRefs[{at}]`", "the rollout waits, or is refused before it starts"
    gateway = facts.gateways.get(where)
    if gateway is None:
        if all(place(raw) != where for raw in facts.all("gateways")):
            seen = f"{one}: {place_} names Gateway {'/'.join(where)}, which does not exist"
        else:
            seen = f"{one}: the class of Gateway {'/'.join(where)} does not exist"
        return fault(seen, why, f"create it, or name another Gateway in {place_}")
    if (sentence := refused(gateway, ref, api, one.namespace, place_)) is not None:
        cure = f"name another Gateway in {place_}, or change what the sentence names: kubectl --namespace {where[0]}"
        return fault(f"{one}: {sentence}", why, f"{cure} edit gateway {where[1]}")
    return _unselected(facts, one, gateway, ref, labels) if labels is not None else None


def _unselected(
    facts: Facts, one: Found, gateway: GatewayFacts, ref: ParentRef, labels: Mapping[str, str]
) -> Finding | None:
    """Where all listeners that are meant admit by labels, none of which this namespace has: only here both are
    known."""
    where = (gateway.namespace, gateway.name)
    raw = next(raw for raw in facts.all("gateways") if place(raw) == where)
    pairs = zip(raw["spec"]["listeners"], gateway.listeners, strict=True)
    meant = (listener for listener, facts_ in pairs if is_meant(ref, facts_))
    admitted = [(listener.get("allowedRoutes") or {}).get("namespaces") or {} for listener in meant]
    if any(rule.get("from") != "Selector" or selects(rule.get("selector") or {}, labels) for rule in admitted):
        return None
    wanted = (admitted[0].get("selector") or {}).get("matchLabels") or {}
    label = next((f"{key}={value}" for key, value in wanted.items()), "KEY=VALUE")
    return fault(
        f"{one}: {gateway} admits routes of namespaces by their labels, and {one.namespace} has none that it selects",
        "the gateway never accepts the route",
        f"kubectl label namespace {one.namespace} {label}",
    )


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector selects these labels; an empty one selects all."""
    exact = (selector.get("matchLabels") or {}).items()
    return all(labels.get(key) == value for key, value in exact) and all(
        _fulfils(rule, labels) for rule in selector.get("matchExpressions") or ()
    )


def _fulfils(rule: Object, labels: Mapping[str, str]) -> bool:
    key, values = rule["key"], rule.get("values") or ()
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }.get(rule["operator"], False)
