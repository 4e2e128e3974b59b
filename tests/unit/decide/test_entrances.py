"""Catches a probe that goes to another listener or host than users', or to none where there is one."""

from dataclasses import replace
from typing import Any

import pytest
from crossfade.api.v1alpha1.gateway import GatewayApi
from crossfade.decide.entrances import Entrance, entrances
from crossfade.model.gateway import GatewayFacts, Listener

from tests.simulation.world import World

HTTP, HTTPS = Listener("http", 80, "HTTP"), Listener("https", 443, "HTTPS")
GATEWAY = GatewayFacts("gateways", "public", 0.0, addresses=("10.0.0.1", "10.0.0.2"), listeners=(HTTPS, HTTP))


def entrance(gateway: GatewayFacts | None = GATEWAY, hosts: tuple[str, ...] = (), **ref: Any) -> Entrance | str:
    named = {"name": "public", "namespace": "gateways", **ref}
    api = GatewayApi.model_validate({"parentRefs": [named], "hostnames": list(hosts)})
    snapshot = replace(World().snapshot(), gateways=(gateway,) if gateway else ())
    (found,) = entrances(snapshot, api)
    return found


def door(scheme: str, port: int, host: str) -> Entrance:
    return Entrance("Gateway gateways/public", scheme, "10.0.0.1", port, host)


@pytest.mark.parametrize(
    ("ref", "hosts", "expected"),
    [
        ({}, ("a.test", "b.test"), door("http", 80, "a.test")),
        ({}, ("*.a.test",), door("http", 80, "rehearsal.a.test")),
        ({}, (), door("http", 80, "10.0.0.1")),
        ({"sectionName": "https"}, ("a.test",), door("https", 443, "a.test")),
        ({"port": 443}, ("a.test",), door("https", 443, "a.test")),
    ],
)
def test_it_is_the_listener_and_the_host_of_the_route(
    ref: dict[str, Any], hosts: tuple[str, ...], expected: Entrance
) -> None:
    assert entrance(GATEWAY, hosts, **ref) == expected


@pytest.mark.parametrize(
    ("listener", "hosts", "host"),
    [
        ("a.test", ("b.test", "a.test"), "a.test"),
        ("*.test", ("a.test",), "a.test"),
        ("a.test", ("*.test",), "a.test"),
        ("*.test", (), "rehearsal.test"),
        ("*.test", ("*.b.test",), "rehearsal.b.test"),
    ],
)
def test_it_is_a_host_that_the_listener_serves_too(listener: str, hosts: tuple[str, ...], host: str) -> None:
    gateway = replace(GATEWAY, listeners=(replace(HTTP, hostname=listener),))
    assert entrance(gateway, hosts) == door("http", 80, host)


@pytest.mark.parametrize(
    ("gateway", "ref", "why"),
    [
        (None, {}, "cannot be read: it was not read yet"),
        (replace(GATEWAY, trouble="refused with 403"), {}, "cannot be read: refused with 403"),
        (replace(GATEWAY, addresses=()), {}, "has no address in its status"),
        (GATEWAY, {"sectionName": "other"}, "has no HTTP or HTTPS listener"),
        (replace(GATEWAY, listeners=(Listener("tls", 443, "TLS"),)), {}, "has no HTTP or HTTPS listener"),
        (replace(GATEWAY, listeners=(replace(HTTP, hostname="b.test"),)), {}, "has no HTTP or HTTPS listener"),
    ],
)
def test_where_there_is_none_the_sentence_says_why(gateway: GatewayFacts | None, ref: dict[str, Any], why: str) -> None:
    found = entrance(gateway, ("a.test",), **ref)
    assert isinstance(found, str)
    assert found.startswith(f"Gateway gateways/public {why}")
