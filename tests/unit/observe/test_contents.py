"""Would catch a model's own file that is misread, trusted too far, or that stops a version from being resolved."""

import json

import pytest
from crossfade.api.v1alpha1.facts import Signature
from crossfade.observe.contents import facts_of
from hypothesis import given
from hypothesis import strategies as st

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
        "parameters": [],
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
    assert len({column.name for column in found.signature.inputs}) == len(found.signature.inputs)
    assert len(found.environment.requirements) == 128
    assert {len(version) for version in found.environment.requirements.values()} == {64}


INNER = {"type": "object", "properties": {"z": {"type": "string", "required": False}}}
HOLDING = {"x": {"type": "long", "required": True}, "y": {"type": "array", "items": INNER, "required": True}}
NESTED = {  # as MLflow 3.17 writes it
    "inputs": json.dumps(
        [
            {"type": "double", "name": "a", "required": True},
            {"type": "array", "items": {"type": "string"}, "name": "l", "required": False},
            {"type": "object", "properties": HOLDING, "name": "o", "required": True},
            {"type": "map", "values": {"type": "double"}, "name": "m", "required": True},
        ]
    ),
    "outputs": json.dumps([{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}]),
    "params": json.dumps(
        [
            {"name": "t", "default": 0.5, "shape": None, "type": "double"},
            {"name": "k", "default": [1, 2], "shape": [-1], "type": "long"},
        ]
    ),
}


def signature(said: object) -> Signature:
    found = facts_of({"MLmodel": json.dumps({"signature": said}).encode()}).signature
    assert found is not None
    return found


def test_what_is_in_lists_maps_and_objects_is_part_of_the_type() -> None:
    found = signature(NESTED)
    assert [(one.name, one.type, one.presence) for one in found.inputs] == [
        ("a", "double", "Required"),
        ("l", "array<string>", "Optional"),
        ("o", "object{x:long,y:array<object{z?:string}>}", "Required"),
        ("m", "map<double>", "Required"),
    ]
    assert [(one.name, one.type, one.shape) for one in found.outputs] == [("0", "float32", "[-1, 3]")]
    assert [(one.name, one.type, one.shape, one.presence) for one in found.parameters or ()] == [
        ("t", "double", None, "Optional"),
        ("k", "long", "[-1]", "Optional"),
    ]
    assert found.digest is None


def test_a_type_that_is_too_long_differs_where_it_is_cut() -> None:
    def of(last: str) -> str | None:
        properties = {f"property{number}": {"type": "double"} for number in range(20)}
        column = {"name": "o", "type": "object", "properties": {**properties, "zz": {"type": last}}}
        return signature({"inputs": json.dumps([column])}).inputs[0].type

    one, other = of("double"), of("\ud800")
    assert one is not None
    assert other is not None
    assert one != other
    assert one[:47] == other[:47] == "object{property0:double,property1:double,proper"
    assert len(one) == 64


def listed(count: int, last: str = "double") -> dict[str, str]:
    columns = [{"name": f"f{number}", "type": "double"} for number in range(count - 1)]
    return {"inputs": json.dumps([*columns, {"name": "last", "type": last}])}


def test_a_signature_of_which_not_all_is_listed_has_a_digest_of_all() -> None:
    assert signature(listed(63)).digest is None
    assert signature(listed(64)).digest is not None
    one, other = signature(listed(65)), signature(listed(65, "string"))
    assert one.inputs == other.inputs
    assert one.digest != other.digest
    assert signature(listed(65)) == one
    for twice_or_cut in ([{"name": "a"}, {"name": "a", "type": "long"}], [{"name": "a" * 254}]):
        assert signature({"inputs": json.dumps(twice_or_cut)}).digest is not None


def test_a_type_that_is_not_said_to_its_end_says_its_kind_alone() -> None:
    deep: dict[str, object] = {"type": "double"}
    for _ in range(200):
        deep = {"type": "array", "items": deep}
    odd = [
        {"name": "deep", **deep},
        {"name": "o", "type": "object", "properties": {"a,b": {"type": "long"}}},
        {"name": "half", "type": "object", "properties": {"a": {"type": "long"}, "b": {"type": 3}}},
        {"name": "list", "type": "array", "items": {"type": "map"}},
        {"name": "none", "type": ["x"]},
    ]
    found = [one.type for one in signature({"inputs": json.dumps(odd)}).inputs]
    assert found == ["array", 'object{"a,b":long}', "object", "array", None]


def test_what_is_said_and_not_understood_is_not_taken_for_nothing() -> None:
    tensor = {"name": "a", "type": "tensor"}
    shapes: list[object] = [[-1, "n"], "n", {}, [[]]]
    for shape in shapes:
        odd = {**tensor, "tensor-spec": {"dtype": "float32", "shape": shape}}
        assert signature({"inputs": json.dumps([odd])}).inputs[0].type is None
    found = signature({"inputs": json.dumps([{"name": "a", "type": "long"}, 7]), "params": "[{"})
    assert [(one.name, one.type) for one in found.inputs] == [("a", "long"), ("1", None)]
    assert found.parameters is None
    assert signature({"inputs": json.dumps([tensor]), "params": "null"}).parameters == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "type", "items", "values", "properties", "required", "tensor-spec", "dtype", "shape"]
            )
            | st.text(max_size=4),
            inner | st.sampled_from(["array", "map", "object", "double", "tensor"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4), JSON)
def test_whatever_a_signature_says_it_is_read_or_left_out(columns: list[object], outputs: object) -> None:
    said = {"signature": {"inputs": json.dumps(columns), "outputs": json.dumps(outputs), "params": json.dumps(columns)}}
    found = facts_of({"MLmodel": json.dumps(said).encode()}).signature
    for listed in (found.inputs, found.outputs, found.parameters or ()) if found else ():
        assert len({one.name for one in listed}) == len(listed)
