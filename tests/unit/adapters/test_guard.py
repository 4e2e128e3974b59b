"""Catches a user's address that reaches cloud metadata, this machine or the cluster's own networks, however it is
written, unless the operator's configuration lists where it leads."""

import socket
from typing import Any

import pytest
from crossfade.adapters.artifacts.guard import allowed_address, is_allowed
from crossfade.model.networks import networks
from crossfade.ports import SourceError


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "::",
        "255.255.255.255",
        "224.0.0.1",
        "ff02::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "::ffff:127.0.0.1",
    ],
)
def test_addresses_that_hand_out_credentials_are_refused(address: str) -> None:
    assert not is_allowed(address)
    assert not is_allowed(address, networks("0.0.0.0/0,::/0"))


PRIVATE = [
    *("10.77.0.1", "192.168.1.5", "172.16.0.9", "172.31.255.255", "100.64.0.1", "198.18.0.1", "fd12::5", "fc00::1"),
    *("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:c0a8:101::1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_networks_are_refused_unless_they_are_listed(address: str) -> None:
    assert not is_allowed(address)
    assert is_allowed(address, networks("0.0.0.0/0,::/0"))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800::1", "172.32.0.1", "64:ff9b::5db8:d822"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed(address)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "fec0::1", "2001:0:1::1", "::7f00:1"])
def test_what_is_neither_public_nor_private_is_refused(address: str) -> None:
    assert not is_allowed(address)


@pytest.mark.parametrize(
    ("listed", "let_in", "kept_out"),
    [
        ("10.1.0.0/16", ["10.1.2.3", "::ffff:10.1.2.3"], ["10.2.0.1", "192.168.0.1"]),
        ("10.0.0.0/7", ["10.1.2.3"], ["192.168.0.1"]),
        ("100.64.0.0/10", ["100.64.0.1"], ["100.100.100.200"]),
        ("fc00::/7", ["fd12::5"], ["fd00:ec2::254", "fe80::1"]),
        ("127.0.0.0/8", ["127.0.0.1", "::ffff:127.0.0.1"], ["::1", "169.254.169.254"]),
        ("126.0.0.0/7", [], ["127.0.0.1"]),
        ("169.254.0.0/16", ["169.254.7.7"], ["169.254.169.254", "169.254.170.2", "169.254.170.23"]),
        ("169.254.169.254", ["169.254.169.254"], ["169.254.7.7"]),
        ("240.0.0.0/4", ["240.1.2.3", "255.255.255.254"], ["239.0.0.1", "10.1.1.1", "255.255.255.255"]),
        ("240.1.0.0/16", ["240.1.2.3", "::ffff:240.1.2.3"], ["240.2.0.1"]),
        ("224.0.0.0/3", [], ["240.1.2.3", "224.0.0.1"]),
        ("192.0.0.0/24", ["192.0.0.8"], ["192.0.0.192"]),
        ("192.0.0.0/23", [], ["192.0.0.8"]),
        *(
            (listed, [listed.replace("0/24", "7")], [])
            for listed in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
        ),
        ("2001:db8::/32", ["2001:db8::1", "2001:db8:ffff::1"], ["3fff::1"]),
        ("3fff::/20", ["3fff::1", "3fff:fff::1"], ["2001:db8::1"]),
        ("fec0::/10", ["fec0::1"], ["fe80::1"]),
        ("0.0.0.0/8", [], ["0.0.0.0", "0.0.0.1"]),
        ("224.0.0.0/4", [], ["224.0.0.1"]),
    ],
)
def test_what_hands_out_credentials_is_let_in_only_by_its_own_name(
    listed: str, let_in: list[str], kept_out: list[str]
) -> None:
    allowed = networks(listed)
    assert [address for address in let_in if not is_allowed(address, allowed)] == []
    assert [address for address in kept_out if is_allowed(address, allowed)] == []


@pytest.mark.parametrize("host", ["localhost", "169.254.169.254", "2852039166", "0xa9fea9fe", "[::1]".strip("[]")])
async def test_a_name_is_judged_by_the_addresses_that_it_leads_to(host: str) -> None:
    with pytest.raises(SourceError, match="must not come from") as failure:
        await allowed_address(host, 80)
    assert failure.value.retry is False


async def test_a_name_without_an_address_may_get_one_later() -> None:
    with pytest.raises(SourceError, match="has no address") as failure:
        await allowed_address("no-such-host.invalid", 80)
    assert failure.value.retry is True


async def test_the_address_to_connect_to_is_given_back() -> None:
    assert await allowed_address("10.77.0.1", 80, networks("10.77.0.0/16")) == "10.77.0.1"


@pytest.mark.parametrize(
    ("address", "why", "what"),
    [
        ("10.77.0.1", r"\(private, 10\.0\.0\.0/8\)", "a network with it"),
        ("127.0.0.1", r"\(loopback, 127\.0\.0\.0/8\)", r"127\.0\.0\.0/8 or a part of it"),
        ("169.254.169.254", r"\(cloud metadata, 169\.254\.169\.254/32\)", r"169\.254\.169\.254/32 or a part of it"),
        ("192.0.2.7", r"\(reserved, 192\.0\.2\.0/24\)", r"192\.0\.2\.0/24 or a part of it"),
        ("240.1.2.3", r"\(reserved, 240\.0\.0\.0/4\)", r"240\.0\.0\.0/4 or a part of it"),
        ("224.0.0.1", r"\(reserved, 224\.0\.0\.1/32\)", r"224\.0\.0\.1/32 or a part of it"),
    ],
)
async def test_the_sentence_names_the_address_its_range_and_the_setting(address: str, why: str, what: str) -> None:
    told = rf"'{address}' leads to {address}, where models must not come from {why}.*have {what} listed in the "
    with pytest.raises(
        SourceError, match=rf"{told}operator's configuration, --allowed-networks \(`registries.allowedNetworks`"
    ):
        await allowed_address(address, 80)


async def test_a_private_address_may_be_allowed_one_day_and_is_not_refused_for_ever() -> None:
    with pytest.raises(SourceError) as failure:
        await allowed_address("10.77.0.1", 80, networks("10.1.0.0/16"))
    assert failure.value.retry


async def test_one_refused_address_among_several_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def answering(host: str, port: int, *_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", answering)
    with pytest.raises(SourceError, match=r"leads to 10\.0\.0\.1"):
        await allowed_address("two.example", 80)


@pytest.mark.parametrize("listed", ["10.0.0.1/8", "10.0.0.0/33", "ten", "10.0.0.0/8;fd00::/8"])
def test_a_list_that_is_none_is_told(listed: str) -> None:
    with pytest.raises(ValueError, match=r"must be a network such as 10\.0\.0\.0/8"):
        networks(listed)


def test_a_list_may_have_spaces_and_single_addresses() -> None:
    assert list(map(str, networks(" 10.0.0.0/8, fd00::/8,10.1.2.3, "))) == ["10.0.0.0/8", "fd00::/8", "10.1.2.3/32"]
