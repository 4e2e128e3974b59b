"""Would catch: a start blamed on what is over or on a pod that nobody waits for, or a deadline that begins anew."""

from dataclasses import replace
from typing import Any

import pytest
from crossfade.api.v1alpha1.rollout import Arm, Cause
from crossfade.api.v1alpha1.serving import Startup
from crossfade.decide.starting import Deadline, deadline, is_same, slowest, waiting
from crossfade.model.moments import stamp
from crossfade.model.workload import Loss, PodFacts, RevisionFacts

NOW = 1_800_000_000.0
QUOTA = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: gpus"}


def revision(*causes: Cause | None, ready: int = 0, **deployment: Any) -> RevisionFacts:
    """A revision with so many ready pods, and one for each cause."""
    waiting = [PodFacts(f"p{i}", False, 0, None, "", None, cause, f"p{i} waits") for i, cause in enumerate(causes)]
    pods = (*(PodFacts(f"r{i}", True, 0, warm=True) for i in range(ready)), *waiting)
    return RevisionFacts("r", "v2", "sha256:0", len(pods), ready, NOW, pods, deployment, None)


def arm(cause: Cause | None = None, since: float = NOW, **more: Any) -> Arm:
    times = {"unready_since": stamp(NOW), "waits_for": cause, "waits_since": stamp(since) if cause else None}
    return Arm.model_validate({"model_version": "v2", "revision": "r", "digest": f"sha256:{'0' * 64}", **times, **more})


@pytest.mark.parametrize(
    ("causes", "ready", "needed", "slow"),
    [
        ([], 0, 1, None),
        ([None], 0, 1, None),
        (["WarmUp", "Room"], 0, 2, "Room"),
        (["WarmUp", "Room"], 0, 1, "WarmUp"),
        (["Load", "Download", "Room"], 1, 3, "Download"),
        (["Room"], 2, 2, None),
    ],
)
def test_the_slowest_of_the_pods_that_are_needed_counts(
    causes: list[Cause | None], ready: int, needed: int, slow: Cause | None
) -> None:
    found = slowest(revision(*causes, ready=ready), needed)
    assert (found.cause if found else None) == slow


def test_pods_that_may_not_be_made_are_told_of_in_the_api_servers_words() -> None:
    found = slowest(revision("Load", status={"conditions": [QUOTA]}), 2)
    assert found is not None
    assert (found.cause, found.told) == ("Room", "pods cannot be made: exceeded quota: gpus")


STARTUP = Startup(timeout="10m", prefetch="5m", warm_up="1m")


@pytest.mark.parametrize(
    ("found", "end"),
    [
        (arm(), Deadline(NOW + 600, "10m", "timeout")),
        (arm("Room"), Deadline(NOW + 600, "10m", "timeout")),
        (arm("Load"), Deadline(NOW + 600, "10m", "timeout")),
        (arm("Image"), Deadline(NOW + 300, "5m", "prefetch")),
        (arm("Download", NOW + 10), Deadline(NOW + 310, "5m", "prefetch")),
        (arm("WarmUp", NOW + 100), Deadline(NOW + 160, "1m", "warmUp")),
        (arm("WarmUp", NOW + 590), Deadline(NOW + 600, "10m", "timeout")),
        (arm(unready_since=None), None),
    ],
)
def test_the_deadline_that_comes_first_counts(found: Arm, end: Deadline | None) -> None:
    assert deadline(STARTUP, found) == end


def test_image_and_download_share_their_time() -> None:
    assert is_same("Image", "Download")
    assert is_same("Room", "Room")
    assert is_same(None, None)
    assert not is_same("Download", "Load")
    assert not is_same("Room", None)


def test_a_warm_up_is_counted_in_warm_pods() -> None:
    reason, said = waiting(arm("WarmUp", warm=2), revision("WarmUp", "WarmUp", ready=2), 4, " for 1/2 w10", NOW)
    assert reason == "WarmingUp"
    assert said == "Warming up: 2 of 4 pods of v2 are warm for 1/2 w10; p0 waits; it has until 08:00:00 UTC"


def test_a_pod_that_was_evicted_while_others_are_missing_is_told_of_and_one_of_long_ago_is_not() -> None:
    evicted = Loss("pod x was evicted: no memory", NOW - 10)
    found = replace(revision("Load"), lost=evicted)
    assert waiting(arm(), found, 1, "", NOW)[1] == (
        "v2: 0 of 1 pods ready; p0 waits; it has until 08:00:00 UTC; pod x was evicted: no memory"
    )
    assert waiting(arm(), replace(revision(), lost=evicted), 1)[1].endswith("ready; pod x was evicted: no memory")
    for before in (replace(found, lost=Loss("pod x was evicted", NOW - 3600)), revision("Load")):
        assert "evicted" not in waiting(arm(), before, 1)[1]
