"""Would catch an edit of our route by which requests go elsewhere unseen, and a default that is taken for an edit."""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossfade.api.v1alpha1 import RolloutSpec, RolloutStatus
from crossfade.api.v1alpha1.strategy import HeaderMatch
from crossfade.decide.front import asked_front
from crossfade.decide.route_kinds import KINDS
from crossfade.decide.routes import is_live, rehearsal_route, rehearsed_rules, render
from crossfade.decide.shapes import Split
from crossfade.model.route import RouteFacts
from crossfade.model.snapshot import RolloutFacts
from crossfade.observe.routes import read_route

from tests.simulation.world import spec

_DEFINITIONS = Path(__file__).parents[3] / "testbed" / "manifests" / "gateway-api"
_FILES = {"HTTPRoute": "httproutes.yaml", "GRPCRoute": "grpcroutes.yaml"}
_OTHER = {"string": "other", "integer": 7, "boolean": True, "array": [{"name": "other"}], "object": {"other": 1}}
"""A value of each type that no default has."""
_EXPERIMENTAL = {"retry": {"attempts": 9}, "sessionPersistence": {"sessionName": "s", "type": "Cookie"}}
"""Fields of a rule that the definitions of the experimental channel have beside those of the testbed."""

Json = dict[str, Any]


@cache
def schema(kind: str) -> Json:
    """What the definition says of a route's spec."""
    (version,) = (
        one
        for one in yaml.safe_load((_DEFINITIONS / _FILES[kind]).read_text())["spec"]["versions"]
        if one["name"] == "v1"
    )
    return dict(version["schema"]["openAPIV3Schema"]["properties"]["spec"])


def defaulted(value: Any, known: Json) -> Any:
    """As the API server stores it."""
    if isinstance(value, list):
        return [defaulted(one, known["items"]) for one in value]
    if not isinstance(value, dict):
        return value
    fields = known.get("properties", {})
    whole = {name: one["default"] for name, one in fields.items() if "default" in one} | value
    return {name: defaulted(one, fields[name]) for name, one in whole.items()}


def written(kind: str) -> Json:
    """A route with all that we ever write for users: weights, a copy, a cohort, the place of one."""
    match: Json = {"path": {"value": "/a"}} if kind == "HTTPRoute" else {"method": {"service": "a.B"}}
    api = {"kind": kind, "parentRefs": [{"name": "public"}], "rules": [{"matches": [match]}, {"matches": [{}]}]}
    asked = RolloutSpec.model_validate(spec(traffic={"gatewayAPI": api}))
    rollout = RolloutFacts("fraud", "ml", "u-1", 1, False, 0.0, False, {}, asked, "", RolloutStatus())
    cohort = (HeaderMatch(name="x-team", value="risk"),)
    split = Split({"fraud-a": 90, "fraud-b": 10}, mirrored=("fraud-b", 20), matched=("fraud-b", cohort))
    return render(rollout, split, KINDS[kind], asked_front(asked))


def stored(body: Json, spec: Json, **labels: str) -> RouteFacts:
    metadata = {**body["metadata"], "labels": {**body["metadata"]["labels"], **labels}, "generation": 1}
    return read_route({**body, "metadata": metadata, "spec": spec})


def edits(value: Any, known: Json, field: str, sent: Any) -> Iterator[tuple[str, Json, str, Any]]:
    """Every field that somebody may add or change in these lists: its place, what has it, its name and another value.
    What was `sent` with a field is compared by its value, and not of interest here."""
    if isinstance(value, list):
        for at, one in enumerate(value):
            yield from edits(one, known["items"], f"{field}[{at}]", sent[at])
    elif isinstance(value, dict):
        for name, one in known.get("properties", {}).items():
            if name in sent:
                yield from edits(value[name], one, f"{field}.{name}", sent[name])
            else:
                yield f"{field}.{name}", value, name, _OTHER[one["type"]]


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_api_server_adds_is_no_edit_nor_are_labels_of_others(kind: str) -> None:
    body = written(kind)
    whole = defaulted(body["spec"], schema(kind))
    assert whole != body["spec"], "it adds nothing, so this shows nothing"
    assert is_live(body, stored(body, whole))
    assert is_live(body, stored(body, whole, team="risk", filters="of-theirs"))
    assert not is_live(body, stored(body, whole, **{"crossfade.dev/rollout": "other"}))


@pytest.mark.parametrize("kind", KINDS)
def test_nor_is_it_one_of_a_route_that_tries_a_rule(kind: str) -> None:
    api = {"kind": kind, "parentRefs": [{"name": "public"}]}
    asked = RolloutSpec.model_validate(spec(traffic={"gatewayAPI": api}))
    rollout = RolloutFacts("fraud", "ml", "u-1", 1, False, 0.0, False, {}, asked, "", RolloutStatus())
    rules = rehearsed_rules(asked.traffic.gateway, Split({"a": 90}, mirrored=("b", 20)), "t")
    body = rehearsal_route(rollout, asked, rules)
    assert is_live(body, stored(body, defaulted(body["spec"], schema(kind))))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lists", ["parentRefs", "rules"])
def test_every_other_field_in_its_lists_is_one(kind: str, lists: str) -> None:
    body = written(kind)
    sent, known = body["spec"][lists], schema(kind)["properties"][lists]
    whole = defaulted(deepcopy(body["spec"]), schema(kind))
    unseen, places = [], []
    for place, has, name, other in edits(whole[lists], known, lists, sent):
        kept = dict(has)
        has[name] = other
        places.append(place)
        if is_live(body, stored(body, whole)):
            unseen.append(place)
        has.clear()
        has.update(kept)
    assert unseen == []
    assert is_live(body, stored(body, whole)), "each edit was taken back"
    expected = {"rules[0].backendRefs[1].namespace", "rules[0].backendRefs[0].kind"} if lists == "rules" else set()
    assert expected <= set(places)


@pytest.mark.parametrize("field", _EXPERIMENTAL)
def test_what_only_the_experimental_definitions_have_is_one_too(field: str) -> None:
    body = written("HTTPRoute")
    first, *others = body["spec"]["rules"]
    edited = {**body["spec"], "rules": [{**first, field: _EXPERIMENTAL[field]}, *others]}
    assert not is_live(body, stored(body, edited))


def test_a_list_that_is_written_again_takes_away_what_others_added() -> None:
    """All that counts as an edit of a rule is gone with the next write only if its lists are owned as a whole."""
    for kind in KINDS:
        fields = schema(kind)["properties"]
        backends = fields["rules"]["items"]["properties"]["backendRefs"]
        lists = (fields["rules"], fields["parentRefs"], backends)
        assert {one["x-kubernetes-list-type"] for one in lists} == {"atomic"}
