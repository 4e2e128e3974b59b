"""Catches a user's address that reaches cloud metadata or this machine, however it is written."""

import pytest
from crossfade.adapters.artifacts.guard import allowed_address, is_allowed
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


@pytest.mark.parametrize(
    "address", ["10.77.0.1", "192.168.1.5", "172.16.0.9", "fd12::5", "93.184.216.34", "2606:2800::1"]
)
def test_stores_in_private_and_public_networks_are_allowed(address: str) -> None:
    assert is_allowed(address)


def test_loopback_is_allowed_only_on_demand_and_metadata_never() -> None:
    assert is_allowed("127.0.0.1", allow_loopback=True)
    assert is_allowed("::1", allow_loopback=True)
    assert not is_allowed("169.254.169.254", allow_loopback=True)


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
    assert await allowed_address("10.77.0.1", 80) == "10.77.0.1"
