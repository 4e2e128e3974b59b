"""Mode Managed: a route of our own, written whole."""

from dataclasses import replace
from typing import Any

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.capacity import needed, whole
from crossfade.decide.front import front_of, rules_wait, stored_front
from crossfade.decide.plan import Action, Apply, Preparation, Situation, Target
from crossfade.decide.routes import covers, is_live, render, unacknowledged
from crossfade.decide.shapes import Split
from crossfade.decide.spare import has_place, has_spare, needs_spare, private_header, settling, without_spare
from crossfade.model.snapshot import Snapshot


class ManagedRoute:
    """See traffic.Traffic."""

    def says(self, snapshot: Snapshot, wanted: Split) -> bool:
        """The stored route is as it would be rendered."""
        live = snapshot.route
        if live is None or _meanwhile(snapshot, wanted) is not None:
            return False
        return is_live(_rendered(snapshot, wanted), without_spare(live))

    def writes(self, snapshot: Snapshot, wanted: Split) -> tuple[Action, ...]:
        """The whole route. A cohort that is not wanted any more leaves the place of its rule behind, as does one that
        has to leave it for a while."""
        meanwhile, live = _meanwhile(snapshot, wanted), snapshot.route
        wanted = meanwhile or wanted
        if self.says(snapshot, wanted):
            return ()
        body = _rendered(snapshot, wanted, spare=meanwhile is not None or needs_spare(snapshot))
        other = live is not None and not covers(stored_front(body["spec"]), stored_front(live.spec), "spec")
        also = " and have the parents, hosts and paths that are asked for" if other else ""
        return (Apply(Target(body["kind"]), body, f"the route must say {wanted}{also}"),)

    def untaken(self, snapshot: Snapshot) -> str | None:
        """Every parent that the route names has to accept it."""
        if snapshot.route is None:
            return "the route is being written"
        return unacknowledged(snapshot, snapshot.route)

    insists = writes

    def trouble(self, snapshot: Snapshot, wanted: Split) -> Situation | None:
        """The route is ours, and written over whoever wrote it."""
        return None

    def backends(self, snapshot: Snapshot, serving: Arm) -> tuple[Action, ...]:
        """Each revision has its own."""
        return ()

    def prepare(self, snapshot: Snapshot, given: Split, wanted: Split, candidate: Arm) -> Preparation | None:
        """A place for the cohort's rule, which gateways know before the cohort meets it; all else comes as it is.

        What is given meanwhile is put right as ever, and made again where the route is gone.
        """
        live, meanwhile = snapshot.route, _meanwhile(snapshot, given)
        if not wanted.matched or (given == wanted and meanwhile is None):
            return None
        given = meanwhile or given
        message = "its rule is brought in behind a header that only we know, until gateways have it"
        placed, kept = live is not None and has_place(live), self.says(snapshot, given)
        if not (placed and kept):
            body = _rendered(snapshot, given, spare=True)
            why = "no cohort may meet a rule that its gateway has just heard of"
            write = Apply(Target(body["kind"]), body, why if kept else f"the route must say {given}")
            return Preparation((write,), message, reason=Reason.REHEARSING)
        left = settling(snapshot)
        return Preparation((), message, left, Reason.REHEARSING) if left else None

    def leftover(self, snapshot: Snapshot, wanted: Split) -> Preparation | None:
        """The place that a cohort's rule has left, until gateways have long let go of it."""
        live = snapshot.route
        if live is None or not has_spare(live) or not self.says(snapshot, wanted):
            return None
        message = "the rule of a cohort that is gone is taken away when no gateway sends to it any more"
        if left := settling(snapshot):
            return Preparation((), message, left, Reason.WAITING_FOR_GATEWAY)
        body = _rendered(snapshot, wanted)
        write = Apply(Target(body["kind"]), body, "nobody has met the rule of the cohort for a while")
        return Preparation((write,), message, reason=Reason.WAITING_FOR_GATEWAY)


def _meanwhile(snapshot: Snapshot, wanted: Split) -> Split | None:
    """What is given while a cohort has to wait until rules have come or gone; None when it need not, or when stable's
    pods could not take what it sends."""
    live = snapshot.route
    if live is None or not wanted.matched:
        return None
    front, stored = front_of(snapshot)[1]["rules"], stored_front(live.spec)["rules"]
    comes = has_spare(live) and (settling(snapshot) > 0 or len(front) != len(stored))
    leaves = rules_wait(snapshot) and _carries_all(snapshot)
    return replace(wanted, matched=None) if comes or leaves else None


def _carries_all(snapshot: Snapshot) -> bool:
    """Whether the stable version has all the pods that it should have."""
    stable = snapshot.rollout.status.stable
    found = snapshot.revisions.get(stable.revision) if stable else None
    return stable is not None and found is not None and found.ready >= needed(snapshot, whole(stable))


def _rendered(snapshot: Snapshot, wanted: Split, *, spare: bool = False) -> dict[str, Any]:
    kept = private_header(snapshot.rollout) if spare else None
    return render(snapshot.rollout, wanted, *front_of(snapshot), kept)
