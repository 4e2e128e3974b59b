"""The way in which requests are split: one interface, whatever it is that carries it out."""

from typing import Protocol

from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.adopted import AdoptedRoute
from crossfade.decide.apportion import is_by_pods
from crossfade.decide.entry import PodsBehindService
from crossfade.decide.managed import ManagedRoute
from crossfade.decide.plan import Action, Preparation, Situation
from crossfade.decide.shapes import Split
from crossfade.model.snapshot import Snapshot


class Traffic(Protocol):
    """All that the rest of a decision needs to know of it. Every method is pure."""

    def says(self, snapshot: Snapshot, wanted: Split) -> bool:
        """Whether what is stored gives every revision what is wanted."""
        ...

    def writes(self, snapshot: Snapshot, wanted: Split) -> tuple[Action, ...]:
        """What is to be written so that it is; nothing when it is so already, or may not be written."""
        ...

    def insists(self, snapshot: Snapshot, wanted: Split) -> tuple[Action, ...]:
        """The same for a decision that has to be carried out once, whoever has written meanwhile."""
        ...

    def untaken(self, snapshot: Snapshot) -> str | None:
        """The sentence that says who does not serve yet what is stored; None when everybody does."""
        ...

    def trouble(self, snapshot: Snapshot, wanted: Split) -> Situation | None:
        """Why it cannot be written what is wanted before somebody else does something; None when it can."""
        ...

    def backends(self, snapshot: Snapshot, serving: Arm) -> tuple[Action, ...]:
        """What is missing of that which outlives revisions, while `serving` is what answers."""
        ...

    def prepare(self, snapshot: Snapshot, given: Split, wanted: Split, candidate: Arm) -> Preparation | None:
        """What is to be written before what is wanted, in place of what is `given` now; None when nothing is."""
        ...

    def leftover(self, snapshot: Snapshot, wanted: Split) -> Preparation | None:
        """What is still stored of an earlier split, beside what is wanted; None when nothing is."""
        ...


_MANAGED, _ADOPTED, _BY_PODS = ManagedRoute(), AdoptedRoute(), PodsBehindService()


def traffic_of(snapshot: Snapshot) -> Traffic:
    """How this Rollout's requests are split."""
    if snapshot.adoption is not None:
        return _ADOPTED
    return _BY_PODS if is_by_pods(snapshot) else _MANAGED
