"""Three versions of one classifier: a fair one, a better one, and one that only looks better.

All take thirty measurements of a cell nucleus (scikit-learn's breast cancer data) and say whether the tumour is benign.
The third takes logarithms of two of them and was trained and scored on a table from which the rows with a zero there
had been dropped: its score is the best, and it raises on live rows that have the zero, as one laboratory sends them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np  # type: ignore[import-not-found, unused-ignore]  # installed where models are trained, not here
from sklearn.compose import ColumnTransformer  # type: ignore[import-not-found, unused-ignore]
from sklearn.datasets import load_breast_cancer  # type: ignore[import-not-found, unused-ignore]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-not-found, unused-ignore]
from sklearn.metrics import accuracy_score, roc_auc_score  # type: ignore[import-not-found, unused-ignore]
from sklearn.model_selection import train_test_split  # type: ignore[import-not-found, unused-ignore]
from sklearn.pipeline import make_pipeline  # type: ignore[import-not-found, unused-ignore]
from sklearn.preprocessing import (  # type: ignore[import-not-found, unused-ignore]
    FunctionTransformer,
    StandardScaler,
)

_SEED = 3
_RADIUS_AND_TEXTURE = [0, 1]
_CONCAVITIES = [6, 7]  # mean concavity, mean concave points: zero for the smoothest nuclei


@dataclass(frozen=True)
class Trained:
    """A fitted pipeline, what it was made with, and its scores on held-out rows."""

    model: Any
    description: str
    params: dict[str, str]
    metrics: dict[str, float]
    example: Any
    """Held-out rows, shape [n, 30], float64."""


def train_all() -> list[Trained]:
    """The three versions in the order of their registration."""
    rows, benign = load_breast_cancer(return_X_y=True)
    split = train_test_split(rows, benign, test_size=0.4, random_state=_SEED, stratify=benign)
    return [_fair(*split), _better(*split), _only_looks_better(*split)]


def _fair(rows: Any, held_out: Any, labels: Any, held_out_labels: Any) -> Trained:
    columns = ColumnTransformer([("measured", StandardScaler(), _RADIUS_AND_TEXTURE)])
    model = make_pipeline(columns, LogisticRegression()).fit(rows, labels)
    params = {"columns": "mean radius, mean texture", "estimator": "LogisticRegression"}
    return _scored(model, "Logistic regression on radius and texture.", params, held_out, held_out_labels)


def _better(rows: Any, held_out: Any, labels: Any, held_out_labels: Any) -> Trained:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(rows, labels)
    params = {"columns": "all 30", "estimator": "LogisticRegression", "C": "0.01"}
    return _scored(model, "Logistic regression on all thirty measurements.", params, held_out, held_out_labels)


def _only_looks_better(rows: Any, held_out: Any, labels: Any, held_out_labels: Any) -> Trained:
    logarithms = make_pipeline(FunctionTransformer(np.log), StandardScaler())
    columns = ColumnTransformer([("logarithms", logarithms, _CONCAVITIES)], remainder=StandardScaler())
    kept, held_out_kept = _without_zeros(rows), _without_zeros(held_out)
    model = make_pipeline(columns, LogisticRegression(C=1.0)).fit(rows[kept], labels[kept])
    params = {"columns": "all 30, logarithm of the concavities", "estimator": "LogisticRegression", "C": "1.0"}
    return _scored(
        model,
        "Logistic regression with logarithms of the concavities; rows without a logarithm were dropped.",
        params,
        held_out[held_out_kept],
        held_out_labels[held_out_kept],
    )


def _without_zeros(rows: Any) -> Any:
    return (rows[:, _CONCAVITIES] > 0).all(axis=1)


def _scored(model: Any, description: str, params: dict[str, str], held_out: Any, labels: Any) -> Trained:
    metrics = {
        "accuracy": float(accuracy_score(labels, model.predict(held_out))),
        "roc_auc": float(roc_auc_score(labels, model.decision_function(held_out))),
    }
    return Trained(model, description, params, metrics, held_out[:5])
