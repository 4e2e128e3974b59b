"""The way in which requests are split: one interface, whatever it is that carries it out."""

from typing import Protocol

from crossfade.decide.apportion import is_by_pods
from crossfade.decide.entry import PodsBehindService
from crossfade.decide.managed import ManagedRoute
from crossfade.decide.plan import Action
from crossfade.decide.shapes import Split
from crossfade.model.snapshot import Snapshot


class Traffic(Protocol):
    """All that the rest of a decision needs to know of it. Every method is pure."""

    def says(self, snapshot: Snapshot, wanted: Split) -> bool:
        """Whether what is stored gives every revision what is wanted."""
        ...

    def writes(self, snapshot: Snapshot, wanted: Split) -> tuple[Action, ...]:
        """What is to be written so that it is; nothing when it is so already."""
        ...

    def untaken(self, snapshot: Snapshot) -> str | None:
        """The sentence that says who does not serve yet what is stored; None when everybody does."""
        ...


_MANAGED = ManagedRoute()
_BY_PODS = PodsBehindService()


def traffic_of(snapshot: Snapshot) -> Traffic:
    """How this Rollout's requests are split."""
    return _BY_PODS if is_by_pods(snapshot) else _MANAGED
