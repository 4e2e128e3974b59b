"""Would catch requests of which another share breaks version 3 than the demo tells: fewer take minutes to tell."""

import json
from pathlib import Path

from demo.models.traffic import CONCAVITIES, bodies

ROWS = 200
NAMES = "malignant,benign"


def environment(folder: Path, rows: int) -> Path:
    """One that has scikit-learn's table, of `rows` rows in which nothing is zero."""
    data = folder / "lib" / "python3.11" / "site-packages" / "sklearn" / "datasets" / "data"
    data.mkdir(parents=True)
    lines = [f"{rows},30,{NAMES}", *[",".join([f"{row}.5"] * 30 + ["1"]) for row in range(rows)]]
    (data / "breast_cancer.csv").write_text("\n".join(lines) + "\n")
    return folder


def sent(folder: Path) -> list[list[float]]:
    return [json.loads(body)["inputs"][0]["data"] for body in bodies(environment(folder, ROWS))]


def test_four_in_a_hundred_requests_lack_the_concavities(tmp_path: Path) -> None:
    lacking = [number for number, row in enumerate(sent(tmp_path)) if any(row[column] == 0 for column in CONCAVITIES)]
    assert lacking == list(range(24, ROWS, 25))


def test_nothing_else_of_a_row_is_changed(tmp_path: Path) -> None:
    for number, row in enumerate(sent(tmp_path)):
        assert {value for column, value in enumerate(row) if column not in CONCAVITIES} == {number + 0.5}
        assert len(row) == 30
