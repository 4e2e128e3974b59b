"""How soon nobody gets a version any more that is taken back: from the decision, not only from its first write."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from testbed.load import Sample
from tests.support.audit import ADMINISTRATOR, writes
from tests.support.endpoint import Endpoint, answered_by
from tests.support.operator_process import ACCOUNT, Installation
from tests.support.recorder import Object

AT_ONCE_SECONDS = 1.0
"""By no more than this the route's write, and a version's last request, may come later after the decision than a plain
change takes, which tells how starved the machine is."""


@dataclass(frozen=True)
class TakenBack:
    """When it was decided, when the route was written, and when the version's last request was sent (Unix s)."""

    decided: float
    written: float
    last: float

    @property
    def after(self) -> float:
        """Seconds from the decision to the version's last request."""
        return self.last - self.decided

    def is_at_once(self, plain: float) -> None:
        """Fails where the route was written late, or requests came longer than by the gateway's own delay (s)."""
        print(
            f"the version's last request came {self.after:.2f} s after the decision, the route's write"
            f" {self.written - self.decided:.3f} s after it; {plain:.2f} s is a plain change"
        )
        assert 0 <= self.written - self.decided <= plain + AT_ONCE_SECONDS
        assert self.after <= plain + AT_ONCE_SECONDS


def taken_back(
    endpoint: Endpoint, installation: Installation, ended: Object, samples: Sequence[Sample], routes: str = "httproutes"
) -> TakenBack:
    """Of the rollout whose end the Rollout tells, by the API server's log of the operator's writes."""
    outcome = ended["status"]["outcome"]
    decided = datetime.fromisoformat(outcome["at"]).timestamp()
    return since(decided, endpoint, installation, outcome["revision"], samples, routes)


def taken_back_by_order(
    endpoint: Endpoint, installation: Installation, revision: str, samples: Sequence[Sample]
) -> TakenBack:
    """Of a version that the newest edit of the Rollout by the test takes back: decided when it was stored, by the same
    log."""
    edits = writes(installation.bed.audit, ADMINISTRATOR, endpoint.namespace)
    decided = max(one.done for one in edits if one.resource == "rollouts")
    return since(decided, endpoint, installation, revision, samples)


def since(
    decided: float,
    endpoint: Endpoint,
    installation: Installation,
    revision: str,
    samples: Sequence[Sample],
    routes: str = "httproutes",
) -> TakenBack:
    """Of a version that has to be left from `decided` on (Unix s)."""
    written = [one.at for one in writes(installation.bed.audit, ACCOUNT, endpoint.namespace) if one.resource == routes]
    last = max(one.wall + one.lateness for one in answered_by(samples, revision))
    return TakenBack(decided, next(at for at in written if at >= decided), last)
