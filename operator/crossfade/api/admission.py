"""The API server's own reading of a spec, without an API server: for linting, and as the other half of a fuzz test."""

from pydantic import ValidationError

from crossfade.api.kinds import Kind


def refusals(kind: Kind, spec: object) -> list[str]:
    """Why the API server would refuse the spec under `fieldValidation=Strict`: a sentence each; none when it would not.

    Unlike the operator's own reading, unknown fields are errors and snake_case names are unknown. A null is an absent
    field, as the API server prunes it. Values may appear in the sentences: a spec holds no secrets.
    """
    try:
        kind.spec.model_validate(_pruned(spec), extra="forbid", by_alias=True, by_name=False)
    except ValidationError as error:
        return [
            f"{_path(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}."
            for problem in error.errors(include_url=False, include_context=False)
        ]
    return []


def _pruned(value: object) -> object:
    """The value without fields that are null; an item of a list stays."""
    if isinstance(value, dict):
        return {key: _pruned(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    return value


def _path(location: tuple[int | str, ...]) -> str:
    """Such as `spec.strategy.stages[1].weight`."""
    return "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
