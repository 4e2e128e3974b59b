"""Would catch: a model blamed for a registry's outage, or a crash that is waited out."""

from typing import Any

import pytest
from crossfade.api.v1alpha1 import RolloutSpec
from crossfade.api.v1alpha1.rollout import Arm
from crossfade.decide.signals import hard_signal
from crossfade.model.moments import stamp
from crossfade.model.workload import Loss, PodFacts, RevisionFacts

from tests.simulation.world import spec

NOW = 1_800_000_000.0
SPEC = RolloutSpec.model_validate(spec(serving={"replicas": 1, "startup": {"timeout": "60s"}}))


def signal(*, ready: int = 0, in_traffic: bool = False, unready: float = 10.0, **pod: Any) -> str | None:
    facts = PodFacts("p", bool(ready), **{"restarts": 0, **pod})
    revision = RevisionFacts("r", "v2", "sha256:0", 1, ready, 0.0, (facts,), {}, None)
    since = None if ready else stamp(NOW - unready)
    arm = Arm(model_version="v2", revision="r", digest=f"sha256:{'0' * 64}", unready_since=since)
    found = hard_signal(revision, SPEC, arm, in_traffic=in_traffic, needed=1, now=NOW)
    return found.cause if found else None


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        ({"ready": 1, "in_traffic": True}, None),
        ({"ready": 0}, None),
        ({"ready": 0, "in_traffic": True}, "NotReady"),
        ({"loader_exit": 3, "trouble": "CrashLoopBackOff"}, "DigestMismatch"),
        ({"loader_exit": 4, "trouble": "CrashLoopBackOff"}, None),
        ({"loader_exit": 4, "trouble": "CrashLoopBackOff", "unready": 61.0}, "StartTimeout"),
        ({"trouble": "CrashLoopBackOff"}, "CrashLoop"),
        ({"loader_exit": 0, "trouble": "CrashLoopBackOff"}, "CrashLoop"),
        ({"restarts": 2, "ready": 1}, "CrashLoop"),
        ({"restarts": 1, "ready": 1}, None),
        ({"trouble": "OOMKilled"}, "OOMKilled"),
        ({"unready": 60.0}, None),
        ({"unready": 60.5}, "StartTimeout"),
        ({"unready": 60.5, "ready": 1}, None),
    ],
)
def test_signals(facts: dict[str, Any], cause: str | None) -> None:
    assert signal(**facts) == cause


def test_a_candidate_that_lost_its_pods_by_evictions_is_taken_back_with_these_words() -> None:
    gone = Loss("pod x was evicted: no memory", NOW)
    arm = Arm(model_version="v2", revision="r", digest=f"sha256:{'0' * 64}", unready_since=stamp(NOW - 61))
    revision = RevisionFacts("r", "v2", "sha256:0", 1, 0, 0.0, (), {}, None, lost=gone)
    for in_traffic, cause in ((True, "NotReady"), (False, "StartTimeout")):
        found = hard_signal(revision, SPEC, arm, in_traffic=in_traffic, needed=1, now=NOW)
        assert found is not None
        assert found.cause == cause
        assert gone.told in found.message
