"""The chart as text and as objects, and what tests look for in them."""

import functools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "crossfade"

Object = dict[str, Any]
Render = Callable[..., list[Object]]


def renderer(helm: Path) -> Render:
    """Renders with a program helm, each set of values once; without CRDs unless values say `crds.enabled=true`."""

    @functools.cache
    def text(*values: str) -> str:
        settings = [f"--set-json={value}" for value in ("crds.enabled=false", *values)]
        return template(helm, "--namespace", "crossfade-system", *settings)

    return lambda *values: documents(text(*values))


def template(helm: Path, *arguments: str, values: Object | None = None) -> str:
    """What `helm template` prints for a release `crossfade`. Raises ValueError with what it refuses."""
    given = ["--values=-"] if values is not None else []
    command = [str(helm), "template", "crossfade", str(CHART), *arguments, *given]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, input=json.dumps(values))
    if answer.returncode:
        raise ValueError(answer.stderr)
    return answer.stdout


def documents(text: str) -> list[Object]:
    """The objects of a stream of YAML."""
    # the parser in C: CRDs take the one in Python a second
    return [found for found in yaml.load_all(text, yaml.CSafeLoader) if found]


def one(objects: list[Object], kind: str) -> Object:
    """The only object of a kind."""
    (found,) = [item for item in objects if item["kind"] == kind]
    return found


def pod(objects: list[Object]) -> Object:
    """The template of the operator's pods."""
    return dict(one(objects, "Deployment")["spec"]["template"])


def operator(objects: list[Object]) -> Object:
    """The operator's container, its environment as a map."""
    container = pod(objects)["spec"]["containers"][0]
    return {**container, "env": {entry["name"]: entry.get("value") for entry in container["env"]}}


def mounts(objects: list[Object], path: str) -> list[Object]:
    """The volumes that the operator sees at a path."""
    spec = pod(objects)["spec"]
    names = {mount["name"] for mount in spec["containers"][0]["volumeMounts"] if mount["mountPath"] == path}
    return [volume for volume in spec["volumes"] if volume["name"] in names]


def kinds(objects: list[Object]) -> list[str]:
    """The kinds of all objects."""
    return sorted(found["kind"] for found in objects)


def named(objects: list[Object]) -> set[tuple[str, str]]:
    """Kind and name of all objects."""
    return {(found["kind"], found["metadata"]["name"]) for found in objects}
