"""When what was read of the Gateways of a route is worth something, and when it is to be read again."""

from crossfade.model.gateway import GatewayFacts
from crossfade.model.snapshot import Snapshot

FRESH_SECONDS = 30.0
"""What was read of a Gateway longer ago decides nothing."""
AGAIN_SECONDS = 10.0
"""After so long it is read again, while anybody needs it."""


def read_lately(snapshot: Snapshot) -> dict[tuple[str, str], GatewayFacts]:
    """The parents that the spec asks for, by namespace and name, as far as they were read lately."""
    since = snapshot.now - FRESH_SECONDS
    return {(one.namespace, one.name): one for one in snapshot.gateways if one.read_at >= since}


def is_read(snapshot: Snapshot) -> bool:
    """Whether all of them were."""
    spec, found = snapshot.rollout.spec, read_lately(snapshot)
    refs = spec.traffic.parents if spec else []
    return all((ref.namespace or snapshot.rollout.namespace, ref.name) in found for ref in refs)


def is_due(snapshot: Snapshot) -> bool:
    """Whether it is time to read them again."""
    since = snapshot.now - AGAIN_SECONDS
    return not is_read(snapshot) or any(one.read_at <= since for one in snapshot.gateways)
