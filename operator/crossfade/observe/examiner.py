"""Reads a cluster for `crossfade doctor`: once, side by side, each read within seconds, and nothing is written."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import MappingProxyType

from crossfade.api import meta
from crossfade.decide.templates import Source, source_of
from crossfade.doctor import operators
from crossfade.doctor.facts import Facts, Keys, PrometheusFacts, Seen, place
from crossfade.doctor.gateways import GROUP as GATEWAY_GROUP
from crossfade.doctor.gateways import KINDS as GATEWAY_KINDS
from crossfade.doctor.metrics import ANY, DEFAULT, UP, WINDOW_SECONDS, sought, templates_of
from crossfade.doctor.operators import Operator, operators_of
from crossfade.doctor.ports import GoneError, Queries, Reader
from crossfade.doctor.registries import authorities_named, secrets_named
from crossfade.doctor.rights import Right
from crossfade.doctor.rollouts import rollouts_of
from crossfade.model.gateway import GatewayFacts
from crossfade.observe.scout import read_gateway
from crossfade.ports import ClusterError, MetricsError, Object, RawSeries
from crossfade.settings import MetricsSource, sources_of

Ask = Callable[[str], Queries]
"""From the address of a Prometheus to a way to ask it."""
_PAGE = 500
_MOST_PAGES = 20
_REVIEW_SECONDS = 20.0
_QUERY_SECONDS = 60.0
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_OURS = {"labelSelector": meta.LABEL_ROLLOUT}
_OPERATORS = {"labelSelector": operators.LABEL}


@dataclass(frozen=True, slots=True)
class Listing:
    """Where a kind is listed: its group and version, whether within the namespaces that are looked at, and which of its
    objects."""

    root: str
    plural: str
    within: bool = True
    query: Mapping[str, str] = field(default_factory=dict)


LISTS: Mapping[str, Listing] = MappingProxyType(
    {
        "operators": Listing("/apis/apps/v1", "deployments", False, _OPERATORS),
        "operatorpods": Listing("/api/v1", "pods", False, _OPERATORS),
        "gatewayclasses": Listing(f"/apis/{GATEWAY_GROUP}/v1", "gatewayclasses", False),
        "gateways": Listing(f"/apis/{GATEWAY_GROUP}/v1", "gateways", False),
        "networkpolicies": Listing("/apis/networking.k8s.io/v1", "networkpolicies", False),
        **{
            kind: Listing(f"/apis/{meta.API_VERSION}", kind)
            for kind in ("rollouts", "modelversions", "modelsources", "modelregistries", "metrictemplates")
        },
        "deployments": Listing("/apis/apps/v1", "deployments", query=_OURS),
        "services": Listing("/api/v1", "services", query=_OURS),
        "persistentvolumeclaims": Listing("/api/v1", "persistentvolumeclaims"),
        "horizontalpodautoscalers": Listing("/apis/autoscaling/v2", "horizontalpodautoscalers", query=_OURS),
        "poddisruptionbudgets": Listing("/apis/policy/v1", "poddisruptionbudgets", query=_OURS),
        "httproutes": Listing(f"/apis/{GATEWAY_GROUP}/v1", "httproutes", query=_OURS),
        "grpcroutes": Listing(f"/apis/{GATEWAY_GROUP}/v1", "grpcroutes", query=_OURS),
    }
)
"""All that is listed, by the name that Facts have for it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be looked at: one `namespace`, or all; a `prometheus` in place of that of the operators."""

    release: str
    expected: Mapping[str, frozenset[str]]
    namespace: str | None = None
    prometheus: str | None = None


async def examine(reader: Reader, ask: Ask, wish: Wish) -> Facts:
    """Everything that the checks look at. Raises ClusterError where not even the version can be read."""
    server = str((await reader.read("/version", {})).get("gitVersion", ""))
    now = await reader.now()
    began = time.monotonic()
    names = list(LISTS)
    seen = await asyncio.gather(
        *(_list(reader, LISTS[name], wish.namespace) for name in names),
        _named(reader, _DEFINITIONS, [*wish.expected, *(f"{kind}.{GATEWAY_GROUP}" for kind in GATEWAY_KINDS)]),
        _namespaces(reader, wish.namespace),
        _api_groups(reader),
    )
    kinds = dict(zip([*names, "definitions", "namespaces", "apigroups"], seen, strict=True))
    first = Facts(now, wish.release, server, wish.namespace, kinds, wish.expected, _gateways(kinds))
    found = operators_of(first)
    secrets = tuple(dict.fromkeys(secrets_named(first)))
    leases, reviews, keys, authorities, prometheuses = await asyncio.gather(
        _leases(reader, found),
        _reviews(reader, found, secrets),
        _keys(reader, "secrets", secrets),
        _keys(reader, "configmaps", dict.fromkeys(authorities_named(first))),
        _prometheuses(reader, ask, first, wish, lambda: now + time.monotonic() - began),
    )
    return Facts(
        *(now, wish.release, server, wish.namespace, kinds, wish.expected, first.gateways),
        leases=leases,
        reviews=reviews,
        secrets=keys,
        authorities=authorities,
        prometheuses=prometheuses,
    )


async def _list(reader: Reader, what: Listing, namespace: str | None) -> Seen:
    scope = f"/namespaces/{namespace}" if what.within and namespace else ""
    items, after = list[Object](), ""
    try:
        for _ in range(_MOST_PAGES):
            query = {**what.query, "limit": str(_PAGE), **({"continue": after} if after else {})}
            page = await reader.read(f"{what.root}{scope}/{what.plural}", query)
            items += page.get("items") or []
            after = (page.get("metadata") or {}).get("continue") or ""
            if not after:
                return Seen(tuple(items))
    except ClusterError as failure:
        return Seen(absent=True) if failure.status == HTTPStatus.NOT_FOUND else Seen(trouble=str(failure))
    return Seen(
        trouble=f"there are more than {_PAGE * _MOST_PAGES} {what.plural}; look at one namespace by --namespace"
    )


async def _named(reader: Reader, path: str, names: Iterable[str]) -> Seen:
    """Those of the objects that are there."""
    found = await asyncio.gather(*(_get(reader, f"{path}/{name}") for name in names))
    trouble = next((one.trouble for one in found if one.trouble), "")
    return Seen(tuple(item for one in found for item in one.items), trouble)


async def _get(reader: Reader, path: str) -> Seen:
    try:
        return Seen((await reader.read(path, {}),))
    except ClusterError as failure:
        return Seen() if failure.status == HTTPStatus.NOT_FOUND else Seen(trouble=str(failure))


async def _namespaces(reader: Reader, namespace: str | None) -> Seen:
    if namespace:
        return await _get(reader, f"/api/v1/namespaces/{namespace}")
    return await _list(reader, Listing("/api/v1", "namespaces"), None)


async def _api_groups(reader: Reader) -> Seen:
    try:
        return Seen(tuple((await reader.read("/apis", {})).get("groups") or ()))
    except ClusterError as failure:
        return Seen(trouble=str(failure))


def _gateways(kinds: Mapping[str, Seen]) -> dict[tuple[str, str], GatewayFacts]:
    """Gateways whose class is there, as the operator reads them."""
    classes = {raw["metadata"]["name"]: raw for raw in kinds["gatewayclasses"].items}
    known = ((raw, classes.get(raw["spec"].get("gatewayClassName", ""))) for raw in kinds["gateways"].items)
    return {place(raw): read_gateway(raw, of, 0.0) for raw, of in known if of is not None}


async def _leases(reader: Reader, found: Iterable[Operator]) -> dict[tuple[str, str], Seen]:
    places = [one.lease for one in found if one.lease]
    root = "/apis/coordination.k8s.io/v1/namespaces"
    seen = await asyncio.gather(*(_get(reader, f"{root}/{where}/leases/{name}") for where, name in places))
    return dict(zip(places, seen, strict=True))


async def _reviews(
    reader: Reader, found: Iterable[Operator], secrets: tuple[tuple[str, str], ...]
) -> dict[str, dict[Right, bool | str]]:
    answers = dict[str, dict[Right, bool | str]]()
    for one in found:
        rights = operators.needed(one, secrets)
        answers[one.user] = dict.fromkeys(rights, f"it was not answered within {_REVIEW_SECONDS:g} s")
        try:
            async with asyncio.timeout(_REVIEW_SECONDS):
                given = await asyncio.gather(*(_review(reader, one.user, right) for right in rights))
                answers[one.user] = dict(zip(rights, given, strict=True))
        except TimeoutError:
            continue
    return answers


async def _review(reader: Reader, user: str, right: Right) -> bool | str:
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "verb": right.verb,
        "namespace": right.namespace,
        "name": right.name,
    }
    try:
        return await reader.may(user, attributes)
    except ClusterError as failure:
        return str(failure)


async def _keys(reader: Reader, plural: str, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Keys]:
    """The names of keys alone: what they hold is dropped where it is read."""
    places = list(places)
    found = await asyncio.gather(*(_get(reader, f"/api/v1/namespaces/{at}/{plural}/{name}") for at, name in places))
    return dict(zip(places, map(_without_values, found), strict=True))


def _without_values(seen: Seen) -> Keys:
    if not seen.items:
        return Keys(trouble=seen.trouble)
    data = seen.items[0].get("data") or {}
    empty = frozenset(key for key, value in data.items() if not value)
    return Keys(frozenset(data) - empty, empty)


@dataclass(frozen=True, slots=True)
class _Told:
    """A Prometheus as an operator is told of it, with what keeps us from asking it."""

    name: str
    address: str
    namespaces: tuple[str, ...] = ()
    trouble: str = ""


async def _prometheuses(
    reader: Reader, ask: Ask, facts: Facts, wish: Wish, clock: Callable[[], float]
) -> tuple[PrometheusFacts, ...]:
    """Those that operators are configured with; `clock` is the API server's."""
    told = [each for one in operators_of(facts) for each in await _told(reader, one)]
    if wish.prometheus:
        told = [_Told(DEFAULT, wish.prometheus), *(each for each in told if each.name != DEFAULT)]
    return tuple(await asyncio.gather(*(_prometheus(ask, facts, one, clock) for one in dict.fromkeys(told))))


async def _told(reader: Reader, one: Operator) -> list[_Told]:
    """Its default one and its sources."""
    sources = await _sources(reader, one) if "CROSSFADE_METRICS_SOURCES" in one.env else []
    address = one.env.get("CROSSFADE_PROMETHEUS_ADDRESS")
    if address and all(source.name not in (DEFAULT, ANY) for source in sources):
        return [_Told(DEFAULT, address, one.namespaces), *sources]
    return sources


async def _sources(reader: Reader, one: Operator) -> list[_Told]:
    """What is in the ConfigMap that the chart makes beside the Deployment."""
    name = f"{one.name}-metrics"
    seen = await _get(reader, f"/api/v1/namespaces/{one.namespace}/configmaps/{name}")
    text = str((seen.items[0].get("data") or {}).get("sources.yaml", "")) if seen.items else ""
    try:
        return [_source(source, one.namespaces) for source in sources_of(text, "`prometheus.sources`")]
    except ValueError as failure:
        trouble = seen.trouble or (str(failure) if seen.items else "it does not exist")
        return [_Told(ANY, f"ConfigMap {one.namespace}/{name}", one.namespaces, trouble)]


def _source(source: MetricsSource, namespaces: tuple[str, ...]) -> _Told:
    keys = (source.tenant, source.bearer_token_file, source.basic, source.ca_file, source.cert_file)
    locked = "it wants a tenant, credentials or certificates, which only the operator has"
    trouble = locked if any(key is not None for key in keys) else ""
    return _Told(source.name, source.address, namespaces, trouble)


async def _prometheus(ask: Ask, facts: Facts, told: _Told, clock: Callable[[], float]) -> PrometheusFacts:
    """What it answers. A selector that it refuses says nothing against the others."""
    asked = ask(told.address)
    base = PrometheusFacts(told.name, asked.shown, asked.way, told.namespaces)
    if told.trouble:
        return replace(base, trouble=told.trouble)
    try:
        async with asyncio.timeout(_QUERY_SECONDS):
            off = await asked.now() - clock()
            up = tuple(await asked.window(UP, WINDOW_SECONDS))
            selectors = sorted(_selectors(facts, told))
            windows = [await _window(asked, selector) for selector in selectors]
    except TimeoutError:
        return replace(base, trouble=f"it did not answer all queries within {_QUERY_SECONDS:g} s")
    except MetricsError as failure:
        return replace(base, trouble=str(failure), gone=isinstance(failure, GoneError))
    return replace(base, off=off, up=up, windows=dict(zip(selectors, windows, strict=True)))


async def _window(asked: Queries, selector: str) -> tuple[RawSeries, ...] | str:
    try:
        return tuple(await asked.window(selector, WINDOW_SECONDS))
    except MetricsError as failure:
        return str(failure)


def _selectors(facts: Facts, told: _Told) -> set[str]:
    """What the metrics of Rollouts that are judged by it read."""
    return {
        sought(source)
        for one in rollouts_of(facts)
        if (one.spec.analysis.prometheus or DEFAULT) == told.name
        and (not told.namespaces or one.namespace in told.namespaces)
        for metric in one.spec.analysis.metrics
        if isinstance(source := source_of(metric, templates_of(facts, one.namespace)), Source)
    }
