"""Would catch a name by the convention that is refused, or one that says `final` and is let in."""

import pytest
from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
from crossfade.decide.naming import misnamed
from crossfade.decide.proposing import proposal
from crossfade.model.sourcing import Meaning


def spec(model: str = "fraud-detector", version: str = "3.2.1", naming: str = "Convention") -> ModelVersionSpec:
    return ModelVersionSpec.model_validate(
        {
            "modelName": model,
            "version": version,
            "source": {"mlflow": {"name": "fraud", "version": "1"}},
            "policy": {"naming": naming},
        }
    )


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("fraud-detector-v3.2.1-20240415-prod", "3.2.1"),
        ("fraud-detector-v3.2.1", "3.2.1"),
        ("fraud-detector-3.2.1", "3.2.1"),
        ("fraud-detector-3-2-1", "3.2.1"),
        ("fraud-detector-v3-2-1-eu", "3.2.1"),
        ("fraud-detector-3.2.1-rc.1", "3.2.1-rc.1"),
        ("fraud-detector-3-2-1-rc-1-20240415", "3.2.1-RC.1"),
        ("fraud-detector-v3.2.1-ec52a71f", "3.2.1+ec52a71f"),
    ],
)
def test_names_by_the_convention(name: str, version: str) -> None:
    assert misnamed(name, spec(version=version)) == ""


@pytest.mark.parametrize(
    "name",
    [
        "fraud-detector",
        "fraud-detector-3.2",
        "fraud-detector-3.2.11",
        "fraud-detector-3.2.1.1",
        "fraud-detector-v3-2-1.prod",
        "fraud-detector-3.2.1rc1",
        "fraud-detector-vv3.2.1",
        "fraud-3.2.1",
        "my-fraud-detector-3.2.1",
        "v2-improved",
        "model-final",
    ],
)
def test_a_name_must_say_model_and_version(name: str) -> None:
    assert misnamed(name, spec(naming="Any")) == ""
    assert misnamed(name, spec()) == (
        f"`metadata.name` is {name}, and `spec.policy.naming` is `Convention`: it must be fraud-detector-v3.2.1, also"
        " with dashes for dots, without the v, and with more after a dash, such as a date and where it is for"
    )


@pytest.mark.parametrize("word", ["final", "latest", "new", "improved", "copy", "test", "tmp"])
def test_words_that_another_version_makes_untrue_are_in_no_name(word: str) -> None:
    assert misnamed(f"fraud-{word}-3.2.1", spec(f"fraud-{word}")) == (
        f"`spec.modelName` fraud-{word} says {word}, and `spec.policy.naming` is `Convention`: it must hold for all"
        " versions of the model"
    )
    assert misnamed(f"fraud-detector-3.2.1-{word}", spec()) == (
        f"`metadata.name` fraud-detector-3.2.1-{word} says {word}, and `spec.policy.naming` is `Convention`: another"
        " version makes that untrue"
    )
    assert misnamed(f"fraud-{word}er-3.2.1", spec(f"fraud-{word}er")) == ""


def test_a_models_name_says_no_version() -> None:
    assert misnamed("fraud-v2-3.2.1", spec("fraud-v2")) == (
        "`spec.modelName` fraud-v2 says v2, and `spec.policy.naming` is `Convention`: versions belong into"
        " `spec.version` alone"
    )
    assert misnamed("resnet-50-3.2.1", spec("resnet-50")) == ""


@pytest.mark.parametrize("tag", ["1.3.0", "v1.3.0-rc.1", "20240415.12.10", "1.3.0+a.long.build.that.is.cut", ""])
def test_what_a_model_source_makes_is_by_the_convention(tag: str) -> None:
    source = ModelSourceSpec.model_validate(
        {
            "mlflow": {"name": "fraud", "alias": "candidate"},
            "template": {"modelName": "fraud-detector", "policy": {"naming": "Convention"}},
        }
    )
    made = proposal(source, Meaning(spec().source, "123456789012345", tag))
    assert misnamed(made.name, made.spec) == ""
