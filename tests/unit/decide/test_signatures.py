"""Would catch a change that breaks callers and is called harmless, or one that nobody can tell and is called none."""

from typing import Any

import pytest
from crossfade.api.v1alpha1.facts import Signature
from crossfade.decide.signatures import differences
from hypothesis import given
from hypothesis import strategies as st

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
BASE: dict[str, Any] = {
    "inputs": [
        {"name": "age", "type": "double"},
        {"name": "city", "type": "string", "presence": "Optional"},
        {"name": "pixels", "type": "float32", "shape": "[-1, 4]"},
    ],
    "outputs": [{"name": "score", "type": "double"}],
    "parameters": [{"name": "threshold", "type": "double", "presence": "Optional"}],
}


def signature(**changes: Any) -> Signature:
    return Signature.model_validate({"origin": "Artifact", **BASE, **changes})


def with_inputs(*inputs: dict[str, Any], without: tuple[str, ...] = ()) -> Signature:
    new = {one["name"]: one for one in inputs}
    kept = [new.pop(one["name"], one) for one in BASE["inputs"] if one["name"] not in without]
    return signature(inputs=[*kept, *new.values()])


AGE, CITY, PIXELS = BASE["inputs"]
SCORE = BASE["outputs"][0]
BREAKING: list[tuple[Signature, str]] = [
    (with_inputs(without=("age",)), "the input 'age' is gone"),
    (with_inputs(without=("city",)), "the input 'city' is gone"),
    (with_inputs({"name": "tax", "type": "double"}), "the input 'tax' is new and required"),
    (with_inputs({**AGE, "type": "long"}), "the input 'age' was of the type double and is of long"),
    (with_inputs({**PIXELS, "shape": "[-1, 5]"}), "the input 'pixels' had the shape [-1, 4] and has the shape [-1, 5]"),
    (with_inputs({**AGE, "shape": "[2]"}), "the input 'age' had no shape and has the shape [2]"),
    (with_inputs({**CITY, "presence": "Required"}), "the input 'city' may no longer be left out"),
    (signature(outputs=[{"name": "risk", "type": "double"}]), "the output 'score' is gone"),
    (signature(outputs=[{**SCORE, "type": "string"}]), "the output 'score' was of the type double and is of string"),
    (signature(outputs=[{**SCORE, "shape": "[-1, 2]"}]), "the output 'score' had no shape and has the shape [-1, 2]"),
    (signature(outputs=[{**SCORE, "presence": "Optional"}]), "the output 'score' may now be left out"),
    (
        signature(outputs=[SCORE, {"name": "1", "type": "double"}]),
        "the output '1' is new and has a place instead of a name",
    ),
    (signature(parameters=[]), "the parameter 'threshold' is gone"),
    (
        signature(parameters=[{"name": "threshold", "type": "string", "presence": "Optional"}]),
        "the parameter 'threshold' was of the type double and is of string",
    ),
    (
        with_inputs({"name": "tags", "type": "array<string>"}, {**AGE, "type": "array<double>"}),
        "the input 'age' was of the type double and is of array<double>",
    ),
]
HARMLESS: list[tuple[Signature, list[str]]] = [
    (with_inputs({"name": "tax", "type": "double", "presence": "Optional"}), ["the input 'tax' is new"]),
    (with_inputs({**AGE, "presence": "Optional"}), ["the input 'age' may now be left out"]),
    (signature(outputs=[SCORE, {"name": "reason", "type": "string"}]), ["the output 'reason' is new"]),
    (
        signature(parameters=[*BASE["parameters"], {"name": "top", "type": "long", "presence": "Optional"}]),
        ["the parameter 'top' is new"],
    ),
    (signature(inputs=[PIXELS, CITY, AGE]), []),
]


@pytest.mark.parametrize(("after", "clause"), BREAKING, ids=[clause for _, clause in BREAKING])
def test_what_breaks_callers(after: Signature, clause: str) -> None:
    found = differences(signature(), after)
    assert clause in found.breaking
    assert not found.untold


@pytest.mark.parametrize(("after", "clauses"), HARMLESS, ids=[str(clauses) for _, clauses in HARMLESS])
def test_what_is_new_and_breaks_nobody(after: Signature, clauses: list[str]) -> None:
    found = differences(signature(), after)
    assert (found.breaking, found.harmless, found.untold) == ([], clauses, [])


@pytest.mark.parametrize(
    ("before", "after", "clause"),
    [
        (None, signature(), "no signature is recorded of that one"),
        (signature(), None, "no signature is recorded of this one"),
        (None, None, "no signature is recorded of either"),
        (signature(outputs=[]), signature(outputs=[]), "no outputs are recorded of either"),
        (signature(outputs=[]), signature(), "no outputs are recorded of that one"),
        (signature(), signature(inputs=[]), "no inputs are recorded of this one"),
        (signature(parameters=None), signature(), "no parameters are recorded of that one"),
        *(
            (with_inputs({**AGE, "type": one}), with_inputs({**AGE, "type": other}), "the input 'age' has a type that")
            for one, other in (
                *((kind, kind) for kind in (None, "array", "tensor")),
                ("object", "object{a:double}"),
                ("double", None),
            )
        ),
        (signature(digest=DIGEST), signature(digest=OTHER), "signatures have more columns than are recorded"),
        (signature(digest=DIGEST), signature(), "signatures have more columns than are recorded"),
        (signature(), signature(digest=OTHER), "signatures have more columns than are recorded"),
    ],
)
def test_what_is_not_recorded_is_never_taken_for_the_same(
    before: Signature | None, after: Signature | None, clause: str
) -> None:
    found = differences(before, after)
    assert found.breaking == []
    assert any(one.startswith(clause) for one in found.untold)


def test_what_is_missing_where_not_all_is_listed_may_be_there() -> None:
    cut = signature(inputs=[AGE], digest=DIGEST)
    assert differences(signature(), cut).breaking == []
    assert differences(cut, signature()).breaking == []
    assert differences(cut, signature(inputs=[{**AGE, "type": "long"}], digest=OTHER)).breaking == [
        "the input 'age' was of the type double and is of long"
    ]
    assert differences(cut, signature(inputs=[CITY])).breaking == ["the input 'age' is gone"]


def test_a_full_list_of_an_older_operator_may_have_been_cut() -> None:
    full = [{"name": f"f{number}", "type": "double"} for number in range(64)]
    for after in (signature(inputs=full), signature(inputs=full, digest=DIGEST), signature(inputs=full[:9])):
        assert differences(signature(inputs=full), after).untold
    assert not differences(signature(inputs=full, digest=DIGEST), signature(inputs=full, digest=DIGEST)).untold
    assert not differences(signature(inputs=full[1:]), signature(inputs=full[1:])).untold


def test_what_the_spec_says_beside_a_cut_signature_is_compared_as_a_whole() -> None:
    """The digest is of what the files say, and of nothing else."""

    def cut(*outputs: dict[str, Any]) -> Signature:
        return signature(inputs=[AGE], outputs=list(outputs), digest=DIGEST, declared=["outputs", "parameters"])

    reason = {"name": "reason", "type": "string"}
    assert differences(cut(SCORE, reason), cut(SCORE)).breaking == ["the output 'reason' is gone"]
    assert differences(cut(SCORE), cut(SCORE, reason)).harmless == ["the output 'reason' is new"]
    same = differences(cut(SCORE), cut(SCORE))
    assert (same.breaking, same.harmless, same.untold) == ([], [], [])


def test_a_full_list_of_the_spec_is_all_of_it() -> None:
    full = [{"name": f"f{number}", "type": "double"} for number in range(64)]
    declared, less = (signature(origin="Spec", inputs=inputs) for inputs in (full, full[1:]))
    assert not differences(declared, declared).untold
    assert differences(declared, less).breaking == ["the input 'f0' is gone"]


COLUMNS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from("abcdef"),
            "type": st.sampled_from(["double", "long", "string"]),
            "presence": st.sampled_from(["Required", "Optional"]),
        },
        optional={"shape": st.sampled_from(["[-1]", "[-1, 2]"])},
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda one: one["name"],
)
PARAMETERS = COLUMNS.map(lambda columns: [{**one, "presence": "Optional"} for one in columns])
SIGNATURES = st.builds(signature, inputs=COLUMNS, outputs=COLUMNS, parameters=PARAMETERS)


def answers_callers_of(before: Signature, after: Signature) -> bool:
    """Written down anew: whoever calls by `before` sends what `after` takes, and gets what was promised."""
    for column in before.inputs:
        taken = next((one for one in after.inputs if one.name == column.name), None)
        if taken is None or (taken.type, taken.shape) != (column.type, column.shape):
            return False
    sent = {one.name for one in before.inputs if one.presence == "Required"}
    if any(one.presence == "Required" and one.name not in sent for one in after.inputs):
        return False
    for column in before.outputs:
        given_ = next((one for one in after.outputs if one.name == column.name), None)
        if given_ is None or (given_.type, given_.shape) != (column.type, column.shape):
            return False
        if column.presence == "Required" and given_.presence == "Optional":
            return False
    known = [(one.name, one.type, one.shape) for one in after.parameters or ()]
    return all((one.name, one.type, one.shape) in known for one in before.parameters or ())


@given(SIGNATURES, SIGNATURES)
def test_callers_break_where_something_breaking_is_said_and_nowhere_else(before: Signature, after: Signature) -> None:
    found = differences(before, after)
    assert (not found.breaking) == answers_callers_of(before, after)
    assert not found.untold


@given(SIGNATURES)
def test_nothing_differs_from_itself(one: Signature) -> None:
    found = differences(one, one)
    assert (found.breaking, found.harmless, found.untold) == ([], [], [])
