"""Whether names are by the convention: a model's name says no version, and a ModelVersion's name says which one it is,
such as `fraud-detector-v3.2.1-20240415-prod`."""

import re
from typing import Final

from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.decide.proposing import readable

_VERSION: Final = re.compile("v[0-9]+")
_UNTRUE: Final = frozenset({"copy", "final", "improved", "latest", "new", "newest", "old", "temp", "test", "tmp"})
"""Words that another version makes untrue, or that were never meant for one that serves."""
_PROPOSED: Final = "-[0-9a-f]{8}"


def misnamed(name: str, spec: ModelVersionSpec) -> str:
    """The sentence that says what is wrong with the names, and what would be right; empty where nothing is, or
    anything may be."""
    if spec.policy.naming != "Convention":
        return ""
    model, asked = spec.model_name, "`spec.policy.naming` is `Convention`"
    for word in model.split("-"):
        if _VERSION.fullmatch(word):
            return f"`spec.modelName` {model} says {word}, and {asked}: versions belong into `spec.version` alone"
        if word in _UNTRUE:
            return f"`spec.modelName` {model} says {word}, and {asked}: it must hold for all versions of the model"
    suffix = _suffix(name, spec)
    if suffix is None:
        right = f"{model}-v{_spelled(spec.version)}"
        return (
            f"`metadata.name` is {name}, and {asked}: it must be {right}, also with dashes for dots, without the v, "
            "and with more after a dash, such as a date and where it is for"
        )
    for word in suffix:
        if word in _UNTRUE:
            return f"`metadata.name` {name} says {word}, and {asked}: another version makes that untrue"
    return ""


def _suffix(name: str, spec: ModelVersionSpec) -> list[str] | None:
    """What the name says after model and version, as words; None where it does not begin with these."""
    if re.fullmatch(re.escape(f"{spec.model_name}-{readable(spec.version)}") + _PROPOSED, name):
        return []
    spelled, said = _dashed(_spelled(spec.version)), _dashed(name)
    for start in (f"{spec.model_name}-v{spelled}", f"{spec.model_name}-{spelled}"):
        if said == start or (said.startswith(f"{start}-") and name[len(start)] == "-"):
            return [word for word in said[len(start) :].split("-") if word]
    return None


def _spelled(version: str) -> str:
    """As object names can have it."""
    return version.lower().replace("+", "-")


def _dashed(text: str) -> str:
    return text.replace(".", "-")
