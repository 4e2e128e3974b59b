"""A CustomResourceDefinition from a kind: schema, columns, selectable fields, status subresource."""

from typing import Any

from crossfade.api.kinds import Column, Kind
from crossfade.api.meta import GROUP, VERSION
from crossfade.codegen.structural import Schema, structural_schema


def definition(kind: Kind) -> dict[str, Any]:
    """The CRD, as it is to be applied."""
    singular = kind.name.lower()
    observed: Schema = {"subresources": {"status": {}}} if kind.status else {}
    selectable = {"selectableFields": [{"jsonPath": path} for path in kind.selectable]} if kind.selectable else {}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": singular,
                "shortNames": [kind.short_name],
                "categories": ["crossfade"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": object_schema(kind)},
                    **observed,
                    **selectable,
                    "additionalPrinterColumns": [_column(column) for column in kind.columns],
                }
            ],
        },
    }


def object_schema(kind: Kind) -> Schema:
    """The whole object. `observedGeneration` is -1 from its creation on, so that no tool takes a fresh one for done."""
    default = {"default": {"observedGeneration": -1}}
    status = {"status": {**structural_schema(kind.status), **default}} if kind.status else {}
    rules = {"x-kubernetes-validations": list(kind.rules)} if kind.rules else {}
    return {
        **rules,
        "description": kind.summary,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"`{GROUP}/{VERSION}`."},
            "kind": {"type": "string", "description": f"`{kind.name}`."},
            "metadata": {"type": "object"},
            "spec": structural_schema(kind.spec),
            **status,
        },
    }


def _column(column: Column) -> dict[str, Any]:
    wide = {"priority": 1} if column.wide else {}
    return {"name": column.name, "type": column.type, "jsonPath": column.json_path, **wide}
