"""YAML of others."""

from typing import Any, Final

import yaml

_MOST_LENGTH: Final = 1 << 20
_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def yaml_object(content: bytes | str) -> dict[str, Any] | None:
    """The mapping that this is, None when it is none. Aliases, by which a small file can grow without bounds, are not
    read, nor is what has more than 1 MiB, which would take seconds."""
    if len(content) > _MOST_LENGTH:
        return None
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Loader)):
            return None
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
