"""Whether a model's files may be loaded, by what they are and what its ModelVersion allows."""

from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.modelversion import Resolved

_ALLOWED = {
    "Allow": ("None", "Known", "Unreadable", "Unsafe"),
    "KnownOnly": ("None", "Known"),
    "Forbid": ("None",),
}


def refusal(spec: ModelVersionSpec, resolved: Resolved) -> str:
    """The sentence that says why not; empty when they may. What was not looked at is allowed only where all is."""
    allowed, stored = spec.policy.pickle, resolved.serialization
    if (stored.pickle if stored else "Unreadable") in _ALLOWED[allowed]:
        return ""
    path, why = next(iter(stored.suspects.items()), (None, "")) if stored else (None, "")
    what = f"the file {path!r} {why}" if path else "the model has pickles, which can run code when they are loaded"
    more = f" (and {len(stored.suspects) - 1} more files)" if stored and len(stored.suspects) > 1 else ""
    return (
        f"{what}{more}, and `spec.policy.pickle` is `{allowed}`; store the model as safetensors or ONNX, or allow it in"
        " a new ModelVersion if you trust who made it"
    )
