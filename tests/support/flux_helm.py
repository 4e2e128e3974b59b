"""HelmReleases for Flux's helm-controller, of charts that are folders of this machine."""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.support.flux import Served, look_again, said_of
from tests.support.statuses import Conditions

Object = dict[str, Any]

EXAMPLE = Path(__file__).parents[2] / "examples" / "gitops" / "flux" / "crossfade.yaml"


class Release:
    """A HelmRelease as the example has it, of a chart in a GitRepository, and what Flux says of it."""

    def __init__(self, served: Served, namespace: str, name: str, chart: Path) -> None:
        self.namespace, self.name = namespace, name
        self._bed, self._served, self._chart = served.bed, served, chart
        self._what = (f"helmrelease/{name}", f"--namespace={namespace}")

    def asks(self, values: Object, **spec: Any) -> None:
        """Have it with these values; `spec` are further fields of its spec."""
        found = next(one for one in yaml.safe_load_all(EXAMPLE.read_text()) if one["kind"] == "HelmRelease")
        found["metadata"] = {"name": self.name, "namespace": self.namespace}
        here = {"interval": "1h", "timeout": "90s", "targetNamespace": self.namespace, "releaseName": self.name}
        found["spec"] |= {"values": values, **here, **spec}
        self._bed.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(found))

    def publish(self) -> None:
        """Have the HelmChart that helm-controller asks for, as soon as it does, with the folder as its artifact."""
        name = f"{self.namespace}-{self.name}"
        here = f"--namespace={self.namespace}"
        self._bed.kubectl("wait", f"helmchart/{name}", here, "--for=create", "--timeout=120s")
        folder = self._served.folder / name
        folder.mkdir()
        self._bed.helm("package", str(self._chart), "--destination", str(folder))
        (archive,) = folder.iterdir()
        version = yaml.safe_load((self._chart / "Chart.yaml").read_text())["version"]
        source = ("helmchart", name, self.namespace)
        self._served.says(source, f"{name}/{archive.name}", archive.read_bytes(), version)

    def until(self, condition: str, seconds: int = 180) -> Conditions:
        """Wait until a condition, such as `Ready=True`, is said of what is asked for now; all of them by type."""
        self._bed.kubectl("wait", *self._what, f"--for=condition={condition}", f"--timeout={seconds}s")
        return self.said()

    def said(self) -> Conditions:
        """Its conditions by type."""
        return said_of(self._bed, *self._what)

    def again(self) -> None:
        """Have Flux look at once, and wait until it has."""
        look_again(self._bed, *self._what)

    def remove(self) -> None:
        """Have it uninstalled."""
        self._bed.kubectl("delete", *self._what, "--timeout=180s")
