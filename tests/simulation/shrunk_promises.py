"""What must hold where stable may have fewer pods than carry everything: when it has them, what it is given back."""

from collections.abc import Iterable
from math import ceil

from crossfade.decide.counting import is_fresh
from crossfade.decide.draining import undrained
from crossfade.decide.orders import pending
from crossfade.decide.plan import Action, Scale, Target
from crossfade.decide.shapes import given_by
from crossfade.decide.traffic import traffic_of
from crossfade.decide.workloads import owners

from tests.simulation.passes import Pass, carried_by_stable, is_small, may_be_small, pods_for_all, was_made_smaller
from tests.simulation.writes import writes

_BY_PODS = frozenset({"OOMKilled", "CrashLoop"})
"""What Kubernetes itself says against some of a candidate's pods."""
_WAITS = 40.0
"""Seconds for which a deletion waits for stable's pods."""


def stable_is_made_smaller_after_proof(one: Pass) -> None:
    stable, stage, spec = one.seen.rollout.status.stable, one.seen.rollout.status.stage, one.seen.rollout.spec
    found = one.seen.revisions.get(stable.revision) if stable else None
    if stable is None or found is None or spec is None or one.seen.rollout.status.candidate is None:
        return
    if not may_be_small(one.seen):
        return  # fewer are to carry everything then
    sizes, least = _asked(one.actions, found.revision)
    scaling = spec.serving.autoscaling
    full = min(pods_for_all(one.seen, stable), scaling.most) if scaling else spec.serving.least
    before = min(found.replicas, full) if sizes else (stable.reduced or full)
    pods = min([*sizes, *least], default=full)
    if pods >= min(before, full):
        return
    if stable.reduced is not None and pods >= stable.reduced:
        return  # that was decided before
    assert not any(_asked(one.plan.first, found.revision)), "stable is made smaller before that is on record"
    assert one.plan.status.stable is None or one.plan.status.stable.reduced == pods, "that is not on record at all"
    assert stage is not None, "stable is made smaller before any stage"
    assert stage.proven_at, "stable is made smaller before the share is proven"
    assert not spec.suspend, "stable is made smaller while suspended"
    assert is_fresh(one.seen.evidence, one.seen.now), "stable is made smaller while metrics are silent"
    drained = traffic_of(one.seen).untaken(one.seen) is None and not undrained(one.seen)
    assert drained, "stable is made smaller before what it had has drained"


def _asked(actions: Iterable[Action], name: str) -> tuple[list[int], list[int]]:
    """Pods that a revision is asked to have, and the fewest that its autoscaler may leave it."""
    sizes = [action.replicas for action in actions if isinstance(action, Scale) and action.name == name]
    bounds = [action.body for action in actions if writes(action, Target.AUTOSCALER)]
    return sizes, [body["spec"]["minReplicas"] for body in bounds if body["metadata"]["name"] == name]


def that_stable_is_small_is_known_until_it_is_whole(one: Pass) -> None:
    before, after = one.seen.rollout.status.stable, one.plan.status.stable
    if before is None or before.reduced is None or after is None or after.revision != before.revision:
        return
    if one.plan.status.candidate is None or after.reduced is not None:
        return
    assert one.seen.rollout.spec is not None, "nobody knows how many pods stable must have, nor that it has fewer"
    found, full = one.seen.revisions.get(after.revision), pods_for_all(one.seen, after)
    ready = min(found.ready, found.replicas) if found else 0
    assert ready >= full, f"{ready} of {full} pods of stable are ready, and nobody knows that it was made smaller"


def stable_is_given_back_what_it_carries(one: Pass) -> None:
    status, live = one.seen.rollout.status, one.seen.route
    stable, candidate = status.stable, status.candidate
    if stable is None or candidate is None or live is None or not one.weights or not was_made_smaller(one.seen):
        return
    if not one.ready(candidate.revision) or not one.ready(stable.revision):
        return  # who answers alone gets everything
    if one.seen.adoption is not None and None in one.seen.adoption.slots.values():
        return  # whose requests those are that get nowhere may not be known
    if one.seen.rollout.deleting and (_has_waited(one) or not one.seen.rollout.finalizer or owners(one.seen.rollout)):
        return
    end = one.plan.status.outcome
    if end is not None and end != status.outcome and end.cause == "DigestMismatch":
        return
    if _is_insisted_on(one):
        return
    share = one.weights.get(stable.revision, 0) / sum(one.weights.values())
    given = status.traffic
    on_record = 1 - given_by(given).weight / given_by(given).scale
    had = max(live.share(stable.revision), on_record)
    carries = max(carried_by_stable(one.seen), _unborne(one, candidate.revision))
    assert share <= max(had, carries) + 0.01, f"stable gets {share:.0%}, and its ready pods carry {carries:.0%}"


def _unborne(one: Pass, candidate: str) -> float:
    """Which part of all requests a candidate whose pods are to blame cannot keep, from 0 to 1; else 0."""
    leaving, given, stable = one.plan.status.leaving, one.seen.rollout.status.traffic, one.seen.rollout.status.stable
    if leaving is None or leaving.cause not in _BY_PODS or given is None or stable is None:
        return 0.0
    part = (given.reduced or given.desired) / given.scale
    return 1 - part * min(one.ready(candidate) / max(ceil(part * pods_for_all(one.seen, stable)), 1), 1.0)


def _has_waited(one: Pass) -> bool:
    return one.seen.now - one.seen.rollout.deleting_since > _WAITS


def a_candidate_has_the_pods_of_its_share(one: Pass) -> None:
    stable, candidate, live = one.seen.rollout.status.stable, one.plan.status.candidate, one.seen.route
    if stable is None or candidate is None or live is None or not is_small(one.seen):
        return
    found, full = one.seen.revisions.get(candidate.revision), pods_for_all(one.seen, one.plan.status.stable or stable)
    sizes, least = _asked(one.actions, candidate.revision)
    pods = min([*sizes, *least], default=full)
    if found is None or not found.replicas or pods >= found.replicas:
        return
    share = max(
        live.share(candidate.revision), one.weights.get(candidate.revision, 0) / max(sum(one.weights.values()), 1)
    )
    assert pods >= ceil(share * full - 1e-9), f"{pods} pods are left for {share:.0%} of what {full} carry"


def _is_insisted_on(one: Pass) -> bool:
    """Whether it was said what an order to abort does by then, and one is there that was not before."""
    status, order = one.seen.rollout.status, pending(one.seen.rollout).get("abort")
    said = any(told.type == "Stalled" and "a new `abort` gives" in told.message for told in status.conditions)
    return said and order is not None and (status.leaving is None or status.leaving.abort_token != order.token)
