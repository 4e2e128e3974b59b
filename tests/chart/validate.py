"""Runs in the environment `manifests`: reads a JSON list of objects, prints a JSON list of what Kubernetes' own schemas
say against them; an unknown field is a fault. Kinds that are not Kubernetes' own are named as `kind` alone.
"""

import json
import sys

import kubernetes_validate

VERSION = sys.argv[1]

faults, unknown = [], set()
for found in json.load(sys.stdin):
    place = f"{found['kind']} {found['metadata']['name']}"
    try:
        kubernetes_validate.validate(found, VERSION, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        unknown.add(found["kind"])
    except kubernetes_validate.ValidationError as fault:
        faults.append(f"{place}: {'.'.join(map(str, fault.path))}: {fault.message}")
json.dump({"faults": faults, "unknown": sorted(unknown)}, sys.stdout)
