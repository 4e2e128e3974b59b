"""The way back to a version that served before: which versions those are, and who may take it."""

from collections.abc import Iterable

from crossfade.api.v1alpha1.rollout import Outcome, RolloutStatus
from crossfade.decide.stages import FULL
from crossfade.model.snapshot import Snapshot

MOST_ENDS = 10
"""Ends of rollouts that a status has room for."""


def served(history: Iterable[Outcome]) -> tuple[str, ...]:
    """Revisions that were promoted, each of which the one before it replaced; the newest, which is stable, first.

    `history` is newest first, as in the status. Going back gives up what came after: forward again is a rollout like
    any other. So is going to what was taken back since it was promoted.
    """
    line: list[str] = []
    for end in reversed(tuple(history)):
        if end.result == "FastRolledBack":
            line = line[: line.index(end.revision)] if end.revision in line else []
        if end.result != "Superseded":
            line = [one for one in line if one != end.revision]
        if end.result in ("Promoted", "FastPromoted", "FastRolledBack"):
            line.append(end.revision)
    return tuple(reversed(line))


def goes_back(snapshot: Snapshot, revision: str) -> bool:
    """Whether a rollout to the revision is the way back: within `strategy.rollbackWindow`, and not begun by stages."""
    spec, status = snapshot.rollout.spec, snapshot.rollout.status
    if spec is None or spec.strategy.rollback_window is None or status.stable is None:
        return False
    under_way = status.candidate is not None and status.candidate.revision == revision
    if under_way and status.stage is not None and status.stage.name != FULL:
        return False
    last, *before = served(status.history) or ("",)
    return last == status.stable.revision and revision in before[: spec.strategy.rollback_window.revisions]


def bounded(snapshot: Snapshot, status: RolloutStatus) -> RolloutStatus:
    """The status with the newest ten ends of rollouts, but promotions that `strategy.rollbackWindow` still leads to
    outlast ends that lead nowhere, such as failed tries; without a window the last one before stable does."""
    spec, history = snapshot.rollout.spec, list(status.history)
    window = spec.strategy.rollback_window if spec else None
    while len(history) > MOST_ENDS:
        history = _shortened(history, 1 + (window.revisions if window else 1))
    return status if len(history) == len(status.history) else status.model_copy(update={"history": history})


def _shortened(history: list[Outcome], kept: int) -> list[Outcome]:
    """One end less: the oldest without which the newest `kept` versions that served are the same, and none is among
    them that had been left since."""
    line = served(history)
    for at in reversed(range(1, len(history))):
        rest = [*history[:at], *history[at + 1 :]]
        found = served(rest)
        if found[:kept] == line[:kept] and set(found) <= set(line):
            return rest
    return history[:-1]
