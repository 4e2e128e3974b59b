"""What must hold after every single pass of every rollout, whatever happens. Read this file to know our promises."""

from math import ceil

from tests.simulation.world import World, weights


def watched(world: World) -> World:
    """The world with every promise checked after each pass."""
    world.checks.extend(
        (
            weights_sum,
            nobody_serves_from_nothing,
            nobody_meets_what_was_not_tried,
            rules_of_users_never_move,
            no_step_without_metrics,
            no_weight_without_pods,
            split_is_held,
            rollback_is_reachable,
        )
    )
    return world


def weights_sum(world: World) -> None:
    """Weights sum to exactly 100, or to the scale that is asked for, and no arm is written with 0."""
    shares, scale = weights(world.route), world.spec["strategy"].get("weightScale", 100)
    assert not shares or (sum(shares.values()) in (100, scale) and min(shares.values()) > 0), shares


def nobody_serves_from_nothing(world: World) -> None:
    """Every arm that the route names exists, with its Service."""
    for name in weights(world.route):
        assert name in world.revisions, f"the route names {name}, which does not exist"
        assert world.revisions[name].service is not None, f"{name} has no Service"


def nobody_meets_what_was_not_tried(world: World) -> None:
    """A rule that copies requests, or that a cohort's headers meet, was behind our own header before; a cohort's needs
    not have been where the gateway has no address."""
    tried = [rule for route in world.gateway.routes_seen for rule in route["spec"]["rules"]]
    for rule in world.route["spec"]["rules"] if world.route else ():
        headers = rule["matches"][0].get("headers", [])
        alike = (
            one
            for one in tried
            if one.get("filters") == rule.get("filters") and one["matches"][0]["headers"][:-1] == headers
        )
        new = "filters" in rule or (headers and world.gateway.addresses)
        assert not new or any(alike), f"users met {rule} first"


def rules_of_users_never_move(world: World) -> None:
    """Whatever a stage adds comes behind them: Envoy Gateway names what it sends to by the rule's place."""
    first = world.route["spec"]["rules"][0] if world.route else {"matches": [{}]}
    assert "headers" not in first["matches"][0], "a stage's rule has taken the place of the users'"


def no_step_without_metrics(world: World) -> None:
    """The candidate's share rises only while Prometheus answers."""
    candidate = world.status.candidate
    share = weights(world.route).get(candidate.revision, 0) if candidate and world.status.stable else 0
    before = getattr(world, "_share", (None, 0))
    if candidate and before[0] == candidate.revision and share > before[1]:
        assert world.prometheus_up, "the candidate got more traffic while Prometheus was down"
    world._share = (candidate.revision if candidate else None, share)  # type: ignore[attr-defined]


def no_weight_without_pods(world: World) -> None:
    """The candidate's share rises only to what its ready pods are enough for, and falls with them at once; but while
    stable could not carry more either, and in the pass in which the operator was killed."""
    stable, candidate, shares = world.status.stable, world.status.candidate, weights(world.route)
    if not (stable and candidate and stable.revision in world.revisions and candidate.revision in world.revisions):
        return
    share = shares.get(candidate.revision, 0) / max(sum(shares.values()), 1)
    ready = world.ready(candidate.revision)
    before, given = getattr(world, "_given", {}).get(candidate.revision, (0.0, 0))
    full = world.spec["serving"].get("replicas") or stable.floor or 1
    given = min(given, ceil(before * full - 1e-9))  # fewer may be enough by an edit
    if share > before:
        given = ceil(share * full - 1e-9)
        assert ready >= given, f"{ready} pods are ready, and {given} carry {share:.0%}"
        before = share
    elif ready < given and ready and world.ready(stable.revision) >= full and not world.lines[-1].endswith("KILLED"):
        assert share <= before * ready / given, f"{ready} of {given} pods are ready and have {share:.0%}"
    elif ready >= given and share < before:
        before, given = share, min(given, ready)
    world._given = {candidate.revision: (before, given)}  # type: ignore[attr-defined]


def split_is_held(world: World) -> None:
    """While traffic is split, deleting the Rollout is held up by our finalizer."""
    assert len(weights(world.route)) < 2 or world.finalizer, "traffic is split and no finalizer holds the Rollout"


def rollback_is_reachable(world: World) -> None:
    """While a candidate has traffic, the stable revision has all the pods that take everything back."""
    stable = world.status.stable
    if stable and len(weights(world.route)) == 2:
        asked = world.spec["serving"].get("replicas", stable.floor)
        assert world.revisions[stable.revision].replicas >= asked
        assert "replicas" not in world.spec["serving"] or world.revisions[stable.revision].replicas == asked
