"""How requests get to a Gateway: its own addresses at its listeners' ports, with a host name that the route serves."""

from collections.abc import Sequence
from dataclasses import dataclass

from crossfade.api.v1alpha1.gateway import GatewayApi, ParentRef
from crossfade.model.gateway import GatewayFacts, Listener
from crossfade.model.snapshot import Snapshot

_SCHEMES = {"HTTP": "http", "HTTPS": "https"}
_SOME_LABEL = "rehearsal"
"""What stands for the `*` of a wildcard."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where to send a request, and with which host name."""

    gateway: str
    scheme: str
    address: str
    port: int
    host: str


def entrances(snapshot: Snapshot, api: GatewayApi) -> tuple[Entrance | str, ...]:
    """One for each parent, or the sentence that says why there is none."""
    return tuple(_entrance(ref, _named(snapshot, ref), api.hostnames) for ref in api.parent_refs)


def _named(snapshot: Snapshot, ref: ParentRef) -> GatewayFacts:
    place = ref.namespace or snapshot.rollout.namespace, ref.name
    found = (one for one in snapshot.gateways if (one.namespace, one.name) == place)
    return next(found, GatewayFacts(*place, 0.0, trouble="it was not read yet"))


def _entrance(ref: ParentRef, gateway: GatewayFacts, hostnames: Sequence[str]) -> Entrance | str:
    if gateway.trouble:
        return f"{gateway} cannot be read: {gateway.trouble}"
    if not gateway.addresses:
        return f"{gateway} has no address in its status"
    meant = [one for one in gateway.listeners if one.protocol in _SCHEMES and is_meant(ref, one)]
    for listener in sorted(meant, key=lambda one: _SCHEMES[one.protocol]):
        host = host_of(listener.hostname, hostnames, gateway.addresses[0])
        if host:
            return Entrance(str(gateway), _SCHEMES[listener.protocol], gateway.addresses[0], listener.port, host)
    return f"{gateway} has no HTTP or HTTPS listener that this route and its hosts may use"


def is_meant(ref: ParentRef, listener: Listener) -> bool:
    """Whether a parent names this listener of its Gateway, or all."""
    return ref.section_name in (None, listener.name) and ref.port in (None, listener.port)


def host_of(listener: str | None, hostnames: Sequence[str], otherwise: str) -> str | None:
    """A name that both the listener and the route serve; None when there is none."""
    if listener is None or not hostnames:
        return _concrete(next(iter(hostnames), listener or otherwise))
    for name in hostnames:
        if name == listener or _covers(listener, name):
            return _concrete(name)
        if _covers(name, listener):
            return _concrete(listener)
    return None


def _covers(wildcard: str, name: str) -> bool:
    return wildcard.startswith("*.") and name.removeprefix("*").endswith(wildcard[1:])


def _concrete(name: str) -> str:
    return _SOME_LABEL + name[1:] if name.startswith("*.") else name
