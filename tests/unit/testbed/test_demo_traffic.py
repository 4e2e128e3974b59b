"""Would catch demo traffic that is not the data's rows: a label sent as a feature, a lost row, a shape that lies."""

import json
from pathlib import Path

import pytest

from demo.models import traffic


def environment(folder: Path) -> Path:
    data = folder / "lib/python3.13/site-packages/sklearn/datasets/data"
    data.mkdir(parents=True)
    rows = ["2,3,malignant,benign", "17.99,10.38,0.5,0", "6.981,13.43,0,1"]
    (data / "breast_cancer.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_each_row_is_one_request_without_its_label(tmp_path: Path) -> None:
    first, second = (json.loads(body)["inputs"][0] for body in traffic.bodies(environment(tmp_path)))
    assert first == {"name": "input", "shape": [1, 3], "datatype": "FP64", "data": [17.99, 10.38, 0.5]}
    assert second["data"] == [6.981, 13.43, 0.0]


def test_an_environment_without_the_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        traffic.bodies(tmp_path)
