"""What pydantic found wrong, as sentences for people."""

from pydantic import ValidationError

_SENTENCES = {"extra_forbidden": "is not a field of this kind: remove it or mend its name", "missing": "must be set"}


def sentences(error: ValidationError, root: str) -> list[str]:
    """One sentence for each problem, without the full stop, with the field's path below `root`, which may be empty.

    Such as `spec.strategy.stages[1].weight must be set`. No value is repeated.
    """
    return [
        f"{_path(root, problem['loc'])} {_SENTENCES.get(problem['type']) or _worded(problem['msg'])}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _worded(message: str) -> str:
    """Pydantic's words for a wrong type begin with `Input should`; ours, from a validator, with `Value error, `."""
    return message.removeprefix("Value error, ").replace("Input should", "must", 1)


def _path(root: str, location: tuple[int | str, ...]) -> str:
    """Such as `spec.strategy.stages[1].weight`."""
    path = root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".")
