"""How soon nobody gets a version any more that is taken back: from the decision, not only from its first write."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from testbed.load import Sample
from tests.support.audit import writes
from tests.support.endpoint import Endpoint, answered_by
from tests.support.operator_process import ACCOUNT, Installation
from tests.support.recorder import Object

AT_ONCE_SECONDS = 1.0
"""How much longer than a plain change a gateway may send requests to a version that is taken back."""


@dataclass(frozen=True)
class TakenBack:
    """When it was decided, when the route was written, and when the candidate's last request was sent (Unix s)."""

    decided: float
    written: float
    last: float

    @property
    def after(self) -> float:
        """Seconds from the decision to the candidate's last request."""
        return self.last - self.decided

    def is_at_once(self, plain: float) -> None:
        """Fails where the route was written late, or requests came longer than by the gateway's own delay (s)."""
        print(
            f"the candidate's last request came {self.after:.2f} s after the decision, the route's write"
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
    written = [one.at for one in writes(installation.bed.audit, ACCOUNT, endpoint.namespace) if one.resource == routes]
    last = max(one.wall + one.lateness for one in answered_by(samples, outcome["revision"]))
    return TakenBack(decided, next(at for at in written if at >= decided), last)
