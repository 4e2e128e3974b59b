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
