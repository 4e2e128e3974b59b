"""The schemas of statuses as a definition of another release has them."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

_CRDS = Path(__file__).parents[3] / "crds"


def statuses(*without: str) -> dict[str, dict[str, Any]]:
    """Those of all kinds by kind, without these fields, such as `ModelVersion.resolved.weightsDigest`."""
    found = {}
    for path in _CRDS.glob("*.yaml"):
        definition = yaml.safe_load(path.read_text())
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        if "status" in schema["properties"]:
            found[definition["spec"]["names"]["kind"]] = deepcopy(schema["properties"]["status"])
    for field in without:
        kind, *path_to, last = field.split(".")
        holder = found[kind]
        for name in path_to:
            holder = holder["properties"][name.removesuffix("[]")]
            holder = holder["items"] if name.endswith("[]") else holder
        del holder["properties"][last]
    return found
