"""Would catch a spec that talks a registry down, a field of it that is lost, and one that nobody can tell from what was
learnt."""

from typing import Any

from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.facts import Card, Facts, Lineage, Provenance, Signature
from crossfade.model.declared import with_declared

BARE: dict[str, Any] = {
    "modelName": "fraud-detector",
    "version": "1.0.0",
    "source": {"uri": {"uri": "s3://models/fraud/1"}},
}
LINEAGE = {"gitCommit": "0123abc", "datasets": [{"name": "transactions-2026", "role": "training"}]}


def spec(**groups: Any) -> ModelVersionSpec:
    return ModelVersionSpec.model_validate(BARE | groups)


def told(found: Facts) -> dict[str, Any]:
    """As the status has it."""
    return found.model_dump(by_alias=True, exclude_defaults=True)


def test_what_nobody_else_says_is_the_specs() -> None:
    score = {"metric": "auc", "value": "0.91"}
    found = with_declared(Facts(), spec(lineage=LINEAGE, evaluation={"scores": [score]}, card={"license": "mit"}))
    assert told(found) == {
        "lineage": {"origin": "Spec", **LINEAGE},
        "evaluation": {"origin": "Spec", "scores": [score]},
        "card": {"origin": "Spec", "license": "mit"},
    }


def test_what_the_registry_says_stands_and_the_rest_is_named() -> None:
    registered = Facts(lineage=Lineage(origin="Registry", git_commit="fedcba9", run_id="run-7"))
    found = with_declared(registered, spec(lineage=LINEAGE | {"user": "ada"}))
    assert told(found) == {
        "lineage": {
            "origin": "Registry",
            "gitCommit": "fedcba9",
            "runId": "run-7",
            "datasets": LINEAGE["datasets"],
            "user": "ada",
            "declared": ["user", "datasets"],
        }
    }


def test_who_made_it_is_the_registrys_word_and_what_the_spec_adds_is_named() -> None:
    sbom = {"name": "SBOM", "uri": "https://artifacts.example.com/sbom.json"}
    registered = Facts(provenance=Provenance(origin="Registry", created_at="2026-11-01T10:00:00Z"))
    said = spec(provenance={"createdBy": "Ada 你好", "createdAt": "2020-01-01T00:00:00Z", "attestations": [sbom]})
    assert told(with_declared(registered, said)) == {
        "provenance": {
            "origin": "Registry",
            "createdAt": "2026-11-01T10:00:00Z",
            "createdBy": "Ada 你好",
            "attestations": [sbom],
            "declared": ["createdBy", "attestations"],
        }
    }


def test_a_spec_that_adds_nothing_changes_nothing() -> None:
    known = Facts(
        card=Card(origin="Artifact", license="apache-2.0"),
        signature=Signature.model_validate({"origin": "Artifact", "inputs": [{"name": "amount", "type": "double"}]}),
    )
    said = spec(card={"license": "mit"}, signature={"inputs": [{"name": "other"}]}, lineage={}, environment={})
    assert with_declared(known, said) == known
    assert with_declared(known, spec()) == known


def test_that_there_are_no_parameters_is_something_that_can_be_said() -> None:
    columns = [{"name": "amount", "type": "double"}]
    files = Signature.model_validate({"origin": "Artifact", "inputs": columns, "outputs": columns})
    found = with_declared(Facts(signature=files), spec(signature={"parameters": []}))
    assert found.signature == files.model_copy(update={"parameters": [], "declared": ["parameters"]})
    none = files.model_copy(update={"parameters": []})
    assert with_declared(Facts(signature=none), spec(signature={"parameters": columns})) == Facts(signature=none)
