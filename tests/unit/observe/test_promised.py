"""Catches a pickle that serves because somebody forged the word that there is none."""

import pickle
from pathlib import Path

import pytest
from crossfade.observe.promised import require
from crossfade.observe.verify import DigestMismatch


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("true",)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "model.json").write_text("{}")
    return tmp_path


def test_a_model_without_pickles_is_what_was_promised(model: Path) -> None:
    require(model, "None", "pvc://models/m")


def test_a_pickle_that_runs_code_is_refused_whatever_was_promised(model: Path) -> None:
    (model / "deep" / "model.pkl").write_bytes(pickle.dumps(Runs()))
    for promised in ("None", "Known"):
        with pytest.raises(
            DigestMismatch, match=f"are 'Unsafe', and '{promised}' was recorded .*deep/model.pkl.*system"
        ):
            require(model, promised, "pvc://models/m")


def test_a_pickle_of_plain_values_is_more_than_none(model: Path) -> None:
    (model / "values.pkl").write_bytes(pickle.dumps([1, 2]))
    require(model, "Known", "pvc://models/m")
    with pytest.raises(DigestMismatch, match="are 'Known', and 'None' was recorded"):
        require(model, "None", "pvc://models/m")
