"""The Rollout as a user sees it: its status by `kubectl get --watch`, and what is learned of it on the way."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from crossfade.api.conditions import ConditionType
from crossfade.api.v1alpha1 import RolloutStatus
from crossfade.api.v1alpha1.rollout import Outcome

from demo import programs
from testbed.handle import ClusterHandle


@dataclass
class Endpoint:
    """What is known of the Rollout `name` by now."""

    name: str
    status: RolloutStatus = field(default_factory=RolloutStatus)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """ModelVersion -> how its rollout ended."""
    decided: dict[str, float] = field(default_factory=dict)
    """ModelVersion -> when its outcome was seen (Unix time)."""
    versions: dict[str, str] = field(default_factory=dict)
    """Revision -> ModelVersion."""
    digests: dict[str, str] = field(default_factory=dict)
    """ModelVersion -> digest of its bytes."""
    on_change: Callable[[], None] = lambda: None

    async def follow(self, cluster: ClusterHandle) -> None:
        """Watch until cancelled."""
        async for found in programs.watch(cluster, "rollout", self.name):
            self.learn(found, time.time())

    def learn(self, found: dict[str, Any], now: float) -> None:
        """Take over one state of the object, seen at `now` (Unix time)."""
        self.status = RolloutStatus.of(found.get("status", {}))
        for arm in (self.status.stable, self.status.candidate):
            if arm is not None:
                self.versions[arm.revision] = arm.model_version
                self.digests[arm.model_version] = arm.digest
        end = self.status.outcome
        if end is not None and end.model_version not in self.outcomes:
            self.outcomes[end.model_version] = end
            self.decided[end.model_version] = now
        self.on_change()

    @property
    def sentence(self) -> str:
        """What the operator says now."""
        return next((c.message for c in self.status.conditions if c.type == ConditionType.READY), "")

    @property
    def stalled(self) -> str | None:
        """Why nothing moves any more, or None."""
        found = (c.message for c in self.status.conditions if c.type == ConditionType.STALLED and c.status == "True")
        return next(found, None)
