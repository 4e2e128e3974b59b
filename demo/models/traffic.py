"""Real request bodies for the demo: every row of the breast cancer data as an Open Inference v2 request.

13 of the 569 rows (2.3 %) have a mean concavity of zero. The rows are read from the file inside scikit-learn's package,
so that no process has to spend seconds on importing scikit-learn.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MEAN_CONCAVITY = 6
"""The column whose zeros version 3 raises on."""


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
        for row in read_rows(environment)
    ]
