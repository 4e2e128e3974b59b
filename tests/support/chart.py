"""The chart on a bed, for one namespace of models, and models that a pod of it can fetch."""

import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crossfade.model.manifest import File, mvd1

from testbed.bed import Bed
from tests.support import objects
from tests.support.endpoint import NAME, Endpoint
from tests.support.networks import BED

CHART = Path(__file__).parents[2] / "charts" / "crossfade"


def values_for(bed: Bed, serves: str) -> dict[str, object]:
    """The chart's values, for the namespace `serves`."""
    return {
        "prometheus": {"address": bed.prometheus},
        "metrics": {"interval": 1},
        "namespaces": [serves],
        "registries": {"allowedNetworks": BED.split(",")},
    }


@contextmanager
def restricted(bed: Bed, prefix: str) -> Iterator[str]:
    """A namespace for the operator that admits nothing but restricted pods."""
    name = f"{prefix}-{uuid.uuid4().hex[:6]}"
    bed.kubectl("create", "namespace", name)
    bed.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield name
    bed.kubectl("delete", "namespace", name, "--wait=false")


def pods_of(bed: Bed, namespace: str) -> dict[str, str]:
    """Name -> address of the namespace's pods that are not on their way out."""
    found = json.loads(bed.kubectl("get", "pods", f"--namespace={namespace}", "--output=json"))["items"]
    staying = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
    return {pod["metadata"]["name"]: pod["status"].get("podIP", "") for pod in staying}


async def model(endpoint: Endpoint, store: str, number: int) -> None:
    """Store version `number` and register it as ModelVersion `fraud-<number>`, by its address at the URL `store`."""
    folder = endpoint.files / endpoint.namespace / str(number)
    objects.write_model(folder, f"{number}.0.0")
    content = (folder / "model.json").read_bytes()
    source = {"uri": {"uri": f"{store}/{endpoint.namespace}/{number}/model.json"}}
    made = objects.model_version(f"{NAME}-{number}", f"{number}.0.0", source)
    digest = mvd1([File("model.json", len(content), hashlib.sha256(content).hexdigest())])
    made["spec"]["artifact"] = {"digest": digest}
    await endpoint.create(made)
