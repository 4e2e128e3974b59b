"""What the pickle machine knows of a value: little, in few bytes, and only what tells imports and lengths of arrays."""

from dataclasses import dataclass, field
from typing import Final

MOST_TEXT: Final = 256
"""Letters of a text that is kept; no module's name is longer."""
_MOST_HELD: Final = 64
MOST_ITEMS: Final = 16
"""Items of a tuple or a dict that is kept."""


class _Other:
    """A value of which nothing is known."""


OTHER: Final = _Other()
MARK: Final = _Other()


@dataclass(frozen=True, slots=True)
class Imported:
    """What a pickle takes from a module."""

    module: str
    name: str


DTYPES: Final = frozenset({Imported("numpy", "dtype")})
WRAPPERS: Final = frozenset({Imported("joblib.numpy_pickle", "NumpyArrayWrapper")})


@dataclass(slots=True)
class Made:
    """What a class of ours to follow made: numpy's dtype, or joblib's wrapper of an array."""

    of: Imported
    arguments: tuple[object, ...] = ()
    state: object = None


@dataclass(slots=True)
class Keyed:
    """A dict; `lost` when it has more, or other things, than is kept."""

    items: dict[str, object] = field(default_factory=dict)
    lost: bool = False

    def put(self, key: object, value: object) -> None:
        """One entry."""
        if isinstance(key, str) and (key in self.items or len(self.items) < MOST_ITEMS):
            whole = isinstance(value, tuple) or (isinstance(value, Made) and value.of in DTYPES)
            self.items[key] = value if whole else held(value)
        else:
            self.lost = True


def held(value: object) -> object:
    """The value as another one may hold it, so that nothing holds much."""
    if isinstance(value, str):
        return value if len(value) <= _MOST_HELD else OTHER
    return value if value is None or isinstance(value, bool | int | Imported) else OTHER


def tuple_of(items: list[object]) -> object:
    """A tuple, where it is short."""
    return tuple(held(item) for item in items) if len(items) <= MOST_ITEMS else OTHER
