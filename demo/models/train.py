"""Train the demo's models and register them in MLflow: run by the Python of the MLflow environment.

``python -m demo.models.train --tracking-uri http://127.0.0.1:5000`` trains while the server may still be starting,
waits for it, registers three versions of one model, points the alias ``champion`` at the first, and prints each version
as soon as it is registered, one JSON object a line; all else that MLflow has to say goes to standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
import urllib.request
import warnings
from importlib.metadata import version
from typing import Any

from demo.models.recipes import Trained, train_all

_SERVER_DEADLINE_SECONDS = 180


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracking-uri", required=True, help="the MLflow server, for example http://127.0.0.1:5000")
    parser.add_argument("--name", default="tumour-classifier", help="name of the registered model")
    options = parser.parse_args()
    trained = train_all()
    mlflow = _import_mlflow()
    _wait_for(options.tracking_uri)
    mlflow.set_tracking_uri(options.tracking_uri)
    if mlflow.MlflowClient().search_registered_models(filter_string=f"name = '{options.name}'"):
        raise SystemExit(f"MLflow at {options.tracking_uri} has a model {options.name} already, and gets no more of it")
    mlflow.set_experiment(options.name)
    for model in trained:
        with contextlib.redirect_stdout(sys.stderr):
            registered = _register(mlflow, options.name, model)
            if model is trained[0]:
                mlflow.MlflowClient().set_registered_model_alias(options.name, "champion", registered["version"])
        print(json.dumps(registered), flush=True)
    return 0


def _import_mlflow() -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    warnings.filterwarnings("ignore")
    import mlflow  # type: ignore[import-not-found, unused-ignore]
    import mlflow.sklearn  # type: ignore[import-not-found, unused-ignore]

    return mlflow


def _wait_for(tracking_uri: str) -> None:
    deadline = time.monotonic() + _SERVER_DEADLINE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{tracking_uri}/health", timeout=5):  # noqa: S310  # an address we were given
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"MLflow at {tracking_uri} did not answer within {_SERVER_DEADLINE_SECONDS} s: {error}. Start it."
                ) from error
            time.sleep(0.1)


def _register(mlflow: Any, name: str, trained: Trained) -> dict[str, Any]:
    """Log one run with its model, and make the model a version of ``name``."""
    signature = mlflow.models.infer_signature(trained.example, trained.model.predict(trained.example))
    with mlflow.start_run() as run:
        mlflow.log_params(trained.params)
        logged = mlflow.sklearn.log_model(
            trained.model,
            name="model",
            signature=signature,
            serialization_format="cloudpickle",  # a model.pkl is what MLServer's scikit-learn runtime looks for
            pip_requirements=[f"scikit-learn=={version('scikit-learn')}"],  # given, or MLflow spends seconds to guess
            registered_model_name=name,
            metadata={"description": trained.description},
        )
        mlflow.log_metrics(trained.metrics, model_id=logged.model_id)
    registered = str(logged.registered_model_version)
    mlflow.MlflowClient().update_model_version(name, registered, trained.description)
    return {
        "version": registered,
        "run_id": run.info.run_id,
        "model_id": logged.model_id,
        "metrics": trained.metrics,
        "params": trained.params,
        "description": trained.description,
    }


if __name__ == "__main__":
    sys.exit(main())
