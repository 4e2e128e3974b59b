"""Catches a match that a gateway reads otherwise, a rehearsal that calls what has effects, drift that nobody sees."""

from typing import Any

import pytest
from crossfade.api.v1alpha1.gateway import GatewayApi
from crossfade.api.v1alpha1.matching import Match
from crossfade.decide.plan import ROUTES, Target
from crossfade.decide.route_kinds import GRPC, HTTP, KINDS
from crossfade.decide.routes import covers, rehearsed_rules
from crossfade.decide.shapes import Split
from crossfade.ports import ROUTES as SERVED

_METHOD = {"type": "Exact", "service": "a.B", "method": "C"}


def match(**fields: Any) -> Match:
    return Match.model_validate(fields)


def test_each_kind_is_known_wherever_routes_are_handled() -> None:
    assert set(KINDS) == {kind.kind for kind in SERVED} == {target.value for target in ROUTES}
    assert Target(GRPC.name) is Target.GRPC_ROUTE


@pytest.mark.parametrize(
    ("asked", "written", "called"),
    [
        ({}, {}, "/crossfade.Rehearsal/Rehearse"),
        ({"method": {"service": "a.B", "method": "C"}}, {"method": _METHOD}, "/a.B/C"),
        ({"method": {"service": "a.B"}}, {"method": {"type": "Exact", "service": "a.B"}}, "/a.B/Rehearse"),
        ({"method": {"method": "C"}}, {"method": {"type": "Exact", "method": "C"}}, "/crossfade.Rehearsal/C"),
    ],
)
def test_what_a_match_leaves_open_is_called_by_a_name_that_no_server_has(
    asked: dict[str, Any], written: dict[str, Any], called: str
) -> None:
    assert (GRPC.match(match(**asked)), GRPC.path(match(**asked))) == (written, called)


def test_a_path_that_is_left_out_is_written_as_it_always_was() -> None:
    assert HTTP.match(match()) == {"path": {"type": "PathPrefix", "value": "/"}}
    assert (HTTP.path(match()), HTTP.path(match(path={"value": "/v2"}))) == ("/", "/v2")


@pytest.mark.parametrize(
    ("live", "same"),
    [
        ({"method": _METHOD}, True),
        ({"method": {**_METHOD, "method": "D"}}, False),
        ({"method": _METHOD, "headers": [{"name": "x", "value": "y"}]}, False),
        ({}, False),
    ],
)
def test_a_match_edited_by_hand_is_drift(live: dict[str, Any], same: bool) -> None:
    assert (
        covers([{"matches": [GRPC.match(match(method={"service": "a.B", "method": "C"}))]}], [{"matches": [live]}])
        is same
    )


@pytest.mark.parametrize("wanted", [{"service": "a.B"}, {"method": "C"}])
def test_a_match_narrowed_by_hand_is_drift(wanted: dict[str, str]) -> None:
    assert not covers([GRPC.match(match(method=wanted))], [{"method": _METHOD}])
    assert not covers([GRPC.match(match())], [{"method": _METHOD}])


@pytest.mark.parametrize(("kind", "backends"), [("HTTPRoute", [["a"]]), ("GRPCRoute", [["a"], ["b"]])])
def test_whom_calls_are_copied_to_is_a_backend_behind_our_own_headers_too(kind: str, backends: list[list[str]]) -> None:
    api = GatewayApi.model_validate({"kind": kind, "parentRefs": [{"name": "public"}]})
    rules = rehearsed_rules(api, Split({"a": 100}, mirrored=("b", 50)), "t")
    assert [[one["name"] for one in rule["backendRefs"]] for rule in rules] == backends
    assert ["filters" in rule for rule in rules] == [True, False][: len(rules)]
    assert all(rule["matches"][0]["headers"][-1]["value"] == "t" for rule in rules)
