"""The networks of tests, as an administrator would list them."""

from crossfade.model.networks import networks

from testbed import address

BED = f"{address.POD_NETWORK},{address.SERVICE_NETWORK}"
"""Where a bed has its servers, for `--allowed-networks`."""
HERE = networks(f"127.0.0.0/8,::1/128,{BED}")
"""The same, and this machine."""
