"""Whether a model's files may be loaded, by what they are, what the operator's configuration accepts, and what the
ModelVersion allows."""

from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.modelversion import PicklePolicy, Resolved

_ALLOWED = {
    "Allow": ("None", "Known", "Unreadable", "Unsafe"),
    "KnownOnly": ("None", "Known"),
    "Forbid": ("None",),
}
_SAFE = "store the model as safetensors or ONNX"


def refusal(spec: ModelVersionSpec, resolved: Resolved, floor: PicklePolicy) -> str:
    """The sentence that says why not; empty when they may. `floor` is the weakest policy that the operator's
    configuration accepts. What was not looked at is allowed only where all is."""
    asked, stored = spec.policy.pickle, resolved.serialization
    found = stored.pickle if stored else "Unreadable"
    if found not in _ALLOWED[floor]:
        return (
            f"{_what(resolved)}, and the operator's configuration accepts no `spec.policy.pickle` weaker than "
            f"`{floor}` (--pickle-policy, `models.pickle` in the chart's values); {_SAFE}"
        )
    if found not in _ALLOWED[asked]:
        return (
            f"{_what(resolved)}, and `spec.policy.pickle` is `{asked}`; {_SAFE}, or allow it in a new ModelVersion if "
            "you trust who made it"
        )
    return ""


def _what(resolved: Resolved) -> str:
    stored = resolved.serialization
    path, why = next(iter(stored.suspects.items()), (None, "")) if stored else (None, "")
    what = f"the file {path!r} {why}" if path else "the model has pickles, which can run code when they are loaded"
    more = f" (and {len(stored.suspects) - 1} more files)" if stored and len(stored.suspects) > 1 else ""
    return f"{what}{more}"
