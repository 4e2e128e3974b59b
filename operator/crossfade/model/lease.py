"""The record by which replicas of the operator agree on one of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lease:
    """A coordination.k8s.io Lease as read, or as it is to be written.

    `holder` is empty when nobody holds it. `acquired` and `renewed` are RFC 3339 by the holder's wall clock and only
    for people: nobody's clock but one's own is believed. `version` changes with every write, and one that was deleted
    and made anew never has an earlier one's; it is empty for one that is to be made.
    """

    holder: str
    seconds: int
    acquired: str
    renewed: str
    transitions: int
    version: str
