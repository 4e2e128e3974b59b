"""A folder of manifests, as of a repository, that is applied in one of the ways in which tools do."""

import json
from pathlib import Path
from typing import Any

import yaml

from testbed.bed import Bed
from tests.support import objects
from tests.support.endpoint import NAME, Endpoint

Object = dict[str, Any]
Way = tuple[str, ...]

WAYS: dict[str, Way] = {
    "client-side": (),
    "server-side": ("--server-side", "--field-manager=argocd-controller", "--force-conflicts"),
}


class Git:
    """The manifests of an endpoint's Rollout and of all that belongs to it."""

    def __init__(self, bed: Bed, folder: Path, endpoint: Endpoint, way: Way) -> None:
        self.bed = bed
        self.folder = folder
        self.endpoint = endpoint
        self.place = ("--namespace", endpoint.namespace, "-f", str(folder))
        self.way = way

    def asks(self, number: int, *, behaviour: Object | None = None, **changes: Any) -> None:
        """Have version `number` in Git, as a new ModelVersion and another line in the Rollout; and apply it all.
        `changes` replace top-level fields of the Rollout's spec."""
        version = f"{number}.0.0"
        folder = self.endpoint.files / self.endpoint.namespace / str(number)
        address = objects.write_model(folder, version, **(behaviour or {}))
        self.write(f"version-{number}", objects.model_version(f"{NAME}-{number}", version, {"uri": {"uri": address}}))
        self.write("rollout", objects.rollout(NAME, f"{NAME}-{number}", self.endpoint.host, **changes))
        self.bed.kubectl("apply", *self.way, *self.place)

    def write(self, name: str, body: Object) -> None:
        """Have one more manifest, or another content of it, which the next `asks` applies."""
        labelled = body["metadata"] | {"labels": {"app.kubernetes.io/instance": "models"}}
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(body | {"metadata": labelled}))

    def difference(self) -> str:
        """What kubectl would change by applying it all again. TestbedError where that is anything."""
        return self.bed.kubectl("diff", *self.way, *self.place)

    def pairs(self) -> list[tuple[Object, Object]]:
        """Each object as it is applied, and as it is now."""
        answer = self.bed.kubectl("get", *self.place, "--output=json", "--show-managed-fields")
        live = {(one["kind"], one["metadata"]["name"]): one for one in json.loads(answer)["items"]}
        wanted = [yaml.safe_load(file.read_text()) for file in sorted(self.folder.glob("*.yaml"))]
        here = {"namespace": self.endpoint.namespace}
        return [
            (one | {"metadata": one["metadata"] | here}, live[one["kind"], one["metadata"]["name"]]) for one in wanted
        ]
