"""Rules that nobody meets behind those of the users: places that gateways know before a cohort comes, and after it.

A rule that comes is something new for the gateway to send to, and one that goes takes that away: Envoy answers the
cohort with 503 while the one is there and the other is not (docs/gateways.md). Matches alone change without that.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf
from typing import Any

from crossfade.api import meta
from crossfade.decide.routes import is_cohort, unacknowledged
from crossfade.model.moments import moment
from crossfade.model.route import RouteFacts
from crossfade.model.snapshot import RolloutFacts, Snapshot

SETTLED_SECONDS = 3.0
"""For so long a route must have been acknowledged before it counts as served everywhere: the last 503 after a write was
seen after 110 ms, once after 940 (docs/gateways.md)."""

Rule = Mapping[str, Any]


def private_header(rollout: RolloutFacts) -> tuple[str, str]:
    """Which no request has, for nobody else knows its value."""
    return meta.HEADER_REHEARSAL, hashlib.sha256(f"{rollout.uid}/spare".encode()).hexdigest()[:32]


def is_spare(rule: Rule) -> bool:
    """Whether a stored rule is there for its place alone."""
    return is_cohort(rule) and _headers(rule) == {meta.HEADER_REHEARSAL}


def without_spare(live: RouteFacts) -> RouteFacts:
    """The stored route as anybody can meet it."""
    rules = [rule for rule in live.spec.get("rules", ()) if not is_spare(rule)]
    return replace(live, spec={**live.spec, "rules": rules})


def has_place(live: RouteFacts) -> bool:
    """Whether there is already a rule behind the users' for each of them."""
    rules = live.spec.get("rules", ())
    behind = sum(map(is_cohort, rules))
    return 0 < behind >= len(rules) - behind


def has_spare(live: RouteFacts) -> bool:
    """Whether one of them is there for its place alone."""
    return any(map(is_spare, live.spec.get("rules", ())))


def needs_spare(snapshot: Snapshot) -> bool:
    """Whether a write that leaves no rule behind those of the users has to keep their places: a cohort met one of them
    until now, or may have until lately."""
    live = snapshot.route
    if live is None:
        return False
    return any(map(_is_met, live.spec.get("rules", ()))) or (has_spare(live) and settling(snapshot) > 0)


def settling(snapshot: Snapshot) -> float:
    """Seconds until the stored route counts as served everywhere; infinite while a parent has not taken it."""
    live, known = snapshot.route, snapshot.rollout.status.route
    if live is None or unacknowledged(snapshot, live) is not None:
        return inf
    if known is None or known.generation != live.generation:
        return SETTLED_SECONDS
    return max(moment(known.acknowledged_at) + SETTLED_SECONDS - snapshot.now, 0.0)


def _is_met(rule: Rule) -> bool:
    """Whether a cohort may meet it."""
    return is_cohort(rule) and not _headers(rule) & {meta.HEADER_REHEARSAL, meta.HEADER_REVISION}


def _headers(rule: Rule) -> set[str]:
    return set(_names(rule))


def _names(rule: Rule) -> Iterator[str]:
    for match in rule.get("matches", ()):
        yield from (str(one.get("name", "")).lower() for one in match.get("headers", ()))
