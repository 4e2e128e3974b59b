"""Pydantic models to the structural schemas that a CustomResourceDefinition may hold.

The API server refuses references, titles, `null` types and much else that pydantic writes, so that is resolved here:
definitions are inlined, an optional field is one that is not required, a literal is an enum.
"""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from crossfade.api.v1alpha1.common import ApiModel
from crossfade.codegen.documented import documented

Schema = dict[str, Any]
_INT32_MAX = 2**31 - 1
_EMPTY: tuple[object, ...] = (None, "", [])


class _Generator(GenerateJsonSchema):
    """Pydantic's own generator, with the fields' docstrings and the defaults as the API server is to write them."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """A model, of which each field says what is written below it."""
        made = super().model_schema(schema)
        model: type[ApiModel] = schema["cls"]
        for name, words in documented(model).items():
            made["properties"][model.model_fields[name].alias or name]["description"] = words
        return made

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        """Static defaults; a factory without arguments is one too."""
        if "default_factory" in schema and not schema.get("default_factory_takes_data"):
            return schema["default_factory"]()  # type: ignore[call-arg]  # takes no data, as checked above
        return super().get_default_value(schema)

    def encode_default(self, dft: Any) -> Any:
        """Whole objects: the API server tries the rules on a default before it fills in the defaults inside."""
        if isinstance(dft, ApiModel):
            return dft.to_json()
        if isinstance(dft, list):
            return [self.encode_default(item) for item in dft]
        return super().encode_default(dft)


def structural_schema(model: type[ApiModel]) -> Schema:
    """The structural schema of a model, as `openAPIV3Schema` may hold it.

    Raises ValueError for a type that has none, such as a union of two types or a model that contains itself.
    """
    raw = model.model_json_schema(by_alias=True, mode="validation", schema_generator=_Generator)
    return _structural(raw, raw.get("$defs", {}), ())


def _structural(node: Schema, definitions: Schema, path: tuple[str, ...]) -> Schema:
    """One node of the tree; `path` holds the names of the definitions it lies in."""
    node, path = _resolved(node, definitions, path)
    out: Schema = {}
    for key, value in node.items():
        if key in ("title", "propertyNames", "$defs"):
            continue
        if key == "properties":
            out[key] = {name: _structural(child, definitions, path) for name, child in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            out[key] = _structural(value, definitions, path)
        elif key == "const":
            out["enum"] = [value]
        elif key != "default" or value not in _EMPTY:
            out[key] = value
    if out.get("type") == "integer":
        out["format"] = "int32" if out.get("maximum", _INT32_MAX + 1) <= _INT32_MAX else "int64"
    return out


def _resolved(node: Schema, definitions: Schema, path: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
    """The node without a reference and without the choice of null; its own words win over those it refers to."""
    while "$ref" in node or "anyOf" in node:
        if "anyOf" in node:
            others = [member for member in node["anyOf"] if member.get("type") != "null"]
            if len(others) != 1:
                raise ValueError(
                    f"A union of {len(others)} types in {path[-1] if path else 'the root'} has no structural schema: "
                    "make it a model with one optional member for each, and a rule that exactly one is set."
                )
            inner, own = others[0], {key: value for key, value in node.items() if key != "anyOf"}
        else:
            name = node["$ref"].removeprefix("#/$defs/")
            if name in path:
                raise ValueError(f"{name} contains itself, so it has no structural schema: bound its depth by types.")
            path = (*path, name)
            inner, own = definitions[name], {key: value for key, value in node.items() if key != "$ref"}
        node = {**inner, **own}
    return node, path
