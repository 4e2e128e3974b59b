"""The Gateway API: whether it is there, and whether its classes and Gateways work."""

from collections.abc import Iterator

from crossfade.decide.route_kinds import HTTP, kind_of
from crossfade.doctor.facts import Facts, condition, counted, listed, place, shown
from crossfade.doctor.finding import Finding, fault, ok, warning
from crossfade.doctor.platform import definition_of, fields_of, schema_of
from crossfade.doctor.rollouts import Found, rollouts_of
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
    elif lacking == ["grpcroutes"] and all(kind_of(one.spec.traffic.gateway_api) is HTTP for one in users):
        yield warning(
            f"the API server does not serve v1 of grpcroutes of {GROUP}",
            "Rollouts with `spec.traffic.gatewayAPI.kind: GRPCRoute` would wait; those with an HTTPRoute work",
            f"where models are called by gRPC: {_INSTALL}",
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
    named = {where for one in behind_gateways(facts) for where in parents(one)}
    for raw in facts.all("gateways"):
        if named and place(raw) not in named:
            continue
        found = list(_broken(raw))
        count = len(raw["spec"].get("listeners") or ())
        yield from found or [
            ok(f"Gateway {shown(raw)} is programmed, with {counted(count, 'listener')} that can be used")
        ]


def parents(one: Found) -> Iterator[tuple[str, str]]:
    """The places of the Gateways that it names."""
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
