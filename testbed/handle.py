"""What tests and the demo can do with a cluster, whichever it is."""

import json
import os
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testbed.errors import TestbedError


class ClusterHandle(ABC):
    """A cluster with the addresses of its servers, as seen by the programs that `popen` starts.

    `kubeconfig` is the path of a file with full rights; `gateway` and `prometheus` are base URLs; `mlflow` too, or None
    when the cluster has none.
    """

    kubeconfig: Path
    gateway: str
    prometheus: str
    mlflow: str | None

    @abstractmethod
    def command(self, argv: Sequence[str]) -> list[str]:
        """The words by which a program is started so that it reaches the cluster, in `environment()`."""

    def popen(self, argv: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
        """Start a program that reaches the cluster, with `environment()`; `options` are those of subprocess.Popen.

        Raises TestbedError where there is no such program.
        """
        environment = dict(options.pop("env", None) or os.environ) | dict(self.environment())
        try:
            return subprocess.Popen(self.command(argv), env=environment, **options)
        except FileNotFoundError as failure:
            raise TestbedError(f"there is no program {failure.filename}; install it, or have PATH lead to it") from None

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """The environment variables of programs that use the cluster: KUBECONFIG, and PATH with kubectl and helm."""

    def run(self, argv: Sequence[str], *, text: str | None = None) -> str:
        """Run a program with `text` as its input and return its output. Raises TestbedError with its complaint."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with self.popen(argv, **pipes) as process:
            output, complaint = process.communicate(text)
        if process.returncode:
            raise TestbedError(f"`{' '.join(argv)}` ended with status {process.returncode}: {complaint.strip()}")
        return str(output)

    def kubectl(self, *arguments: str, input: str | None = None) -> str:
        """Run kubectl and return its output; `input` is what `-f -` reads. Raises TestbedError."""
        return self.run(["kubectl", *arguments], text=input)

    def helm(self, *arguments: str) -> str:
        """Run helm and return its output. Raises TestbedError."""
        return self.run(["helm", *arguments])

    def service_account_kubeconfig(self, namespace: str, name: str, path: Path) -> Path:
        """Write a kubeconfig that acts as a service account, by a token for a day: longer than any session. Returns
        `path`.

        Raises TestbedError when the account is missing.
        """
        token = self.kubectl("create", "token", name, "--namespace", namespace, "--duration", "24h").strip()
        config = json.loads(self.kubectl("config", "view", "--raw", "--minify", "--flatten", "--output", "json"))
        config["users"] = [{"name": "service-account", "user": {"token": token}}]
        context = config["contexts"][0]["context"]
        context["user"], context["namespace"] = "service-account", namespace
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return path


class CurrentCluster(ClusterHandle):
    """The cluster that a kubeconfig names, reached from the machine's own network; `beside` are the paths of more such
    files, as $KUBECONFIG has them, for what that one names and has not.

    Its servers' URLs are CROSSFADE_GATEWAY_URL, CROSSFADE_PROMETHEUS_URL and CROSSFADE_MLFLOW_URL of `addresses`; one
    that is not there is empty, and None for MLflow.
    """

    def __init__(self, kubeconfig: Path, addresses: Mapping[str, str] = os.environ, beside: str = "") -> None:
        self.kubeconfig = kubeconfig
        self.gateway = addresses.get("CROSSFADE_GATEWAY_URL", "")
        self.prometheus = addresses.get("CROSSFADE_PROMETHEUS_URL", "")
        self.mlflow = addresses.get("CROSSFADE_MLFLOW_URL")
        self._beside = beside

    def command(self, argv: Sequence[str]) -> list[str]:
        """See ClusterHandle."""
        return list(argv)

    def environment(self) -> Mapping[str, str]:
        """See ClusterHandle."""
        return {"KUBECONFIG": os.pathsep.join(filter(None, (str(self.kubeconfig), self._beside)))}


@contextmanager
def current_cluster() -> Iterator[CurrentCluster]:
    """That of $KUBECONFIG, or of ~/.kube/config, for the body: of the context that is present now, with its namespace,
    also when somebody turns to another one meanwhile. No credentials are copied. Raises TestbedError."""
    paths = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    absolute = (str(Path(path).absolute()) for path in paths.split(os.pathsep) if path)
    with tempfile.TemporaryDirectory(prefix="crossfade-") as folder:
        cluster = CurrentCluster(Path(folder) / "kubeconfig", beside=os.pathsep.join(absolute))
        try:
            found = json.loads(cluster.kubectl("config", "view", "--minify", "--output=json"))
        except TestbedError as failure:
            raise TestbedError(f"{failure}; set KUBECONFIG to the kubeconfig of a running cluster") from None
        meant = {key: found[key] for key in ("apiVersion", "kind", "current-context", "contexts")}
        cluster.kubeconfig.write_text(json.dumps(meant))
        yield cluster
