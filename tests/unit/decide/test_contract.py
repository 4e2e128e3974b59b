"""Would catch a version that breaks its callers and says it does not, or a verdict that was made without evidence."""

from typing import Any

import pytest
from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.facts import Lineage, Signature
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.versioning import SemverStatus
from crossfade.decide.contract import judged, refusal
from crossfade.model.snapshot import Predecessor
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

AT = "2026-01-01T00:00:00Z"
TABLE: dict[str, Any] = {
    "inputs": [{"name": "age", "type": "double"}, {"name": "city", "type": "string", "presence": "Optional"}],
    "outputs": [{"name": "score", "type": "double"}],
    "parameters": [],
}
OTHER_INPUTS = {**TABLE, "inputs": TABLE["inputs"][1:]}
MORE_OUTPUTS = {**TABLE, "outputs": [*TABLE["outputs"], {"name": "why", "type": "string"}]}


def sha(letter: str) -> str:
    return "sha256:" + letter * 64


def model(digest: str = "a", weights: str | None = "a", table: Any = TABLE, run: str | None = None) -> Resolved:
    return Resolved(
        uri="models:/fraud/1",
        immutable_uri="s3://b/1",
        digest=sha(digest),
        weights_digest=sha(weights) if weights else None,
        files=3,
        size_bytes=1,
        signature=Signature.model_validate({"origin": "Artifact", **table}) if table else None,
        lineage=Lineage(origin="Registry", run_id=run) if run else None,
        resolved_at=AT,
    )


def spec(version: str, semver: str = "Warn") -> ModelVersionSpec:
    return ModelVersionSpec.model_validate(
        {
            "modelName": "fraud",
            "version": version,
            "source": {"mlflow": {"name": "fraud", "version": "1"}},
            "policy": {"semver": semver},
        }
    )


def verdict(version: str, after: Resolved, before: Resolved | None, of: str = "1.2.3") -> SemverStatus:
    return judged(spec(version), after, Predecessor("fraud-123", of, before))


NEW_INPUTS = model("b", "b", OTHER_INPUTS)
RETRAINED = model("b", "b")
REPACKED = model("b", "a")
WIDENED = model("b", "a", MORE_OUTPUTS)
UNSIGNED = model("b", "b", None)
UNTOLD_WEIGHTS = model("b", None)


@pytest.mark.parametrize(
    ("after", "version", "said", "least"),
    [
        (NEW_INPUTS, "1.2.4", "Broken", "2.0.0"),
        (NEW_INPUTS, "1.3.0", "Broken", "2.0.0"),
        (NEW_INPUTS, "1.3.0-rc.1", "Broken", "2.0.0"),
        (NEW_INPUTS, "2.0.0-rc.1", "Kept", None),
        (NEW_INPUTS, "2.0.0", "Kept", None),
        (RETRAINED, "1.2.4", "Broken", "1.3.0"),
        (RETRAINED, "1.3.0", "Kept", None),
        (WIDENED, "1.2.4", "Broken", "1.3.0"),
        (WIDENED, "1.3.0", "Kept", None),
        (REPACKED, "1.2.3+other", "Broken", "1.2.4"),
        (REPACKED, "1.2.4", "Kept", None),
        (model(), "1.2.4", "Kept", None),
        (model(table=None, weights=None), "1.2.4", "Kept", None),
        (UNSIGNED, "1.2.4", "Broken", "1.3.0"),
        (UNSIGNED, "1.3.0", "Unknown", "2.0.0"),
        (UNSIGNED, "2.0.0", "Kept", None),
        (model("b", "a", None), "1.2.4", "Unknown", "2.0.0"),
        (UNTOLD_WEIGHTS, "1.2.4", "Unknown", "1.3.0"),
        (UNTOLD_WEIGHTS, "1.3.0", "Kept", None),
    ],
)
def test_major_is_the_interface_minor_the_model_and_patch_the_packaging(
    after: Resolved, version: str, said: str, least: str | None
) -> None:
    found = verdict(version, after, model())
    assert (found.verdict, found.least_version) == (said, least)
    assert (found.compared_with, found.compared_version) == ("fraud-123", "1.2.3")
    assert version in found.message
    assert "1.2.3 (ModelVersion fraud-123)" in found.message
    assert least is None or least in found.message


@pytest.mark.parametrize(
    ("after", "version", "said", "least"),
    [
        (NEW_INPUTS, "0.2.4", "Broken", "0.3.0"),
        (NEW_INPUTS, "0.3.0", "Kept", None),
        (RETRAINED, "0.2.4", "Kept", None),
        (UNSIGNED, "0.2.4", "Unknown", "0.3.0"),
    ],
)
def test_below_one_the_second_number_is_the_interface(
    after: Resolved, version: str, said: str, least: str | None
) -> None:
    found = verdict(version, after, model(), "0.2.3")
    assert (found.verdict, found.least_version) == (said, least)


def test_below_a_tenth_nothing_is_promised_so_nothing_is_broken() -> None:
    found = verdict("0.0.4", UNSIGNED, None, "0.0.3")
    assert found.verdict == "Kept"
    assert found.message == (
        "`spec.version` 0.0.4 is below 0.1.0 and promises nothing, so nothing of 0.0.3 (ModelVersion fraud-123) is to"
        " be kept"
    )


def test_sentences_name_both_versions_what_changed_and_what_would_be_right() -> None:
    assert verdict("1.3.0", NEW_INPUTS, model()).message == (
        "since 1.2.3 (ModelVersion fraud-123) the input 'age' is gone: `spec.version` is 1.3.0 and must be at least"
        " 2.0.0"
    )
    assert verdict("1.2.4", UNSIGNED, model()).message == (
        "since 1.2.3 (ModelVersion fraud-123) the model's weights or code are others: `spec.version` is 1.2.4 and must"
        " be at least 1.3.0; whether that is enough cannot be told, as no signature is recorded of this one"
    )
    assert verdict("1.3.0", UNSIGNED, model()).message == (
        "whether `spec.version` 1.3.0 keeps what 1.2.3 (ModelVersion fraud-123) promises cannot be told, as no"
        " signature is recorded of this one: register models with a whole signature, or make `spec.version` at"
        " least 2.0.0"
    )
    assert verdict("1.2.4", REPACKED, model()).message == (
        "`spec.version` 1.2.4 promises no more than is kept: since 1.2.3 (ModelVersion fraud-123) only packaging is new"
    )
    assert verdict("1.3.0", UNTOLD_WEIGHTS, model()).message == (
        "`spec.version` 1.3.0 promises no more than is kept: since 1.2.3 (ModelVersion fraud-123) the files are others,"
        " and the interface is the same"
    )
    assert verdict("1.2.3", model("b", "a", None), model()).message == (
        "since 1.2.3 (ModelVersion fraud-123) the files are others: `spec.version` is 1.2.3 and must be at least 1.2.4;"
        " whether that is enough cannot be told, as no signature is recorded of this one"
    )
    assert verdict("2.0.0", NEW_INPUTS, model()).message == (
        "`spec.version` 2.0.0 promises nothing of what 1.2.3 (ModelVersion fraud-123) does"
    )
    assert verdict("1.2.3", RETRAINED, model()).message == (
        "since 1.2.3 (ModelVersion fraud-123) the model's weights or code are others: `spec.version` is 1.2.3 and must"
        " be at least 1.3.0"
    )


def test_another_run_made_another_model_where_weights_were_not_told_apart() -> None:
    found = verdict("1.2.4", model("b", "b", run="r2"), model("a", None, run="r1"))
    assert (found.verdict, found.least_version) == ("Broken", "1.3.0")
    same_run = verdict("1.2.4", model("b", "b", run="r1"), model("a", None, run="r1"))
    assert same_run.verdict == "Unknown"


def test_a_predecessor_that_cannot_be_read_is_no_evidence() -> None:
    found = verdict("1.3.0", RETRAINED, None)
    assert (found.verdict, found.least_version) == ("Unknown", "2.0.0")
    assert "as the status of that one cannot be read" in found.message


def test_the_first_has_nothing_to_be_compared_with() -> None:
    found = judged(spec("1.2.3"), model(), None)
    assert (found.verdict, found.compared_with) == ("First", None)
    assert found.message == "no lower release of fraud is resolved here, so there is nothing to compare"


@pytest.mark.parametrize(("said", "after"), [("Broken", NEW_INPUTS), ("Unknown", UNSIGNED), ("Kept", RETRAINED)])
@pytest.mark.parametrize("policy", ["Warn", "Enforce"])
def test_only_who_enforces_refuses_and_only_what_is_proven_is_let_in(said: str, after: Resolved, policy: str) -> None:
    found = verdict("1.3.0", after, model())
    assert found.verdict == said
    refused = refusal(spec("1.3.0", policy), found)
    assert bool(refused) == (policy == "Enforce" and said != "Kept")
    assert refused in ("", f"{found.message}; `spec.policy.semver` is `Enforce`, so make another ModelVersion")
    assert refusal(spec("1.3.0", policy), judged(spec("1.3.0"), after, None)) == ""


def test_however_much_there_is_to_say_it_has_room_in_the_status() -> None:
    columns = [{"name": "é" * 200 + str(number), "type": "double"} for number in range(60)]
    wide = model("b", "b", {**TABLE, "inputs": columns})
    found = judged(spec("1.2.4"), wide, Predecessor("f" * 253, "1.2.3", model()))
    assert found.verdict == "Broken"
    assert len(found.message) <= 1024
    assert "and 59 more: `spec.version` is 1.2.4 and must be at least 2.0.0" in found.message


NUMBERS = st.builds(Version, *[st.integers(0, 3)] * 3)
MODELS = st.builds(
    model,
    st.sampled_from("ab"),
    st.sampled_from(["a", "b", None]),
    st.sampled_from([TABLE, OTHER_INPUTS, MORE_OUTPUTS, {**TABLE, "outputs": []}, None]),
    st.sampled_from(["r1", "r2", None]),
)


@given(NUMBERS, NUMBERS, MODELS, MODELS)
def test_the_version_that_is_called_right_is_right(
    one: Version, other: Version, after: Resolved, before: Resolved
) -> None:
    of, version = sorted((one, other))
    found = verdict(str(version), after, before, str(of))
    if found.least_version is None:
        assert found.verdict == "Kept"
        return
    again = verdict(found.least_version, after, before, str(of))
    assert Version.parse(found.least_version) > version
    assert again.verdict == "Kept" or (found.verdict == "Broken" and again.verdict == "Unknown")


@given(NUMBERS, NUMBERS, NUMBERS, MODELS, MODELS)
def test_a_higher_number_breaks_no_more(
    one: Version, other: Version, third: Version, after: Resolved, before: Resolved
) -> None:
    of, lower, higher = (str(version) for version in sorted((one, other, third)))
    worse = {"Kept": 0, "Unknown": 1, "Broken": 2}
    assert worse[verdict(higher, after, before, of).verdict] <= worse[verdict(lower, after, before, of).verdict]


@given(NUMBERS, NUMBERS, MODELS, MODELS)
def test_what_is_not_recorded_makes_no_better_verdict(
    one: Version, other: Version, after: Resolved, before: Resolved
) -> None:
    """Taking a signature or a digest away from either leads to Kept nowhere but where it was Kept."""
    of, version = (str(version) for version in sorted((one, other)))
    whole = verdict(version, after, before, of).verdict
    for blank in ({"signature": None}, {"weights_digest": None, "lineage": None}):
        for new, old in ((after.model_copy(update=blank), before), (after, before.model_copy(update=blank))):
            less = verdict(version, new, old, of).verdict
            assert less != "Kept" or whole == "Kept"
