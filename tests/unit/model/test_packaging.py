"""Would catch weights or code that pass for packaging, and so another model that passes for a patch."""

import pytest
from crossfade.model.packaging import is_packaging


@pytest.mark.parametrize(
    "path",
    [
        "MLmodel",
        "metadata/MLmodel",
        "conda.yaml",
        "python_env.yaml",
        "requirements.txt",
        "README.md",
        "docs/card.MD",
        "docs/card.rst",
        "LICENSE",
        "LICENSE.txt",
        ".gitattributes",
        "input_example.json",
        "serving_input_example.json",
    ],
)
def test_what_surrounds_a_model(path: str) -> None:
    assert is_packaging(path)


@pytest.mark.parametrize(
    "path",
    [
        "model.onnx",
        "model.pkl",
        "saved_model.pb",
        "variables/variables.index",
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "vocab.txt",
        "merges.txt",
        "code/inference.py",
        "artifacts/lookup.csv",
        "requirements.txt.bin",
        "README",
        "README.md/model.bin",
        "mlmodel",
    ],
)
def test_what_is_the_model(path: str) -> None:
    assert not is_packaging(path)
