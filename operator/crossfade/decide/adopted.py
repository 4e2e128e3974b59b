"""Mode Adopted: two weights of a route that is somebody else's, moved between two Services of ours.

A Service is pointed at a candidate only while it gets nothing; one that nobody has points at the stable version, so
that no weight that others write does harm while nothing is rolled out.
"""

from collections.abc import Iterable
from dataclasses import replace

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.adopted import SlotWeight, WrittenWeights
from crossfade.api.v1alpha1.rollout import Arm, RolloutStatus
from crossfade.decide.children import answers
from crossfade.decide.plan import Action, Apply, Preparation, Situation, Standing, Target, Weigh
from crossfade.decide.records import asked
from crossfade.decide.routes import unacknowledged
from crossfade.decide.shapes import Split
from crossfade.decide.slots import fault_of, place_of, slot_weights
from crossfade.decide.state import sure
from crossfade.decide.workloads import arm_of, slot_service
from crossfade.model.moments import stamp
from crossfade.model.route import Adoption, RouteFacts
from crossfade.model.snapshot import Snapshot


class AdoptedRoute:
    """See traffic.Traffic. The snapshot has an `adoption`."""

    def says(self, snapshot: Snapshot, wanted: Split) -> bool:
        """Each revision has its share, by whichever numbers."""
        return _says(snapshot, wanted)

    def writes(self, snapshot: Snapshot, wanted: Split) -> tuple[Action, ...]:
        """Both weights, unless somebody else has written others meanwhile: nobody is written against."""
        if _contest(snapshot, wanted) is not None:
            return _withdrawn(snapshot, wanted) or _handed_over(snapshot, wanted)
        return self.insists(snapshot, wanted)

    def insists(self, snapshot: Snapshot, wanted: Split) -> tuple[Action, ...]:
        """Both weights, whoever wrote last: once, by a rollback or by order."""
        live, adoption = snapshot.route, sure(snapshot.adoption)
        if live is None or _says(snapshot, wanted):
            return ()
        weights = None if _fault(snapshot) else _by_slot(adoption, live, wanted)
        if weights is None:
            return _withdrawn(snapshot, wanted) or _handed_over(snapshot, wanted)
        weighed = _weighed(snapshot, live, weights, f"the rule {adoption.rule} must say {wanted}")
        return (replace(weighed, otherwise=_withdrawn(snapshot, wanted)),)

    def untaken(self, snapshot: Snapshot) -> str | None:
        """Every parent that the route itself names has to accept it."""
        if snapshot.route is None:
            return _fault(snapshot)
        return unacknowledged(snapshot, snapshot.route)

    def trouble(self, snapshot: Snapshot, wanted: Split) -> Situation | None:
        """A rule that is not as it must be, or another writer."""
        if (fault := _fault(snapshot)) is not None:
            standing = Standing.IN_PROGRESS if snapshot.route is None else Standing.FAILED
            return Situation(standing, Reason.ROUTE_INVALID, fault)
        contest = _contest(snapshot, wanted)
        return Situation(Standing.FAILED, Reason.ROUTE_CONTESTED, contest) if contest else None

    def backends(self, snapshot: Snapshot, serving: Arm) -> tuple[Action, ...]:
        """Both Services are there; one that nobody has any more, and that gets nothing, is the serving arm's."""
        adoption, candidate = sure(snapshot.adoption), snapshot.rollout.status.candidate
        held = {serving.revision}
        if candidate is not None and not snapshot.rollout.deleting:
            held.add(candidate.revision)
        actions = []
        for slot, revision in adoption.slots.items():
            whose = _remembered(snapshot, slot, held) if revision is None else None
            if revision is None:
                actions.append(_pointed(snapshot, slot, whose or serving, "the adopted route names it"))
            elif revision not in held and self._is_idle(snapshot, slot):
                actions.append(_pointed(snapshot, slot, serving, "nobody has it, so that no weight can do harm"))
        return tuple(actions)

    def _is_idle(self, snapshot: Snapshot, slot: str) -> bool:
        """Whether no request gets there by any gateway."""
        live = snapshot.route
        if live is None:
            return True
        return slot_weights(sure(snapshot.adoption), live.spec)[slot] == 0 and self.untaken(snapshot) is None

    def prepare(self, snapshot: Snapshot, given: Split, wanted: Split, candidate: Arm) -> Preparation | None:
        """A Service for the candidate: the one of stable's two that gets less, or of another version, once it has got
        nothing for a while."""
        live, adoption = snapshot.route, sure(snapshot.adoption)
        if live is None or {candidate.revision}.isdisjoint(wanted.weights.keys() - set(adoption.slots.values())):
            return None
        if None in adoption.slots.values():  # whose it was is known until it is made again, which takes nothing away
            return Preparation((), "a Service that the adopted route names is made again")
        weights = slot_weights(adoption, live.spec)
        stable = sure(snapshot.rollout.status.stable).revision
        kept = max(weights, key=lambda slot: (adoption.slots[slot] == stable, weights[slot]))
        free = next(slot for slot in weights if slot != kept)
        message = f"{free} is to be {candidate.model_version}'s, and must get nothing for a while before"
        if weights[free]:
            alone = {kept: 100, free: 0}
            why = f"{free} must get nothing before it is {candidate.model_version}'s"
            beside = _withdrawn(snapshot, Split({sure(adoption.slots[kept]): 100}))
            return Preparation((replace(_weighed(snapshot, live, alone, why), otherwise=beside),), message)
        if (late := self.untaken(snapshot)) is not None:
            return Preparation((), late, reason=Reason.WAITING_FOR_GATEWAY)
        pointed = _pointed(snapshot, free, candidate, f"{candidate.model_version} is to get requests")
        return Preparation((pointed,), message, drained=True)

    def leftover(self, snapshot: Snapshot, wanted: Split) -> Preparation | None:
        """Rules are their owner's."""
        return None


def remembered(snapshot: Snapshot, status: RolloutStatus, actions: Iterable[Action]) -> RolloutStatus:
    """The status with the weights that the actions write and, once they were seen to be stored, since when; without
    any while nothing is rolled out: then they are nobody's business, nor are they when the same is tried again."""
    adoption, live, known = snapshot.adoption, snapshot.route, status.written
    if adoption is None:
        return status
    for action in actions:
        if isinstance(action, Weigh):
            slots = [SlotWeight(name=name, weight=weight) for name, weight in action.weights.items()]
            return status.model_copy(update={"written": WrittenWeights(slots=slots, asked=asked(snapshot))})
    if status.candidate is None and status.stable and {*adoption.slots.values()} == {status.stable.revision}:
        return status.model_copy(update={"written": None})
    ours = adoption.writer is None or adoption.writer.rollout  # who leaves all weights but its own as they are
    stored = live is not None and ours and known is not None and known.stored_at is None
    if not stored or live is None or known is None or _weights_of(known) != slot_weights(adoption, live.spec):
        return status
    return status.model_copy(update={"written": known.model_copy(update={"stored_at": stamp(snapshot.now)})})


def _weights_of(written: WrittenWeights) -> dict[str, int]:
    return {one.name: one.weight for one in written.slots}


def _fault(snapshot: Snapshot) -> str | None:
    return fault_of(sure(snapshot.adoption), snapshot.route.spec if snapshot.route else None)


def _says(snapshot: Snapshot, wanted: Split) -> bool:
    live = snapshot.route
    if live is None or _fault(snapshot) is not None or live.weights.keys() != wanted.weights.keys():
        return False
    return all(live.share(name) == wanted.share(name) for name in wanted.weights)


def _lacks_a_slot(snapshot: Snapshot) -> bool:
    """Whether a candidate is under way and waits for one of the two Services."""
    status, adoption = snapshot.rollout.status, sure(snapshot.adoption)
    under_way = status.stable is not None and status.candidate is not None
    return under_way and sure(status.candidate).revision not in adoption.slots.values()


def _contest(snapshot: Snapshot, wanted: Split) -> str | None:
    """Who wrote other weights over ours, as a sentence. What others wrote before we wrote for this spec is their due.

    Nor are weights disputed by which everybody gets what is wanted.
    """
    live, adoption, written = snapshot.route, sure(snapshot.adoption), snapshot.rollout.status.written
    if live is None or adoption.writer is None or written is None or written.stored_at is None:
        return None
    now, ours = slot_weights(adoption, live.spec), _weights_of(written)
    if now == ours or written.asked != asked(snapshot) or not any(now.values()):  # to nobody is no other split
        return None
    if _says(snapshot, wanted) and not (_lacks_a_slot(snapshot) and min(now.values())):
        return None
    writer, place = adoption.writer, f"the rule {adoption.rule} of HTTPRoute {adoption.route}"
    who, when = writer.manager, f"at {writer.at}"
    if writer.rollout:
        who, when = "somebody", f"before {writer.at}, when Rollout {writer.rollout} wrote its own"
    return (
        f"{who} wrote the weights {_told(now)} into {place} {when}, over Crossfade's {_told(ours)}; nothing is written"
        f" against it. Have {'them' if writer.rollout else who} leave these weights alone, then write them back, or"
        " annotate the Rollout with `crossfade.dev/retry: <token>`"
    )


def _told(weights: dict[str, int]) -> str:
    return ", ".join(f"{name} {weight}" for name, weight in weights.items())


def _by_slot(adoption: Adoption, live: RouteFacts, wanted: Split) -> dict[str, int] | None:
    """The weights of the slots that give each revision what is wanted; None when one of them has no slot."""
    now = slot_weights(adoption, live.spec)
    found = dict.fromkeys(now, 0)
    for revision, weight in wanted.weights.items():
        own = [slot for slot, whose in adoption.slots.items() if whose == revision]
        if not own:
            return None
        found[max(own, key=lambda slot: now[slot])] = weight
    return found


def _weighed(snapshot: Snapshot, live: RouteFacts, weights: dict[str, int], why: str) -> Weigh:
    adoption = sure(snapshot.adoption)
    return Weigh(adoption.route, snapshot.rollout.name, weights, tuple(_patch(adoption, live, weights)), why)


def _patch(adoption: Adoption, live: RouteFacts, weights: dict[str, int]) -> Iterable[dict[str, object]]:
    """Operations that write the weights into the very route that was seen, or nothing at all."""
    at = sure(place_of(adoption, live.spec))
    rule = f"/spec/rules/{at}"
    yield {"op": "test", "path": "/metadata/resourceVersion", "value": adoption.version}
    yield {"op": "test", "path": f"{rule}/name", "value": adoption.rule}
    for place, backend in enumerate(live.spec["rules"][at]["backendRefs"]):
        yield {"op": "test", "path": f"{rule}/backendRefs/{place}/name", "value": backend["name"]}
        yield {"op": "replace", "path": f"{rule}/backendRefs/{place}/weight", "value": weights[backend["name"]]}


def _withdrawn(snapshot: Snapshot, wanted: Split) -> tuple[Apply, ...]:
    """Where the weights cannot be written, or are refused, and stable is to serve alone: what gets requests is pointed
    at its pods.

    The Services are ours, so nobody is written against, and whatever the weights say, stable answers.
    """
    adoption, live, status = sure(snapshot.adoption), snapshot.route, snapshot.rollout.status
    (name, *others) = wanted.weights
    found = snapshot.revisions.get(name)
    forward = status.stable is not None and status.candidate is not None and name == status.candidate.revision
    forward = forward and answers(snapshot, status.stable)
    if live is None or others or forward or found is None or not found.ready:
        return ()
    weights = slot_weights(adoption, live.spec)
    taken = [slot for slot, revision in adoption.slots.items() if weights[slot] and revision != name]
    arm = arm_of(found)
    why = f"{arm.model_version} must answer whatever the weights say"
    return tuple(_pointed(snapshot, slot, arm, why) for slot in taken)


def _handed_over(snapshot: Snapshot, wanted: Split) -> tuple[Action, ...]:
    """While stable cannot answer, what another version got is pointed at the candidate that takes its place."""
    live, status, slots = snapshot.route, snapshot.rollout.status, sure(snapshot.adoption).slots
    candidate = status.candidate
    if live is None or candidate is None or not {*wanted.weights} - {candidate.revision}:
        return ()
    if candidate.revision in slots.values() or not answers(snapshot, candidate) or answers(snapshot, status.stable):
        return ()
    weights = slot_weights(sure(snapshot.adoption), live.spec)
    taken = [slot for slot, revision in slots.items() if weights[slot] and revision not in wanted.weights]
    why = f"{candidate.model_version} takes its place"
    return tuple(_pointed(snapshot, slot, candidate, why) for slot in taken)


def _pointed(snapshot: Snapshot, slot: str, arm: Arm, why: str) -> Apply:
    return Apply(Target.SERVICE, slot_service(snapshot.rollout, slot, arm), f"{why}: it selects {arm.model_version}")


def _remembered(snapshot: Snapshot, slot: str, held: set[str]) -> Arm | None:
    """Whose a Service was that is gone, if they still have a part."""
    status = snapshot.rollout.status
    known = {one.name: one.revision for one in status.route.slots} if status.route else {}
    arms = (one for one in (status.stable, status.candidate) if one is not None and one.revision in held)
    return next((one for one in arms if one.revision == known.get(slot)), None)
