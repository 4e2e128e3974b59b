"""Real request bodies for the demo: every row of the breast cancer data as an Open Inference v2 request.

One of 25 laboratories does not measure the concavities and sends zeros for them. 13 of the 569 rows have such a zero
anyway, which makes 6 % of the requests, and no row that version 3 was trained or scored on. The rows are read from the
file inside scikit-learn's package, so that no process has to spend seconds on importing scikit-learn.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CONCAVITIES = (6, 7)
"""The columns (mean concavity, mean concave points) whose zeros version 3 raises on."""
_LABORATORIES = 25


def read_rows(environment: Path) -> list[list[float]]:
    """All rows, thirty measurements each, from a virtual environment that has scikit-learn.

    Raises FileNotFoundError when the environment has no scikit-learn.
    """
    found = sorted(environment.glob("lib/python3.*/site-packages/sklearn/datasets/data/breast_cancer.csv"))
    if not found:
        raise FileNotFoundError(f"No scikit-learn data in {environment}. Make the environment again.")
    with found[0].open(newline="") as file:
        _, *lines = csv.reader(file)  # the first line holds counts and class names; the last column is the label
    return [[float(cell) for cell in line[:-1]] for line in lines]


def bodies(environment: Path) -> list[bytes]:
    """One request body a row, in the order of the rows."""
    return [
        json.dumps({"inputs": [{"name": "input", "shape": [1, len(row)], "datatype": "FP64", "data": row}]}).encode()
        for row in (_as_sent(number, row) for number, row in enumerate(read_rows(environment)))
    ]


def _as_sent(number: int, row: list[float]) -> list[float]:
    """The row as its laboratory sends it; they take turns, and the last one leaves out the concavities."""
    if number % _LABORATORIES < _LABORATORIES - 1:
        return row
    return [0.0 if column in CONCAVITIES else value for column, value in enumerate(row)]
