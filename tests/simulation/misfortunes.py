"""What the operator would see a moment later, had somebody aborted or the candidate crashed."""

from dataclasses import replace

from crossfade.model.order import Order
from crossfade.model.snapshot import Snapshot
from crossfade.model.workload import PodFacts


def aborted(seen: Snapshot) -> Snapshot:
    """With an order to abort."""
    orders = {**seen.rollout.orders, "abort": Order("the way back")}
    return replace(seen, rollout=replace(seen.rollout, orders=orders))


def crashed(seen: Snapshot, revision: str) -> Snapshot | None:
    """With pods that crash again and again; None where the revision has none."""
    found = seen.revisions.get(revision)
    if found is None:
        return None
    pods = (PodFacts(f"{revision}-0", ready=False, restarts=9, trouble="CrashLoopBackOff"),)
    return replace(seen, revisions={**seen.revisions, revision: replace(found, ready=0, pods=pods)})


def lost_one(seen: Snapshot, revision: str) -> tuple[Snapshot, ...]:
    """With one of several pods that crashes again and again, or was killed for its memory; the others are as they are.
    Nothing where there are no others."""
    found = seen.revisions.get(revision)
    if found is None or len(found.pods) < 2:
        return ()
    first, *others = found.pods
    bad = replace(first, ready=False, restarts=9, trouble="CrashLoopBackOff"), replace(first, trouble="OOMKilled")
    facts = (
        replace(found, ready=sum(pod.ready and pod.listed for pod in (one, *others)), pods=(one, *others))
        for one in (replace(one, loader_exit=None) for one in bad)
    )
    return tuple(replace(seen, revisions={**seen.revisions, revision: one}) for one in facts)
