"""Would catch a ModelSource that proposes twice, moves what is not to be moved, or asks its registry too often."""

from dataclasses import replace
from typing import Any

import pytest
from crossfade.api.v1alpha1 import ModelSourceSpec, ModelSourceStatus, ModelVersionSpec, RolloutSpec, RolloutStatus
from crossfade.api.v1alpha1.common import seconds
from crossfade.api.v1alpha1.modelversion import Resolved, Source
from crossfade.decide.moving import Move
from crossfade.decide.proposing import proposal, semantic
from crossfade.decide.sourcing import SourcePlan, not_moved, not_written, plan_source
from crossfade.model.moments import moment, stamp
from crossfade.model.snapshot import RolloutFacts, VersionFacts
from crossfade.model.sourcing import Answer, Meaning, SourceSnapshot, StoredRollout, StoredVersion
from crossfade.status.conditions import conditions
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fakes.objects import rollout as raw_rollout

NOW = 1_800_000_000.0
DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
SPEC: dict[str, Any] = {
    "mlflow": {"name": "fraud-detector", "alias": "champion"},
    "template": {"modelName": "fraud-detector", "labels": {"team": "risk"}},
}


def spec(**more: Any) -> ModelSourceSpec:
    return ModelSourceSpec.model_validate(SPEC | more)


def means(version: str, tag: str = "") -> Meaning:
    source = Source.model_validate({"mlflow": {"name": "fraud-detector", "version": version}})
    return Meaning(source, version, tag)


def answer(version: str, at: float = NOW, **more: Any) -> Answer:
    return Answer(at, 1, None, means(version), **more)


def snapshot(**more: Any) -> SourceSnapshot:
    told = {"spec": spec(), "spec_error": "", "status": ModelSourceStatus(), "answer": None} | more
    return SourceSnapshot(now=NOW, began=NOW - 1000.0, name="fraud", namespace="ml", uid="u", generation=1, **told)


def settled(before: SourceSnapshot, plan: SourcePlan, **more: Any) -> SourceSnapshot:
    """The next look after a plan was carried out."""
    return replace(before, status=plan.status.model_copy(update={"observed_generation": 1}), **more)


def stored(name: str, of: Meaning, digest: str | None = DIGEST, **more: Any) -> StoredVersion:
    resolved = None
    if digest is not None:
        resolved = Resolved(
            uri="models:/f/1", immutable_uri="s3://m/1", digest=digest, files=1, size_bytes=1, resolved_at=stamp(NOW)
        )
    return StoredVersion(proposal(spec(), of).spec, VersionFacts(name, resolved, "being hashed", **more))


def end(model_version: str, result: str, at: float = NOW) -> dict[str, Any]:
    return {
        "result": result,
        "cause": "X",
        "message": "m",
        "modelVersion": model_version,
        "revision": "r-1",
        "at": stamp(at),
        "asked": "0" * 16,
    }


def rollout(
    named: str = "v1", ready: str = "True", digests: dict[str, str] | None = None, **more: Any
) -> StoredRollout:
    """A Rollout that rests; `more` is its status."""
    suspend = bool(more.pop("suspend", False))
    ready_condition = {"type": "Ready", "status": ready, "reason": "Promoted", "lastTransitionTime": stamp(NOW)}
    status = {"conditions": [ready_condition], "observedGeneration": 3} | more
    facts = RolloutFacts(
        name="demo",
        namespace="ml",
        uid="ru",
        generation=3,
        deleting=False,
        deleting_since=0.0,
        finalizer=False,
        orders={},
        spec=RolloutSpec.model_validate(raw_rollout(named, suspend=suspend)["spec"]),
        spec_error="",
        status=RolloutStatus.model_validate(status),
    )
    return StoredRollout(facts, "77", digests or {})


def moving(held: StoredRollout | None, version: StoredVersion | None = None) -> SourcePlan:
    """The plan when champion means version 7, which is there and resolved."""
    name = proposal(spec(), means("7")).name
    return plan_source(
        snapshot(
            spec=spec(moves={"rollout": "demo"}),
            answer=answer("7"),
            version=version or stored(name, means("7")),
            rollout=held,
        )
    )


NAME = proposal(spec(), means("7")).name


def test_a_new_source_is_asked_for_at_once_and_nothing_else_happens() -> None:
    plan = plan_source(snapshot())
    assert (plan.ask, plan.make, plan.move, plan.situation.reason) == (True, None, None, "Asking")


def test_a_meaning_makes_one_version_pinned_to_what_was_meant() -> None:
    plan = plan_source(snapshot(answer=answer("7")))
    assert plan.make is not None
    assert plan.make["metadata"] == {
        "name": NAME,
        "namespace": "ml",
        "labels": {"team": "risk", "crossfade.dev/model-source": "fraud"},
        "annotations": {
            "crossfade.dev/followed": "alias champion of fraud-detector",
            "crossfade.dev/registry-version": "7",
        },
    }, "and no owner: it outlasts the ModelSource"
    made = ModelVersionSpec.model_validate(plan.make["spec"])
    assert made.source.mlflow is not None
    assert (made.source.mlflow.version, made.source.mlflow.alias) == ("7", None)
    assert (made.version, made.model_name) == ("0.0.7", "fraud-detector")
    assert plan.status.observed is not None
    assert (plan.status.observed.version, plan.status.observed.model_version) == ("7", NAME)


def test_what_is_there_is_not_made_again_and_a_second_look_says_the_same() -> None:
    first = snapshot(answer=answer("7"))
    plan = plan_source(first)
    again = settled(first, plan, version=stored(NAME, means("7"), None))
    second = plan_source(again)
    assert (second.make, second.ask, second.events, second.status) == (None, False, (), again.status)
    assert second.situation == plan.situation


def test_an_alias_that_moves_back_proposes_the_version_of_before() -> None:
    first = snapshot(answer=answer("7"))
    there = settled(first, plan_source(first), answer=answer("8", NOW + 70.0))
    forth = plan_source(there)
    assert forth.make is not None
    back = plan_source(settled(there, forth, answer=answer("7", NOW + 140.0), version=stored(NAME, means("7"))))
    assert back.make is None
    assert back.status.observed is not None
    assert back.status.observed.model_version == NAME
    assert [one.version for one in back.status.history] == ["8", "7"]


def test_the_record_of_the_past_is_bounded() -> None:
    look = snapshot()
    for number in range(1, 40):
        look = settled(look, plan_source(replace(look, answer=answer(str(number), NOW + 70.0 * number))))
    assert [one.version for one in look.status.history] == [str(number) for number in range(38, 28, -1)]


def test_a_template_that_says_something_else_makes_another_version() -> None:
    strict = spec(template={"modelName": "fraud-detector", "policy": {"pickle": "Forbid"}})
    assert proposal(strict, means("7")).name != NAME


@pytest.mark.parametrize(
    ("version", "tag", "expected"),
    [
        ("7", "", "0.0.7"),
        ("7", "1.3.0", "1.3.0"),
        ("7", "v1.3.0-rc.1+b", "1.3.0-rc.1+b"),
        ("7", "1.3", "0.0.7"),
        ("7", "1.3.0+" + "x" * 64, "0.0.7"),
        ("0f" * 20, "", "0.0.0+0f0f0f0f0f0f"),
        ("a/b:c", "", "0.0.0+a-b-c"),
        ("", "", "0.0.0+unknown"),
    ],
)
def test_a_semantic_version_is_taken_where_there_is_one_and_made_up_nowhere(
    version: str, tag: str, expected: str
) -> None:
    assert semantic(Meaning(means("1").source, version, tag)) == expected


@given(st.text(max_size=80), st.text(max_size=80))
def test_whatever_a_registry_says_makes_a_version_that_the_api_takes(version: str, tag: str) -> None:
    meaning = Meaning(means("1").source, version, tag)
    found = proposal(spec(), meaning)
    assert ModelVersionSpec.model_validate(found.spec.to_json()) == found.spec
    assert len(found.name) <= 63
    assert found == proposal(spec(), meaning)


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_two_versions_never_share_a_name(one: int, other: int) -> None:
    names = [proposal(spec(), means(str(number))).name for number in (one, other)]
    assert (names[0] == names[1]) == (one == other)


def test_a_version_of_the_same_name_that_is_another_is_left_alone() -> None:
    plan = plan_source(snapshot(answer=answer("7"), version=stored(NAME, means("8"))))
    assert (plan.situation.reason, plan.situation.standing, plan.make) == ("NameTaken", "Failed", None)


# when it asks


def test_nothing_is_asked_before_the_interval_is_over_not_even_by_a_new_process() -> None:
    first = snapshot(answer=answer("7"))
    plan = plan_source(first)
    for later in (0.0, 30.0, 59.9):
        for known in (first.answer, None):
            look = plan_source(settled(first, plan, now=NOW + later, answer=known, version=stored(NAME, means("7"))))
            assert not look.ask
            assert look.look_again is not None
            assert NOW + later + look.look_again >= NOW + 60.0
    assert plan_source(settled(first, plan, now=NOW + 66.1, version=stored(NAME, means("7")))).ask


def test_what_is_overdue_when_a_process_begins_is_spread() -> None:
    first = snapshot(answer=answer("7"))
    plan = plan_source(first)
    began = NOW + 9000.0
    waits = []
    for number in range(100):
        look = settled(first, plan, now=began, began=began, answer=None, uid=f"u{number}")
        waits.append(plan_source(look).look_again or 0.0)
    assert max(waits) <= 6.0
    assert len({round(wait, 1) for wait in waits}) > 20


@given(st.floats(10.0, 86_400.0), st.floats(0.0, 1e6), st.text(min_size=1, max_size=8))
def test_the_interval_is_kept_and_stretched_by_a_tenth_at_most_and_a_failure_waits_five_minutes_at_most(
    interval: float, wait: float, uid: str
) -> None:
    told = f"{max(int(interval), 10)}s"
    look = snapshot(spec=spec(interval=told), answer=Answer(NOW, 1, None, error="busy", wait=wait))
    check = plan_source(replace(look, uid=uid)).status.next_check
    assert check is not None
    least = max(min(seconds(told), 300.0), min(wait, 300.0))
    assert least - 0.001 <= moment(check) - NOW <= 300.001
    heard = plan_source(replace(look, uid=uid, answer=answer("7"))).status.next_check
    assert heard is not None
    assert seconds(told) - 0.001 <= moment(heard) - NOW <= seconds(told) * 1.1 + 0.001


def test_a_question_that_fails_changes_nothing_and_says_when_the_next_is() -> None:
    first = snapshot(spec=spec(moves={"rollout": "demo"}), answer=answer("7"), rollout=rollout())
    there = settled(first, plan_source(first), version=stored(NAME, means("7")))
    failed = Answer(NOW + 70.0, 1, None, error="MLflow is down", wait=200.0)
    plan = plan_source(replace(there, answer=failed, now=NOW + 70.0))
    assert (plan.make, plan.move, plan.ask) == (None, None, False)
    assert there.status.observed is not None
    assert plan.status.observed == there.status.observed.model_copy(update={"digest": DIGEST})
    assert (plan.situation.reason, plan.situation.standing) == ("WaitingForRegistry", "InProgress")
    assert plan.situation.message.startswith("MLflow is down (asked again at ")
    assert plan.look_again == pytest.approx(200.0)
    mended = plan_source(settled(there, plan, answer=answer("7", NOW + 300.0), now=NOW + 300.0))
    assert (mended.status.failure, mended.situation.reason) == (None, "Moved")


def test_another_spec_is_asked_about_at_once_and_nothing_is_done_by_the_old_answer() -> None:
    first = snapshot(spec=spec(moves={"rollout": "demo"}), answer=answer("7"), rollout=rollout())
    edited = settled(first, plan_source(first), generation=2, version=stored(NAME, means("7")))
    plan = plan_source(edited)
    assert (plan.ask, plan.make, plan.move, plan.situation.reason) == (True, None, None, "Asking")


def test_a_clock_that_went_back_does_not_stop_it_for_ever() -> None:
    first = snapshot(answer=answer("7"))
    plan = plan_source(first)
    assert plan_source(settled(first, plan, now=NOW - 86_400.0, answer=None)).ask


def test_a_suspended_source_leaves_all_alone() -> None:
    plan = plan_source(snapshot(spec=spec(suspend=True), answer=answer("7")))
    assert (plan.ask, plan.make, plan.move, plan.look_again) == (False, None, None, None)


def test_a_registry_that_is_missing_is_waited_for() -> None:
    plan = plan_source(snapshot(registry_error="there is no ModelRegistry risk"))
    assert (plan.ask, plan.situation.reason, plan.look_again) == (False, "WaitingForRegistry", None)


# what it moves


def test_a_rollout_that_rests_is_moved_to_the_version_that_is_meant() -> None:
    plan = moving(rollout())
    assert plan.move == Move("ml", "demo", "ru", "77", NAME, "crossfade-modelsource/fraud")
    assert plan.situation.reason == "Moved"


def heard_then(later: float, **more: Any) -> SourcePlan:
    """The plan so many seconds after version 7 was heard of, when the Rollout has come to rest."""
    first = snapshot(spec=spec(moves={"rollout": "demo"}), answer=answer("7"), rollout=rollout(suspend=True))
    there = settled(first, plan_source(first), now=NOW + later, version=stored(NAME, means("7")), **more)
    return plan_source(replace(there, rollout=rollout()))


def test_nothing_is_moved_by_what_may_mean_something_else_by_now() -> None:
    assert heard_then(59.0).move is not None
    for known in (answer("7"), None):
        plan = heard_then(9000.0, answer=known, began=NOW + 9000.0)
        assert (plan.move, plan.situation.reason) == (None, "Asking")


def test_a_field_that_is_owned_is_said_to_be_while_the_registry_is_asked_again() -> None:
    first = moving(rollout())
    assert first.move is not None
    refused = not_moved(first, first.move, ("helm",))
    found = conditions(refused.situation, (), (), 1, NOW)
    status = refused.status.model_copy(update={"conditions": found, "observed_generation": 1})
    look = snapshot(
        spec=spec(moves={"rollout": "demo"}),
        answer=answer("7"),
        version=stored(NAME, means("7")),
        rollout=rollout(),
        status=status,
    )
    plan = plan_source(replace(look, now=NOW + 70.0))
    assert (plan.ask, plan.move, plan.situation) == (True, None, refused.situation)


def test_nothing_is_moved_unless_it_is_asked_for() -> None:
    plan = plan_source(snapshot(answer=answer("7"), version=stored(NAME, means("7")), rollout=rollout()))
    assert (plan.move, plan.situation.reason) == (None, "Proposed")


ARM = {"modelVersion": "v2", "revision": "r-2", "digest": OTHER}


@pytest.mark.parametrize(
    ("held", "reason", "words"),
    [
        (None, "WaitingForRollout", "there is no Rollout demo in the namespace ml"),
        (rollout(suspend=True), "WaitingForRollout", "is suspended"),
        (rollout(candidate=ARM), "WaitingForRollout", "under way"),
        (rollout(ready="Unknown"), "WaitingForRollout", "under way"),
        (rollout(observedGeneration=2), "WaitingForRollout", "under way"),
        (rollout(conditions=[]), "WaitingForRollout", "under way"),
        (rollout(NAME), "Moved", f"names {NAME}"),
        (rollout(digests={"v1": DIGEST}), "Moved", "which has the same bytes"),
        (rollout(history=[end(NAME, "RolledBack")]), "TakenBack", "was taken back"),
        (rollout(history=[end(NAME, "Aborted")]), "TakenBack", "was taken back"),
        (rollout(NAME, history=[end(NAME, "RolledBack")]), "TakenBack", "was taken back"),
        (rollout(history=[end("v0", "RolledBack")], digests={"v0": DIGEST}), "TakenBack", "was taken back"),
        (rollout(history=[end(NAME, "Superseded"), end(NAME, "RolledBack")]), "TakenBack", "was taken back"),
    ],
)
def test_a_rollout_is_left_alone(held: StoredRollout | None, reason: str, words: str) -> None:
    plan = moving(held)
    assert (plan.move, plan.situation.reason) == (None, reason)
    assert words in plan.situation.message


@pytest.mark.parametrize(
    "held",
    [
        rollout(history=[end(NAME, "Promoted"), end(NAME, "RolledBack")]),
        rollout(history=[end("v0", "RolledBack")], digests={"v0": OTHER}),
        rollout(history=[end(NAME, "Superseded")]),
        rollout(ready="False", history=[end("v0", "RolledBack")]),
    ],
)
def test_what_others_were_taken_back_from_or_was_promoted_since_is_moved_to(held: StoredRollout) -> None:
    assert moving(held).move is not None


@pytest.mark.parametrize(("failed", "standing"), [(False, "InProgress"), (True, "Failed")])
def test_a_version_that_is_not_resolved_moves_nothing(failed: bool, standing: str) -> None:
    plan = moving(rollout(), stored(NAME, means("7"), None, failed=failed))
    assert (plan.move, plan.situation.reason, plan.situation.standing) == (None, "WaitingForModelVersion", standing)


def test_who_owns_the_field_is_told_with_the_change_to_make() -> None:
    plan = moving(rollout())
    assert plan.move is not None
    refused = not_moved(plan, plan.move, ("argocd-controller", "helm"))
    assert (refused.situation.reason, refused.situation.standing) == ("FieldOwned", "Failed")
    assert refused.situation.message == (
        "`spec.modelVersion` of the Rollout demo is owned by argocd-controller, helm, so nothing was written. Where "
        f"that has it from, write `modelVersion: {NAME}`; or run: kubectl -n ml patch rollouts.crossfade.dev demo "
        f"""--type merge -p '{{"spec":{{"modelVersion":"{NAME}"}}}}'"""
    )
    assert [event.warning for event in refused.events] == [True]


def test_a_version_that_the_api_server_refuses_is_told() -> None:
    said = not_written(plan_source(snapshot(answer=answer("7"))), "quota").situation
    assert (said.reason, said.message) == ("NotWritten", "the ModelVersion could not be made: quota")
    assert not_written(moving(rollout()), "no").situation.message == "the Rollout could not be moved: no"
