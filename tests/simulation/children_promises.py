"""What must hold of that which serves when somebody deletes, scales or rewrites it: the pass that sees it mends it."""

from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.apportion import apportioned
from crossfade.decide.plan import Scale, Target
from crossfade.decide.shapes import alone, asked_for
from crossfade.decide.slots import slot_weights
from crossfade.decide.workloads import target_arm
from crossfade.model.snapshot import Snapshot

from tests.simulation.passes import Pass, backends, is_small, pods_of_stable
from tests.simulation.writes import weights_written, writes

_WAITED = 60.0
"""Seconds after which a deletion waits for nothing any more."""


def who_stays_in_the_route_has_a_service(one: Pass) -> None:
    live, adoption, rollout = one.seen.route, one.seen.adoption, one.seen.rollout
    if live is None or rollout.spec is None or rollout.status.stable is None or _is_let_go(one.seen):
        return
    made = {action.body["metadata"]["name"] for action in one.actions if writes(action, Target.SERVICE)}
    if adoption is not None:
        given = weights_written(one.actions) or slot_weights(adoption, live.spec)
        lost = {slot for slot, whose in adoption.slots.items() if whose is None and given.get(slot)}
    else:
        named = live.reached if one.route is None else set(backends(one.route))
        found = {name: one.seen.revisions[name] for name in named & one.seen.revisions.keys()}
        lost = {name for name, there in found.items() if there.service is None and not live.is_service}
    assert lost <= made, f"{', '.join(sorted(lost - made))} stays in the route without a Service"


def a_lost_route_is_made_again(one: Pass) -> None:
    stable, after, rollout = one.seen.rollout.status.stable, one.plan.status, one.seen.rollout
    if stable is None or rollout.spec is None or rollout.deleting or one.seen.adoption is not None:
        return
    arms = [arm for arm in (stable, after.stable, after.candidate) if arm is not None]
    if one.seen.route is None and any(one.ready(arm.revision) for arm in arms):
        assert one.route is not None, "requests get nowhere"


def stable_stays_whole(one: Pass) -> None:
    stable, after, spec = one.seen.rollout.status.stable, one.plan.status.stable, one.seen.rollout.spec
    if stable is None or spec is None or after is None or after.revision != stable.revision:
        return
    if one.seen.rollout.deleting and (spec.deletion_policy == "Delete" or _is_let_go(one.seen)):
        return
    if one.plan.look_again == 0:
        return
    found = one.seen.revisions.get(stable.revision)
    if found is None:
        made = {action.body["metadata"]["name"] for action in one.actions if writes(action, Target.DEPLOYMENT)}
        assert stable.revision in made or not _can_be_made(one.seen, stable), "stable has no Deployment"
        return
    scaled = [action.replicas for action in one.actions if isinstance(action, Scale) and action.name == found.revision]
    if spec.serving.autoscaling and found.replicas:  # how many more there are to be is its autoscaler's
        asked = any(writes(action, Target.AUTOSCALER) for action in one.actions)
        assert asked or found.autoscaler is not None, "stable has no autoscaler"
        return
    assert (scaled or [found.replicas])[-1] >= pods_of_stable(one, after), "stable is too small"


def nobody_keeps_what_others_gave(one: Pass) -> None:
    stable, candidate, live = one.plan.status.stable, one.plan.status.candidate, one.seen.route
    if live is None or stable is None or one.seen.adoption is not None or not one.ready(stable.revision):
        return
    if _is_given_up(one.seen):
        return
    wanted = alone(stable.revision)
    if candidate is not None and (is_small(one.seen) or not one.seen.rollout.deleting):
        wanted = apportioned(one.seen, stable, candidate, asked_for(one.plan.status.traffic))
    reached = live.reached if one.route is None else set(backends(one.route))
    assert reached <= wanted.reached | {stable.revision}, f"{reached} are reached, and {wanted} is on record"
    given = one.weights or dict(live.weights)
    for name, weight in given.items() if not live.is_service else ():
        share = weight / max(sum(given.values()), 1)
        fair = name == stable.revision or share <= wanted.share(name) + 1e-9
        assert fair, f"{name} keeps {share:.0%}, and {wanted} is on record"


def _is_given_up(seen: Snapshot) -> bool:
    """Whether a deletion has waited for its minute."""
    return seen.rollout.deleting and seen.now - seen.rollout.deleting_since > _WAITED


def _is_let_go(seen: Snapshot) -> bool:
    """The same, or only others hold the Rollout, or no request gets anywhere."""
    return _is_given_up(seen) or (seen.rollout.deleting and (not seen.rollout.finalizer or seen.route is None))


def _can_be_made(seen: Snapshot, arm: Arm) -> bool:
    """Whether its ModelVersion is there, and the spec would make the same pods of it."""
    for version in (seen.version, seen.stable_version):
        if version is not None and version.resolved is not None and version.name == arm.model_version:
            assert seen.rollout.spec is not None
            spec = seen.rollout.spec.model_copy(update={"model_version": version.name})
            return target_arm(seen.rollout, spec, version.resolved).revision == arm.revision
    return False
