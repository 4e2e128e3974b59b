"""Would catch a model's own file that is misread, trusted too far, or that stops a version from being resolved."""

import json

import pytest
from crossfade.observe.contents import facts_of

MLMODEL = """
flavors:
  python_function: {loader_module: mlflow.sklearn, python_version: 3.11.7}
signature:
  inputs: '[{"type": "double", "name": "age", "required": true}, {"type": "string", "name": "city", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
"""
CONDA = """
channels: [conda-forge]
dependencies:
- python=3.11.7
- pip<=24
- pip: [mlflow==3.17.2, "scikit-learn==1.7.2", "pandas[sql]>=2"]
"""


def test_the_signature_of_columns_and_of_tensors() -> None:
    found = facts_of({"MLmodel": MLMODEL.encode()}).signature
    assert found is not None
    assert found.to_json() == {
        "origin": "Artifact",
        "inputs": [
            {"name": "age", "type": "double", "presence": "Required"},
            {"name": "city", "type": "string", "presence": "Optional"},
        ],
        "outputs": [{"name": "0", "type": "int64", "shape": "[-1]", "presence": "Required"}],
    }


def test_the_environment_of_three_files() -> None:
    kept = {"conda.yaml": CONDA, "python_env.yaml": "python: 3.11.7", "requirements.txt": "mlflow==3.17.2\n# no\nnumpy"}
    found = facts_of({name: text.encode() for name, text in kept.items()}).environment
    assert found is not None
    assert (found.python_version, found.requirements) == ("3.11.7", {"mlflow": "3.17.2", "numpy": ""})
    assert found.files == ["conda.yaml", "python_env.yaml", "requirements.txt"]


CARD = """---
license: other
license_name: org-license
base_model: [org/base, org/base]
datasets:
- org/data
- 7
library_name: transformers
pipeline_tag: text-classification
tags: [fraud]
model-index:
- name: fraud
  results:
  - task: {type: text-classification}
    dataset: {name: Payments 2026, type: org/data, split: test}
    metrics:
    - {type: f1, value: 0.91}
    - {type: accuracy, name: Accuracy, value: 0.97}
    - {type: verified, value: true}
---
# Fraud
---
license: none-of-it
"""


@pytest.mark.parametrize("text", [CARD, CARD.replace("\n", "\r\n"), "\ufeff" + CARD])
def test_the_card_of_a_hub(text: str) -> None:
    assert facts_of({"README.md": text.encode()}).to_json() == {
        "card": {
            "origin": "Artifact",
            "license": "org-license",
            "baseModels": ["org/base"],
            "library": "transformers",
            "task": "text-classification",
            "tags": ["fraud"],
        },
        "lineage": {"origin": "Artifact", "datasets": [{"name": "org/data"}], "parameters": {}},
        "evaluation": {
            "origin": "Artifact",
            "scores": [
                {"metric": "f1", "value": "0.91", "dataset": "Payments 2026"},
                {"metric": "Accuracy", "value": "0.97", "dataset": "Payments 2026"},
            ],
        },
    }


@pytest.mark.parametrize(
    "text",
    [
        *("", "---", "---\n", "---\n---\n", "# license: mit", "text\n---\nlicense: mit\n---\n", "---\nlicense: mit\n"),
        *("---\n- license\n---\n", "---\nlicense: [[mit]]\nmodel-index: [{results: {}}, 1]\n---\n"),
        *("---\nmodel-index: [{results: [{metrics: [{type: a}], dataset: x}]}]\n---\n", "---\nlicense: *x\n---\n"),
    ],
)
def test_a_card_that_says_nothing_is_none(text: str) -> None:
    assert facts_of({"README.md": text.encode()}).to_json() == {}


def test_of_conda_alone_the_environment_is_known_as_well() -> None:
    found = facts_of({"conda.yaml": CONDA.encode()}).environment
    assert found is not None
    assert found.python_version == "3.11.7"
    assert found.requirements == {"pip": "", "mlflow": "3.17.2", "scikit-learn": "1.7.2", "pandas": ""}


@pytest.mark.parametrize(
    "text",
    [
        *("", "[", "- a", "signature: 1", "signature: {inputs: '['}", "signature: {inputs: '{}'}", "\x00", "a: *b"),
        *("a: &a [x]\nsignature: {inputs: *a}", "!!python/object/apply:os.system ['true']", "[" * 5000),
        f"signature: {{inputs: '{'[' * 50000}'}}",
    ],
)
def test_what_cannot_be_read_is_left_out(text: str) -> None:
    found = facts_of(dict.fromkeys(("MLmodel", "conda.yaml", "python_env.yaml"), text.encode()))
    assert found.signature is None
    assert found.environment is not None
    assert found.environment.requirements == {}


def test_what_is_too_much_is_cut() -> None:
    columns = [{"name": f"{number}" * 300, "type": "double"} for number in range(1000)]
    model = json.dumps({"signature": {"inputs": json.dumps(columns)}})
    lines = "".join(f"package-{number}=={'1' * 100}\n" for number in range(1000))
    found = facts_of({"MLmodel": model.encode(), "requirements.txt": lines.encode()})
    assert found.signature is not None
    assert found.environment is not None
    assert len(found.signature.inputs) <= 64
    assert {len(column.name) for column in found.signature.inputs} == {253}
    assert len(found.environment.requirements) == 128
    assert {len(version) for version in found.environment.requirements.values()} == {64}
