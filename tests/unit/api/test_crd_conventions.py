"""Catches an API that breaks Kubernetes' conventions: floats, unbounded values, odd enums, conditions out of place."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from crossfade.api.kinds import KINDS, Kind
from crossfade.codegen.crd import definition, object_schema

Schema = dict[str, Any]

_RULES = "x-kubernetes-validations"
_LARGEST_CRD_BYTES = 100 * 1024  # beyond it, client-side apply cannot keep its annotation (256 KiB for all of them)
_LOWER_CASE_ENUMS = {
    "spec.serving.runtime",  # names of model servers, as their projects write them
    "spec.analysis.metrics[].template",  # names of templates, `runtime/metric`
    "status.handled[].verb",  # names of annotations
}
_CEL = {
    *("all", "exists", "exists_one", "filter", "map", "has", "size"),
    *("contains", "double", "duration", "endsWith", "matches", "startsWith"),
    "isSorted",  # Kubernetes' own, from the beginning
}
"""What rules may call: what Kubernetes 1.30 knew. An API server lets new rules use what the version before it knew, and
1.31 is the oldest that is supported."""
_ALLOWED = {
    *("type", "description", "properties", "required", "items", "additionalProperties", "default", "enum", "format"),
    *("pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "maxProperties"),
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-validations"),
    "x-kubernetes-preserve-unknown-fields",
}


def nodes(path: str, node: Schema) -> Iterator[tuple[str, Schema]]:
    """Every node of a schema with its path."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(f"{path}.{name}", child)
    if "items" in node:
        yield from nodes(f"{path}[]", node["items"])
    if "additionalProperties" in node:
        yield from nodes(f"{path}{{}}", node["additionalProperties"])


def fields(kind: Kind) -> list[tuple[str, Schema]]:
    """Every node of spec and status."""
    properties = object_schema(kind)["properties"]
    return [pair for part in ("spec", "status") if part in properties for pair in nodes(part, properties[part])]


every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
every_kind_with_status = pytest.mark.parametrize(
    "kind", [kind for kind in KINDS.values() if kind.status], ids=lambda kind: kind.name
)


def _is_bounded(node: Schema) -> bool:
    match node["type"]:
        case "string":
            return "enum" in node or 0 < node.get("maxLength", 0) <= 32768
        case "array":
            return 0 < node.get("maxItems", 0) <= 64
        case "integer":
            if "enum" in node:
                return True
            size = "int32" if node["maximum"] < 2**31 else "int64"
            return "minimum" in node and node["format"] == size
        case "object":
            return bool(node.keys() & {"properties", "maxProperties", "x-kubernetes-preserve-unknown-fields"})
    return node["type"] == "boolean"


def _merges_as_it_should(path: str, node: Schema) -> bool:
    """Lists of named objects merge by name; two Gateways may be listeners of one name, ports need none: atomic."""
    item = node["items"]
    keys = node.get("x-kubernetes-list-map-keys", [])
    if "name" in item.get("properties", {}) and not path.endswith(("parentRefs", "ports")):
        return keys == ["name"] and "name" in item["required"]
    return node["x-kubernetes-list-type"] in {"atomic", "map"} and set(keys) <= set(item.get("required", []))


@every_kind
def test_types_are_those_that_an_api_may_have(kind: Kind) -> None:
    allowed = {"object", "array", "string", "integer", "boolean"}
    assert [path for path, node in fields(kind) if node["type"] not in allowed or not node.keys() <= _ALLOWED] == []


@every_kind
def test_the_only_boolean_is_suspend(kind: Kind) -> None:
    assert {path for path, node in fields(kind) if node["type"] == "boolean"} <= {"spec.suspend"}


@every_kind
def test_every_size_is_bounded(kind: Kind) -> None:
    assert [path for path, node in fields(kind) if not _is_bounded(node)] == []


@every_kind
def test_every_list_says_how_it_merges(kind: Kind) -> None:
    lists = [(path, node) for path, node in fields(kind) if node["type"] == "array"]
    assert [path for path, node in lists if not _merges_as_it_should(path, node)] == []


@every_kind
def test_enums_are_camel_case(kind: Kind) -> None:
    words = ((path, node) for path, node in fields(kind) if node["type"] == "string" and "enum" in node)
    enums = [(path, node["enum"]) for path, node in words if path not in _LOWER_CASE_ENUMS]
    assert [path for path, enum in enums if not all(re.fullmatch(r"([A-Z][a-z0-9]*)+", value) for value in enum)] == []


@every_kind
def test_every_field_is_described(kind: Kind) -> None:
    named = [(path, node) for path, node in fields(kind) if not path.endswith(("[]", "{}"))]
    assert [path for path, node in named if not node.get("description", "").endswith(".")] == []


@every_kind
def test_every_rule_says_in_words_what_must_be(kind: Kind) -> None:
    messages = [rule["message"] for _, node in fields(kind) for rule in node.get("x-kubernetes-validations", [])]
    assert [message for message in messages if not message.startswith("must ") or re.search(r"[<>=]", message)] == []


@every_kind
def test_every_rule_speaks_a_language_that_the_oldest_kubernetes_knows(kind: Kind) -> None:
    """`make test-oldest` asks the API server itself. Macros of two variables came with 1.32."""
    rules = [rule["rule"] for _, node in nodes("", object_schema(kind)) for rule in node.get(_RULES, [])]
    bare = [re.sub(r"'[^']*'", "''", rule) for rule in rules]
    assert {name for rule in bare for name in re.findall(r"\b([A-Za-z_]\w*)\(", rule)} <= _CEL
    assert [rule for rule in bare if re.search(r"\.(all|exists|exists_one)\(\w+, \w+,", rule)] == []


@every_kind_with_status
def test_conditions_come_first_in_status_and_merge_by_type(kind: Kind) -> None:
    status = object_schema(kind)["properties"]["status"]
    assert next(iter(status["properties"])) == "conditions"
    assert status["properties"]["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    required = {"type", "status", "reason", "lastTransitionTime"}
    assert required <= set(status["properties"]["conditions"]["items"]["required"])
    assert "phase" not in status["properties"]


@every_kind_with_status
def test_a_fresh_object_counts_as_not_yet_seen(kind: Kind) -> None:
    """GitOps property 1."""
    status = object_schema(kind)["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1}
    assert status["properties"]["observedGeneration"]["format"] == "int64"


def test_only_a_kind_that_nobody_acts_on_is_without_status() -> None:
    """A status that is never written would keep every tool that waits for it waiting."""
    assert [kind.name for kind in KINDS.values() if not kind.status] == ["MetricTemplate"]
    served = definition(KINDS["MetricTemplate"])["spec"]["versions"][0]
    assert "subresources" not in served
    assert "status" not in served["schema"]["openAPIV3Schema"]["properties"]


@every_kind
def test_spec_is_required_so_that_rules_on_it_always_run(kind: Kind) -> None:
    assert object_schema(kind)["required"] == ["spec"]


@every_kind
def test_columns_and_selectors_lead_to_fields_that_exist(kind: Kind) -> None:
    known = {f".{path}" for path, _ in fields(kind)}
    plain = [column.json_path for column in kind.columns if not column.json_path.startswith(".metadata.")]
    for path in [*plain, *kind.selectable]:
        assert re.sub(r"\[\?\(@\.type==\"[A-Za-z]+\"\)\]", "[]", path) in known


@every_kind
def test_crd_is_small_enough_for_client_side_apply(kind: Kind) -> None:
    """GitOps property 12."""
    assert len(json.dumps(definition(kind), separators=(",", ":"))) < _LARGEST_CRD_BYTES
