"""YAML of others."""

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

_MOST_LENGTH: Final = 1 << 20
_MOST_DEEP: Final = 64
_MOST_EVENTS: Final = 200_000
_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXTS: Final = ("!", "tag:yaml.org,2002:str")
_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII)
_BROKEN: Final = re.compile(
    r"[-+]?(?:(?:[0-9]{1,32}\.[0-9]{0,32}|\.[0-9]{1,32})(?:e[-+]?[0-9]{1,4})?|[0-9]{1,32}e[-+][0-9]{1,4})",
    re.ASCII | re.IGNORECASE,
)
_NAMED: Final = {"true": True, "false": False, "null": None, "~": None, "": None}
_ENDLESS: Final = re.compile(r"[-+]?\.inf|\.nan", re.IGNORECASE)


class _RefusedError(ValueError):
    """It is not read."""


def yaml_object(content: bytes | str) -> dict[str, Any] | None:
    """The mapping that this is, None when it is none. Its keys are texts; its values are texts, numbers that take no
    time to read, truth values, lists and mappings.

    A small file can be made to take minutes, or to end the process: more than 1 MiB, 64 levels or 200,000 parts are not
    read, nor aliases, by which it can grow without bounds, nor declared tags, nor any types but those above.
    """
    if len(content) > _MOST_LENGTH:
        return None
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        found = None if "%TAG" in text else _built(_events(text))
    except (yaml.YAMLError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _events(text: str) -> Iterator[Any]:
    """What the parser sees, which it does without recursion, as far as it is read."""
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if count >= _MOST_EVENTS or isinstance(event, yaml.AliasEvent):
            raise _RefusedError
        yield event


def _built(events: Iterator[Any]) -> Any:
    """The one document. Raises ValueError for what is not read."""
    root: list[Any] = []
    open_: list[_Holder] = [_Holder(root)]
    for event in events:
        if isinstance(event, yaml.ScalarEvent):
            open_[-1].take(event.value if open_[-1].wants_key else _scalar(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            made: list[Any] | dict[str, Any] = [] if isinstance(event, yaml.SequenceStartEvent) else {}
            if len(open_) > _MOST_DEEP or open_[-1].wants_key or event.tag not in (None, "!"):
                raise _RefusedError
            open_[-1].take(made)
            open_.append(_Holder(made))
        elif isinstance(event, yaml.CollectionEndEvent):
            open_.pop()
    if len(root) != 1:
        raise _RefusedError
    return root[0]


class _Holder:
    """A list or a mapping while it is filled."""

    def __init__(self, made: list[Any] | dict[str, Any]) -> None:
        self._made = made
        self._key: str | None = None

    @property
    def wants_key(self) -> bool:
        """Whether what comes next is the name of a value."""
        return isinstance(self._made, dict) and self._key is None

    def take(self, value: Any) -> None:
        """The next value, or the name of the one after it."""
        if isinstance(self._made, list):
            self._made.append(value)
        elif self._key is None:
            self._key = value
        else:
            self._made[self._key], self._key = value, None


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.tag in _TEXTS or (event.tag is None and not event.implicit[0]):
        return text
    if event.tag is not None:
        raise _RefusedError
    if _WHOLE.fullmatch(text):
        return int(text)
    if _BROKEN.fullmatch(text):
        return float(text)
    if _ENDLESS.fullmatch(text):
        return float(text.replace(".", ""))
    return _NAMED.get(text.lower(), text)
