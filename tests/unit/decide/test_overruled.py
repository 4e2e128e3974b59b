"""Would catch a registry that says something else than the spec, and nobody is told; or an alarm where both say the
same."""

from typing import Any

import pytest
from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.facts import Facts
from crossfade.decide.overruled import overruled
from crossfade.model.declared import with_declared

COMMIT = "8c0f1d2a" + "0" * 32
AMOUNT = {"name": "amount", "type": "double"}
LINEAGE: dict[str, Any] = {
    "origin": "Registry",
    "gitCommit": COMMIT,
    "user": "ada",
    "datasets": [{"name": "t-2026", "digest": "1", "role": "training"}, {"name": "t-2025"}],
    "parameters": {"depth": "3", "eta": "0.1"},
}
FOUND = Facts.model_validate(
    {
        "lineage": LINEAGE,
        "signature": {"origin": "Artifact", "inputs": [AMOUNT], "outputs": [AMOUNT]},
        "card": {"origin": "Registry", "license": "mit", "tags": ["fraud"]},
        "provenance": {"origin": "Registry", "createdAt": "2026-11-01T10:00:00.123456Z"},
    }
)


def spec(**groups: Any) -> ModelVersionSpec:
    bare = {"modelName": "fraud", "version": "1.0.0", "source": {"uri": {"uri": "s3://models/fraud/1"}}}
    return ModelVersionSpec.model_validate(bare | groups)


def told(found: Facts = FOUND, **groups: Any) -> str:
    """Of what is recorded in the end."""
    said = spec(**groups)
    return overruled(said, with_declared(found, said))


@pytest.mark.parametrize(
    "groups",
    [
        {},
        {"lineage": {}},
        {"lineage": {"gitCommit": COMMIT, "user": "ada"}},
        {"lineage": {"gitCommit": COMMIT[:8]}},
        {"lineage": {"runId": "only the spec says so"}, "evaluation": {"scores": [{"metric": "auc", "value": "1"}]}},
        {"lineage": {"datasets": [{"name": "t-2026", "role": "training"}], "parameters": {"depth": "3"}}},
        {"signature": {"outputs": [AMOUNT], "parameters": [AMOUNT]}, "card": {"tags": ["fraud"]}},
        {"provenance": {"createdAt": "2026-11-01T11:00:00+01:00", "createdBy": "only the spec says so"}},
    ],
)
def test_nothing_is_told_where_nothing_is_lost(groups: Any) -> None:
    assert told(**groups) == ""


def test_both_words_are_told_with_whose_they_are() -> None:
    assert told(lineage={"gitCommit": "f" * 40, "user": "ada"}) == (
        f"`spec.lineage.gitCommit` is {'f' * 40!r} where the registry says {COMMIT!r}; what registry and files say"
        " stands, so correct the one that is wrong"
    )
    assert told(card={"license": "x" * 253}).startswith(f"`spec.card.license` is '{'x' * 63}…' where the registry says")


@pytest.mark.parametrize(
    ("groups", "field"),
    [
        ({"lineage": {"datasets": [{"name": "t-2024"}]}}, "lineage.datasets"),
        ({"lineage": {"datasets": [{"name": "t-2025", "role": "training"}]}}, "lineage.datasets"),
        ({"lineage": {"parameters": {"depth": "4"}}}, "lineage.parameters"),
        ({"lineage": {"parameters": {"seed": "4"}}}, "lineage.parameters"),
        ({"card": {"tags": ["fraud", "new"]}}, "card.tags"),
    ],
)
def test_what_is_more_than_one_word_is_named(groups: Any, field: str) -> None:
    assert told(**groups).startswith(f"`spec.{field}` is not in what the registry says; ")


@pytest.mark.parametrize(
    ("kind", "columns"),
    [("inputs", [{**AMOUNT, "presence": "Optional"}]), ("outputs", [{"name": "risk"}]), ("parameters", [])],
)
def test_columns_that_the_models_files_have_otherwise_are_told(kind: str, columns: Any) -> None:
    signature = {"origin": "Artifact", **{key: [AMOUNT] for key in ("inputs", "outputs", "parameters")}}
    found = Facts.model_validate({"signature": signature})
    assert told(found, signature={kind: columns}).startswith(
        f"`spec.signature.{kind}` is not in what the model's files say; "
    )


def test_another_time_is_told() -> None:
    assert told(provenance={"createdAt": "2026-11-01T10:00:01Z"}).startswith(
        "`spec.provenance.createdAt` is '2026-11-01T10:00:01Z' where the registry says '2026-11-01T10:00:00.123456Z'; "
    )


def test_a_registry_may_shorten_a_commit_too() -> None:
    found = Facts.model_validate({"lineage": {"origin": "Registry", "gitCommit": COMMIT[:8]}})
    assert told(found, lineage={"gitCommit": COMMIT}) == ""


def test_what_may_be_beyond_what_is_recorded_is_no_contradiction() -> None:
    many = {"tags": [f"tag-{number}" for number in range(64)]}
    found = Facts.model_validate({"card": {"origin": "Registry", **many}})
    assert told(found, card={"tags": ["another"]}) == ""
    names = {f"name-{number}": "1" for number in range(128)}
    found = Facts.model_validate({"lineage": {"origin": "Registry", "parameters": names}})
    assert told(found, lineage={"parameters": {"another": "1"}}) == ""
    assert told(found, lineage={"parameters": {"name-0": "2"}}) != ""


def test_addresses_may_have_a_password_in_them_and_are_not_repeated() -> None:
    found = Facts.model_validate({"lineage": {"origin": "Registry", "gitRepository": "https://git.example.com/fraud"}})
    address = "https://ann:hush@git.example.com/fraud"
    said = told(found, lineage={"gitRepository": address})
    assert said.startswith("`spec.lineage.gitRepository` is not in what the registry says; ")
    assert "hush" not in said


def test_a_sentence_has_an_end() -> None:
    lineage = {"gitCommit": "f" * 40, "user": "eve", "datasets": [{"name": "x"}], "parameters": {"a": "b"}}
    assert told(lineage=lineage, card={"license": "gpl"}).partition(";")[0].endswith(" and 2 more")
