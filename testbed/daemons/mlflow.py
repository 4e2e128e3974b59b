"""An MLflow tracking server and model registry."""

from pathlib import Path

from testbed import address
from testbed.daemons.daemon import Daemon
from testbed.layout import Layout

READY = f"{address.MLFLOW}/health"


def mlflow(environment: Path, layout: Layout) -> Daemon:
    """MLflow from its own virtual environment, with SQLite and served artifacts in the bed's folder.

    Every host name is allowed: only the bed itself reaches the server, and clients use several names for it.
    """
    folder = layout.folder / "mlflow"
    folder.mkdir(exist_ok=True)
    argv = (
        *(str(environment / "bin" / "python"), "-m", "mlflow", "server"),
        *("--host", address.HOST, "--port", str(address.MLFLOW_PORT), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts"),
        *("--allowed-hosts", "*"),
    )
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    return Daemon("mlflow", argv, quiet | {"HOME": str(folder), "PATH": f"{environment / 'bin'}:/usr/bin:/bin"})
