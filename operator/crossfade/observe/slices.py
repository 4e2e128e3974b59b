"""EndpointSlices to facts: the pods that requests find, by the Service that leads to them."""

from collections.abc import Iterable, Iterator, Mapping

from crossfade.model.route import Adoption
from crossfade.ports import Object

SERVICE = "kubernetes.io/service-name"
"""Label of a slice: whose it is. Kubernetes copies the Service's own labels beside it, so ours are on all of them."""


def ready_pods(one: Object) -> Iterator[str]:
    """Names of the pods of a slice that get connections."""
    for endpoint in one.get("endpoints") or ():
        target = endpoint.get("targetRef") or {}
        if endpoint.get("conditions", {}).get("ready", True) and target.get("kind") == "Pod":
            yield target["name"]


def by_service(slices: Iterable[Object]) -> dict[str, set[str]]:
    """The same by Service, of all its slices. One of which no slice is known is not among them: that is no slice which
    lists nobody, as Kubernetes keeps one of a Service without pods."""
    found: dict[str, set[str]] = {}
    for one in slices:
        found.setdefault(one["metadata"]["labels"].get(SERVICE, ""), set()).update(ready_pods(one))
    return found


def found_by_requests(
    known: Mapping[str, set[str]], adoption: Adoption | None, revision: str, *, serves: bool
) -> set[str] | None:
    """Names of the ready pods of a revision to which a gateway can send requests; None for all that are ready.

    They are behind the revision's own Service, or those of an adopted route that select it. Of a version that `serves`
    and of which no slice is known at all, its pods are believed: its Service may be gone, or that they cannot be found
    is not known either; and it is the way back, or all that answers.
    """
    slots = [slot for slot, whose in adoption.slots.items() if whose == revision] if adoption else []
    found = [known[one] for one in slots or [revision] if one in known]
    return set[str]().union(*found) if found or not serves else None
