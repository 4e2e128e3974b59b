"""Would catch a status that kstatus, Helm or Flux would read wrongly, or that changes without a change."""

import pytest
from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1 import ModelVersionStatus, RolloutStatus
from crossfade.api.v1alpha1.common import Condition
from crossfade.decide.plan import Situation, Standing
from crossfade.ports import ROLLOUTS
from crossfade.status.conditions import conditions, rollout_facts, version_facts
from crossfade.status.definitions import Definitions
from crossfade.status.patch import Statuses

from tests.support.kstatus import kstatus
from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.objects import rollout

NOW = 1_800_000_000.0


def make(standing: Standing, reason: Reason = Reason.PENDING, message: str = "so it is") -> list[Condition]:
    return conditions(Situation(standing, reason, message), (), (), generation=3, now=NOW)


@pytest.mark.parametrize(
    ("standing", "reason", "expected"),
    [
        (Standing.IN_PROGRESS, Reason.ANALYSING, "InProgress"),
        (Standing.IN_PROGRESS, Reason.SUSPENDED, "InProgress"),
        (Standing.DONE, Reason.PROMOTED, "Current"),
        (Standing.ACCEPTED, Reason.SUSPENDED, "Current"),
        (Standing.FAILED, Reason.ROLLED_BACK, "Failed"),
    ],
)
def test_kstatus_reads_what_was_meant(standing: Standing, reason: Reason, expected: str) -> None:
    """GitOps property 2."""
    found = [one.to_json() for one in make(standing, reason)]
    assert (
        kstatus({"metadata": {"generation": 3}, "status": {"observedGeneration": 3, "conditions": found}}) == expected
    )


@pytest.mark.parametrize("standing", Standing)
def test_reconciling_and_stalled_exist_only_as_true(standing: Standing) -> None:
    abnormal = [c for c in make(standing) if c.type in ("Reconciling", "Stalled")]
    assert all(c.status == "True" for c in abnormal)
    assert len(abnormal) <= 1


def test_every_condition_speaks_of_its_generation_and_fits() -> None:
    """GitOps properties 1 and 14."""
    found = make(Standing.FAILED, message="x" * 5000)
    assert all(c.observed_generation == 3 and len(c.message) <= 1024 for c in found)


def test_a_transition_time_stays_until_the_status_flips() -> None:
    before = make(Standing.DONE, Reason.PROMOTED)
    situation = Situation(Standing.DONE, Reason.PROMOTED, "another sentence")
    same = conditions(situation, (), before, generation=4, now=NOW + 60)
    assert same[0].last_transition_time == before[0].last_transition_time
    assert same[0].message == "another sentence"
    flipped = conditions(Situation(Standing.FAILED, Reason.ROLLED_BACK, ""), (), before, generation=4, now=NOW + 60)
    assert flipped[0].last_transition_time > before[0].last_transition_time


def test_proof_is_claimed_only_while_there_is_a_split() -> None:
    """Case E7."""
    assert [kind for kind, *_ in rollout_facts(available=True, proven=None)] == ["Available"]
    assert rollout_facts(available=False, proven=False)[1][1:3] == (False, Reason.UNPROVEN)
    situation = Situation(Standing.FAILED, Reason.DIGEST_MISMATCH, "")
    assert version_facts(ModelVersionStatus(), situation)[0][2] is Reason.DIGEST_MISMATCH


async def test_a_status_that_says_the_same_is_not_written_whatever_its_order() -> None:
    cluster = FakeCluster()
    raw = cluster.create(rollout())
    found = conditions(
        Situation(Standing.DONE, Reason.PROMOTED, ""), rollout_facts(available=True, proven=True), (), 1, NOW
    )
    status = RolloutStatus(conditions=found, observed_generation=1)
    clock = FakeClock()
    statuses = Statuses(cluster, clock, Definitions(cluster, clock, lambda: None), lambda raw: None)
    assert await statuses.write(ROLLOUTS, raw, status)
    stored = await cluster.get(ROLLOUTS, "ml", "demo")
    stored["status"]["conditions"].reverse()
    assert not await statuses.write(ROLLOUTS, stored, status)
    assert len(cluster.writes) == 1
    changed = status.model_copy(update={"observed_generation": 2})
    assert await statuses.write(ROLLOUTS, stored, changed)
