"""The gateways of a bed, by the names that `Bed.gateway_url` knows them by, and the mark that takes a test to each."""

import pytest

from testbed import envoy_objects, gateway_api

TRAEFIK, ENVOY = "traefik", "envoy"
PARENTS = {TRAEFIK: gateway_api.GATEWAY, ENVOY: envoy_objects.GATEWAY}
"""The Gateway that each of them serves, in the namespace `gateways`."""

on_both_gateways = pytest.mark.parametrize("gateway", [TRAEFIK, ENVOY])
"""For a test on `endpoint` or `new_endpoint`: once behind each gateway. The second is started by its first test."""

on_both_gateways_at_length = pytest.mark.parametrize("gateway", [TRAEFIK, pytest.param(ENVOY, marks=pytest.mark.slow)])
"""The same, behind the second by `make test-long` alone: for what `on_both_gateways` shows of it in shorter tests."""

on_envoy_and_both_at_length = pytest.mark.parametrize("gateway", [pytest.param(TRAEFIK, marks=pytest.mark.slow), ENVOY])
"""The same, behind the first by `make test-long` alone."""
