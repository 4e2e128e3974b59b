"""JSON schemas for editors and for kubeconform: the CRD's schema, with unknown fields refused as `Strict` does."""

from typing import Any

from crossfade.api.kinds import Kind
from crossfade.api.meta import API_VERSION
from crossfade.codegen.crd import object_schema

Schema = dict[str, Any]


def editor_schema(kind: Kind) -> Schema:
    """A draft-07 schema of the kind."""
    schema = _strict(object_schema(kind))
    schema["properties"]["apiVersion"]["enum"] = [API_VERSION]
    schema["properties"]["kind"]["enum"] = [kind.name]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **schema,
        "required": ["apiVersion", "kind", "metadata", "spec"],
    }


def _strict(node: Schema) -> Schema:
    """The node without what only the API server reads."""
    out = {key: value for key, value in node.items() if not key.startswith("x-kubernetes-")}
    if "properties" in node:
        out["properties"] = {name: _strict(child) for name, child in node["properties"].items()}
        # metadata is the API server's own type: nothing is declared here
        if not node.get("x-kubernetes-preserve-unknown-fields"):
            out["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            out[key] = _strict(node[key])
    return out
