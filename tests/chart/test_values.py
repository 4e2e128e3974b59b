"""Would catch a value that the schema does not know, lets everything pass for, or that nobody finds in values.yaml."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.chart.rendering import CHART, Object

_OF_HELM = {"global", "enabled"}
"""What Helm gives to a chart within another."""
_OPEN = {"global", "extraVolumes[]", "extraObjects[]"}
"""What cannot be closed: Helm's own, volumes of all kinds, and objects of any kind."""


def _schema() -> Object:
    return dict(json.loads((CHART / "values.schema.json").read_text()))


def _resolved(schema: Object, node: Object) -> Object:
    return dict(schema["definitions"][node["$ref"].rpartition("/")[2]]) if "$ref" in node else node


def _nodes(schema: Object, node: Object, path: str = "") -> Iterator[tuple[str, Object]]:
    """Every place of the values with what the schema says of it."""
    here = _resolved(schema, node)
    yield path, here
    for name, below in here.get("properties", {}).items():
        yield from _nodes(schema, below, f"{path}.{name}".removeprefix("."))
    if "items" in here:
        yield from _nodes(schema, here["items"], f"{path}[]")
    for choice in here.get("anyOf", ()):
        yield from _nodes(schema, choice, path)


def test_every_object_is_closed_but_for_those_that_cannot_be() -> None:
    """A typo is refused. A map of names to texts, such as labels, says which names and texts there may be."""
    schema = _schema()
    opened = {
        path
        for path, node in _nodes(schema, schema)
        if node.get("type") == "object" and node.get("additionalProperties", True) is True
    }
    assert opened == _OPEN


def test_what_values_shows_the_schema_knows_and_the_other_way_round() -> None:
    schema = _schema()
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def compare(node: Object, found: Any, path: str) -> None:
        fields = _resolved(schema, node).get("properties")
        if not isinstance(found, dict) or fields is None or path in ("resources", "affinity"):
            return
        assert fields.keys() - (set() if path else _OF_HELM) == found.keys(), path
        for name, below in found.items():
            compare(fields[name], below, f"{path}.{name}".removeprefix("."))

    compare(schema, values, "")
    assert schema["properties"].keys() - _OF_HELM == values.keys()


def test_a_chart_of_charts_may_have_it_on_a_condition(helm_program: Path, tmp_path: Path) -> None:
    """Helm gives the value of `condition: crossfade.enabled` to the chart as well."""
    shutil.copytree(CHART, tmp_path / "charts" / "crossfade")
    needed = [{"name": "crossfade", "version": "0.1.0", "condition": "crossfade.enabled"}]
    chart = {"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": needed}
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(chart))
    for enabled in ("true", "false"):
        command = [str(helm_program), "template", "p", str(tmp_path), f"--set=crossfade.enabled={enabled}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert ("kind: Deployment" in done.stdout) is (enabled == "true")
