"""The way back to a version that served before: which versions those are, and who may take it."""

from collections.abc import Iterable

from crossfade.api.v1alpha1.rollout import Outcome
from crossfade.decide.stages import FULL
from crossfade.model.snapshot import Snapshot


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
    if status.stage is not None and status.stage.name != FULL:
        return False
    last, *before = served(status.history) or ("",)
    return last == status.stable.revision and revision in before[: spec.strategy.rollback_window.revisions]
