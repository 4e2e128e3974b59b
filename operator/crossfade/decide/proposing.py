"""The ModelVersion that is made of what a registry said. Its name is made of its spec, so it is never made twice."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from crossfade.api import meta
from crossfade.api.v1alpha1.common import as_written
from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
from crossfade.api.v1alpha1.modelversion import ModelVersionSpec
from crossfade.api.v1alpha1.spelling import SEMVER
from crossfade.decide.following import described
from crossfade.model.sourcing import Meaning

_LONGEST_VERSION: Final = 64
_READABLE: Final = 12
_HASH: Final = 8


@dataclass(frozen=True, slots=True)
class Proposal:
    """A ModelVersion that should be there."""

    name: str
    spec: ModelVersionSpec


def proposal(spec: ModelSourceSpec, meaning: Meaning) -> Proposal:
    """The ModelVersion of this meaning. The same for every ModelSource whose template says the same."""
    version = semantic(meaning)
    wanted = ModelVersionSpec(
        model_name=spec.template.model_name, version=version, source=meaning.source, policy=spec.template.policy
    )
    text = json.dumps(as_written(wanted), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH]
    return Proposal(f"{spec.template.model_name}-{readable(version)}-{digest}", wanted)


def readable(version: str) -> str:
    """As much of the version as is in the name."""
    return re.sub("[^a-z0-9]+", "-", version.lower())[:_READABLE].strip("-")


def semantic(meaning: Meaning) -> str:
    """The version that people wrote beside it; else one that promises nothing by SemVer, as nothing is known."""
    said = meaning.tag.removeprefix("v")
    if len(said) <= _LONGEST_VERSION and re.fullmatch(SEMVER, said):
        return said
    number = meaning.version
    if re.fullmatch("0|[1-9][0-9]{0,17}", number):
        return f"0.0.{number}"
    return f"0.0.0+{re.sub('[^0-9A-Za-z]+', '-', number)[:12].strip('-') or 'unknown'}"


def body(source: str, namespace: str, spec: ModelSourceSpec, meaning: Meaning, wanted: Proposal) -> dict[str, Any]:
    """The object as it is to be made. Nobody owns it: it is history once it is there."""
    return {
        "metadata": {
            "name": wanted.name,
            "namespace": namespace,
            "labels": {**spec.template.labels, meta.LABEL_MODEL_SOURCE: source},
            "annotations": {
                meta.ANNOTATION_FOLLOWED: described(spec),
                meta.ANNOTATION_REGISTRY_VERSION: meaning.version,
            },
        },
        "spec": as_written(wanted.spec),
    }
