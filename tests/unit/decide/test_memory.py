"""Would catch a restart that judges by other evidence than before, or by that of another candidate."""

from dataclasses import replace

import pytest
from crossfade.api.v1alpha1 import RolloutSpec, RolloutStatus
from crossfade.api.v1alpha1.rollout import AnalysisStatus, Arm, MetricStatus, StageStatus
from crossfade.decide.memory import begun, fingerprint, forgotten, recorded, remembered
from crossfade.model.ledger import History, Ledger, MetricLedger, Totals
from crossfade.model.moments import stamp

from tests.simulation.world import spec

NOW = 1_800_000_000.123456
SPEC = RolloutSpec.model_validate(spec())
CANDIDATE = Arm(model_version="v2", revision="fraud-2", digest="sha256:" + "0" * 64)
HISTORY = History(0.1, (0.005, 0.01), (7, 3), 9_000, 1.3, 4, 400)


def ledger(**changes: object) -> Ledger:
    begin = begun(SPEC, CANDIDATE, NOW, 0.1 + 0.2, {"errors": HISTORY})
    grown = MetricLedger(end=NOW + 30.1, looks=3, left=1 / 3, bounds=(0.0,), used=(0,), stable=Totals(5, (1,)))
    return replace(begin, metrics={"errors": grown}, **changes)  # type: ignore[arg-type]


def status(of: Ledger, **changes: object) -> RolloutStatus:
    metric = MetricStatus.model_validate({"name": "errors", "state": "Undecided"})
    figures = AnalysisStatus.model_validate({"verdict": "Continue", "at": stamp(NOW), "metrics": [metric]})
    stage = StageStatus(index=0, name="ten", summary="1/2 ten", entered_at=stamp(NOW))
    found = RolloutStatus(stage=stage, analysis=recorded(figures, of)).model_copy(update=changes)
    return RolloutStatus.of(found.to_json())  # as the API server gives it back


def test_what_is_recorded_is_remembered_to_the_bit() -> None:
    assert remembered(status(ledger()), None) == ledger()


def test_newer_memory_of_the_same_rollout_goes_before_the_checkpoint() -> None:
    newer = replace(ledger(), metrics={"errors": MetricLedger(end=NOW + 60)})
    assert remembered(status(ledger()), newer) is newer


@pytest.mark.parametrize("other", [ledger(since=NOW - 600), ledger(asked="0" * 16)])
def test_memory_of_another_rollout_does_not_count(other: Ledger) -> None:
    assert remembered(status(ledger()), other) == ledger()


def test_before_the_first_stage_and_after_the_end_nothing_is_remembered() -> None:
    assert remembered(RolloutStatus(), ledger()) is None
    assert remembered(status(ledger(), stage=None), ledger()) is None


@pytest.mark.parametrize("field", ["checkpoint", "history"])
def test_a_checkpoint_that_somebody_edited_is_not_gone_on_from(field: str) -> None:
    stored = status(ledger())
    assert stored.analysis is not None
    edited = stored.analysis.metrics[0].model_copy(update={field: "edited by hand"})
    stored = stored.model_copy(update={"analysis": stored.analysis.model_copy(update={"metrics": [edited]})})
    assert remembered(stored, None) is None


def test_a_history_too_long_for_the_status_is_left_out_of_it() -> None:
    bounds = tuple(0.001 * n for n in range(1, 1000))
    long = replace(ledger(), histories={"errors": History(0.1, bounds, (5,) * 999, 10_000)})
    known = remembered(status(long), None)
    assert known is not None
    assert known.histories == {}


def test_another_candidate_or_another_analysis_is_something_else_and_another_ladder_is_not() -> None:
    changed = RolloutSpec.model_validate(spec(analysis={**spec()["analysis"], "falseRollback": "0.05"}))
    steeper = RolloutSpec.model_validate(spec(strategy={"stages": [{"name": "one", "weight": 1}]}))
    same = fingerprint(SPEC, CANDIDATE)
    assert fingerprint(changed, CANDIDATE) != same
    assert fingerprint(SPEC, CANDIDATE.model_copy(update={"revision": "fraud-3"})) != same
    assert fingerprint(steeper, CANDIDATE) == fingerprint(SPEC, CANDIDATE.model_copy(update={"ready": 2})) == same


def test_figures_of_the_past_carry_no_checkpoint_but_the_history_by_which_they_are_judged_again() -> None:
    analysis = forgotten(status(ledger()).analysis)
    assert analysis is not None
    assert (analysis.checkpoint, analysis.metrics[0].checkpoint) == ("", "")
    assert analysis.metrics[0].history
