"""What a model's own files tell: the signature, the environment and the time, as MLflow writes them and others read
them, and the model card of the Hugging Face Hub.

They are the very bytes that were hashed. Nothing is run or unpickled; what cannot be read is left out.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from crossfade.api.v1alpha1.facts import Environment, Facts, Provenance
from crossfade.model.card import card_facts
from crossfade.model.loose import moment
from crossfade.observe.signatures import signature_of
from crossfade.yaml_object import yaml_object

MODEL_FILE = "MLmodel"
ENVIRONMENT_FILES = ("conda.yaml", "python_env.yaml", "requirements.txt")
CARD_FILE = "README.md"
KEPT = frozenset({CARD_FILE, MODEL_FILE, *ENVIRONMENT_FILES})
"""The files, in the model's root, that are worth keeping while it is hashed."""
_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_REQUIREMENT = re.compile(r"^([A-Za-z0-9][-A-Za-z0-9._]{0,200})(?:\[[^\]]*\])?\s*(?:==\s*([^\s;,#]+))?")


def facts_of(kept: Mapping[str, bytes]) -> Facts:
    """Signature, environment, card and when the model was made, by what the files say."""
    front = _FRONT_MATTER.match(_text(kept, CARD_FILE))
    told = card_facts(_mapping(front[1]) if front else {}, "Artifact")
    model = _yaml(kept, MODEL_FILE)
    found = {
        "signature": signature_of(model),
        "environment": _environment(kept),
        "provenance": _provenance(model),
    }
    return told.model_copy(update=found)


def _provenance(model: dict[str, Any]) -> Provenance | None:
    """MLflow notes when a model was logged, as `2026-11-01 10:00:00.123456` in UTC."""
    logged = moment(f"{str(model.get('utc_time_created')).replace(' ', 'T', 1)}Z")
    return Provenance(origin="Artifact", created_at=logged) if logged else None


def _environment(kept: Mapping[str, bytes]) -> Environment | None:
    files = [name for name in ENVIRONMENT_FILES if name in kept]
    if not files:
        return None
    conda, python = _yaml(kept, "conda.yaml"), _yaml(kept, "python_env.yaml")
    listed = list(_conda_lines(conda))
    version = python.get("python") or next((line[8:] for line in listed if line.startswith("python==")), None)
    lines = _text(kept, "requirements.txt").splitlines() or [line for line in listed if not line.startswith("python=")]
    return Environment(
        origin="Artifact",
        python_version=str(version) if version else None,
        requirements=dict(_requirements(lines)),
        files=files,
    )


def _conda_lines(conda: dict[str, Any]) -> Iterator[str]:
    """What conda installs, and what pip does for it, in pip's writing."""
    listed = conda.get("dependencies")
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, str):
            yield re.sub(r"(?<![=<>!~])=(?!=)", "==", item, count=1)
        elif isinstance(item, dict) and isinstance(item.get("pip"), list):
            yield from (line for line in item["pip"] if isinstance(line, str))


def _requirements(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if found := _REQUIREMENT.match(line.strip()):
            yield found[1], found[2] or ""


def _text(kept: Mapping[str, bytes], name: str) -> str:
    return kept.get(name, b"").decode("utf-8", "replace")


def _yaml(kept: Mapping[str, bytes], name: str) -> dict[str, Any]:
    return _mapping(_text(kept, name))


def _mapping(text: str) -> dict[str, Any]:
    return yaml_object(text) or {}
