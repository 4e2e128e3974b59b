"""Whether Gateways take the routes of Rollouts: by the sentences of the operator, and by what only we can see."""

from collections.abc import Iterator, Mapping

from crossfade.api.v1alpha1.gateway import GatewayApi, ParentRef
from crossfade.decide.admission import refused
from crossfade.decide.entrances import is_meant
from crossfade.decide.features import missing
from crossfade.decide.route_kinds import kind_of
from crossfade.decide.stages import step_at
from crossfade.doctor.facts import Facts, counted, listed, place
from crossfade.doctor.finding import Finding, fault, ok, warning
from crossfade.doctor.gateways import behind_gateways, parents
from crossfade.doctor.rollouts import Found
from crossfade.doctor.selectors import selects
from crossfade.model.gateway import GatewayFacts
from crossfade.ports import Object

_WHY = "the rollout waits, or is refused before it starts"


def routes(facts: Facts) -> Iterator[Finding]:
    """Whether the Gateways of each Rollout are there, take its route, and can do what its stages need. Where there is
    none yet: which Gateways would take one of the namespace that is looked at."""
    users = list(behind_gateways(facts))
    if not users and facts.namespace and facts.all("namespaces") and facts.gateways:
        yield _welcome(facts, facts.namespace)
        return
    found = [finding for one in users for finding in (*_refusals(facts, one), *_unable(facts, one))]
    yield from found or [ok(f"the Gateways of {counted(len(users), 'Rollout')} take the routes")]


def _welcome(facts: Facts, home: str) -> Finding:
    taking = [str(one) for one in facts.gateways.values() if _takes(facts, one, home)]
    if taking:
        return ok(f"routes of the namespace {home} would be taken by {listed(taking)}")
    return warning(
        f"no Gateway takes HTTPRoutes of the namespace {home}",
        "Rollouts there could not have `spec.traffic.gatewayAPI`",
        "let a listener admit it by `allowedRoutes.namespaces`: `from: All`, or a selector of its labels",
    )


def _takes(facts: Facts, gateway: GatewayFacts, home: str) -> bool:
    ref = ParentRef(name=gateway.name, namespace=gateway.namespace)
    front = GatewayApi(parent_refs=[ref])
    return refused(gateway, ref, front, home, "") is None and not _shut_out(facts, gateway, ref, home)


def _refusals(facts: Facts, one: Found) -> Iterator[Finding]:
    """What speaks against each parent of the route."""
    api = one.spec.traffic.gateway_api
    for at, ref in enumerate(api.parent_refs if api else ()):
        where = (ref.namespace or one.namespace, ref.name)
        field, gateway = f"`spec.traffic.gatewayAPI.parentRefs[{at}]`", facts.gateways.get(where)
        if gateway is None:
            seen = f"{one}: the class of Gateway {'/'.join(where)} does not exist"
            if all(place(raw) != where for raw in facts.all("gateways")):
                seen = f"{one}: {field} names Gateway {'/'.join(where)}, which does not exist"
            yield fault(seen, _WHY, f"create it, or name another Gateway in {field}")
        elif api and (sentence := refused(gateway, ref, api, one.namespace, field)) is not None:
            edit = f"kubectl --namespace {where[0]} edit gateway {where[1]}"
            cure = f"name another Gateway in {field}, or change what the sentence names: {edit}"
            yield fault(f"{one}: {sentence}", _WHY, cure)
        elif shut := _shut_out(facts, gateway, ref, one.namespace):
            yield _unselected(one, gateway, shut)


def _shut_out(facts: Facts, gateway: GatewayFacts, ref: ParentRef, home: str) -> list[Object]:
    """The rules of admission of the listeners that are meant, where none of them admits the namespace; nothing where
    its labels are not known. Selectors are read here alone: the operator may not see namespaces."""
    known = {raw["metadata"]["name"]: raw["metadata"].get("labels") or {} for raw in facts.all("namespaces")}
    raw = next(raw for raw in facts.all("gateways") if place(raw) == (gateway.namespace, gateway.name))
    pairs = zip(raw["spec"].get("listeners") or (), gateway.listeners, strict=True)
    rules = [(one.get("allowedRoutes") or {}).get("namespaces") or {} for one, facts_ in pairs if is_meant(ref, facts_)]
    if home not in known or any(_admits(rule, gateway.namespace == home, known[home]) for rule in rules):
        return []
    return rules


def _admits(rule: Object, at_home: bool, labels: Mapping[str, str]) -> bool:
    way, selector = rule.get("from") or "Same", rule.get("selector")
    selected = way == "Selector" and selector is not None and selects(selector, labels)
    return way == "All" or (way == "Same" and at_home) or selected


def _unselected(one: Found, gateway: GatewayFacts, rules: list[Object]) -> Finding:
    wanted = [(rule.get("selector") or {}).get("matchLabels") or {} for rule in rules]
    labels = " ".join(f"{key}={value}" for each in wanted[:1] for key, value in each.items()) or "KEY=VALUE"
    return fault(
        f"{one}: {gateway} admits routes of namespaces by their labels, and {one.namespace} has none that it selects",
        _WHY,
        f"kubectl label namespace {one.namespace} {labels}",
    )


def _unable(facts: Facts, one: Found) -> Iterator[Finding]:
    """The first stage that the class of a Gateway lists no feature for."""
    steps = (step_at(one.spec, rung) for rung in range(len(one.spec.strategy.stages)))
    known = (facts.gateways[where] for where in parents(one) if where in facts.gateways)
    sentence = missing(steps, kind_of(one.spec.traffic.gateway_api), known)
    if sentence:
        seen, _, cure = sentence.partition(": ")
        yield fault(f"{one}: {seen}", "the rollout is refused before it starts", cure)
