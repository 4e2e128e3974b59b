"""A pass: what the operator saw at one moment and what it decided from that, nothing else. And what is read off one."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.going_back import goes_back
from crossfade.decide.plan import Action, Plan
from crossfade.decide.shapes import asked_for, given_by
from crossfade.decide.stages import same_step
from crossfade.model.snapshot import Snapshot

from tests.simulation.routes import is_service, weights
from tests.simulation.writes import had_lost_its_service, route_written

Weights = dict[str, int]


@dataclass(frozen=True, slots=True)
class Pass:
    """All that the operator saw at one moment, and what it decided."""

    seen: Snapshot
    plan: Plan

    @property
    def actions(self) -> tuple[Action, ...]:
        """Every write beside the status, in order."""
        return (*self.plan.first, *self.plan.then)

    @property
    def route(self) -> dict[str, Any] | None:
        """The users' route that is written, or what stands for it, if one is; one of others by what it comes to."""
        return route_written(self.seen, self.actions)

    @property
    def weights(self) -> Weights:
        """The users' weights that are written; empty when the route is left as it is."""
        return weights(self.route)

    @property
    def candidate(self) -> Arm | None:
        """Who is on the way beside a stable version, before this pass or by it."""
        if self.plan.status.stable is None:
            return None
        return self.plan.status.candidate or self.seen.rollout.status.candidate

    def ready(self, revision: str) -> int:
        """Pods of a revision that can answer."""
        found = self.seen.revisions.get(revision)
        return found.ready if found else 0


def pods_for_all(seen: Snapshot, stable: Arm) -> int:
    """Pods of stable that carry everything."""
    spec = seen.rollout.spec
    if spec is None:
        return 0
    return (stable.floor or 1) if spec.serving.autoscaling else spec.serving.least


def may_be_small(seen: Snapshot) -> bool:
    """Whether stable may have fewer pods than carry everything: by the spec, or by the record of what was done."""
    spec = seen.rollout.spec
    chosen = spec is not None and spec.strategy.stable_capacity == "MatchTraffic"
    return chosen or was_made_smaller(seen)


def was_made_smaller(seen: Snapshot) -> bool:
    """Whether it was, by the record, and is not whole again."""
    stable = seen.rollout.status.stable
    return stable is not None and stable.reduced is not None


def pods_of_stable(one: Pass, stable: Arm) -> int:
    """The fewest that it may be asked to have: for what it gets by the record and by the stored route, or for all."""
    seen, spec, after, live = one.seen, one.seen.rollout.spec, one.plan.status, one.seen.route
    full, traffic, candidate = pods_for_all(seen, stable), after.traffic, after.candidate
    if spec is None or spec.strategy.stable_capacity == "Full" or traffic is None or candidate is None or live is None:
        return full
    if after.leaving is not None or seen.rollout.deleting:
        return full
    given = [one.weight / one.scale for one in map(given_by, (seen.rollout.status.traffic, traffic))]
    part = 1 - min(*given, live.share(candidate.revision))
    return min(max(ceil(part * full - 1e-9), spec.strategy.min_pods, 1), full)


def carried_by_stable(seen: Snapshot) -> float:
    """Which part of all requests its ready pods that stay carry, from 0 to 1; of a spec that cannot be read none."""
    stable = seen.rollout.status.stable
    found = seen.revisions.get(stable.revision) if stable else None
    if stable is None or found is None or seen.rollout.spec is None:
        return 0.0
    return min(min(found.ready, found.replicas) / max(pods_for_all(seen, stable), 1), 1.0)


def is_small(seen: Snapshot) -> bool:
    """Whether stable was made smaller, and its pods that are ready do not carry everything."""
    return was_made_smaller(seen) and carried_by_stable(seen) < 1.0


def fewest(seen: Snapshot) -> int:
    """Pods that carry everything, as the spec says; a spec that cannot be read leaves stable's."""
    spec, stable = seen.rollout.spec, seen.rollout.status.stable
    found = seen.revisions.get(stable.revision) if stable else None
    return spec.serving.least if spec else found.replicas if found else 1


def backends(route: dict[str, Any]) -> Iterator[str]:
    """All that it sends requests, or copies of them, to."""
    if is_service(route):
        yield from weights(route)
    for rule in route["spec"].get("rules", ()):
        yield from (backend["name"] for backend in rule["backendRefs"])
        yield from (one["requestMirror"]["backendRef"]["name"] for one in rule.get("filters", ()))


def is_gone(seen: Snapshot) -> bool:
    """Whether the ladder has no rung any more that is the stage under way."""
    spec, stage, given = seen.rollout.spec, seen.rollout.status.stage, asked_for(seen.rollout.status.traffic)
    return spec is not None and stage is not None and same_step(spec, stage.name, stage.index, given) is None


def rises(one: Pass) -> bool:
    """Whether the candidate of a rollout gets more requests than the stored route gives it, or its first ones."""
    if one.route is None or one.candidate is None or one.seen.rollout.status.stable is None:
        return False
    if had_lost_its_service(one.seen, one.candidate.revision):
        return False  # the route gave it that all the while
    name, live = one.candidate.revision, one.seen.route
    share = one.weights.get(name, 0) / sum(one.weights.values())
    newly = name in set(backends(one.route)) and (live is None or name not in live.reached)
    return newly or share > (live.share(name) if live else 0.0)


def is_way_back(one: Pass) -> bool:
    """Whether the candidate served before, within the window."""
    return one.candidate is not None and goes_back(one.seen, one.candidate.revision)
