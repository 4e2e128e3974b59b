"""Ranges of semantic versions, as npm reads them: comparators, `^`, `~`, `x` for any number, `||` between alternatives.

A version with a pre-release is only in a range where a comparator names a pre-release of the same three numbers.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from semver import Version

_COMPARATOR: Final = re.compile(r"(\^|~|>=|<=|>|<|=)?([^-]*)(?:-(.*))?")
_LONGEST: Final = 128


@dataclass(frozen=True, slots=True)
class _Bounds:
    """From `low` on, and below `high`; None for no bound. `named` are the numbers of a pre-release that was written."""

    low: Version | None = None
    high: Version | None = None
    named: tuple[int, int, int] | None = None

    def holds(self, version: Version) -> bool:
        """Whether the version lies within, by precedence alone."""
        return (self.low is None or version >= self.low) and (self.high is None or version < self.high)


_NOTHING: Final = _Bounds(high=Version(0, prerelease="0"))


def newest(text: str, names: Iterable[str]) -> str | None:
    """Of the names that are semantic versions, with or without a `v`, the one of the highest precedence in the range;
    None where there is none. `text` must match spelling.RANGE."""
    best: tuple[Version, str] | None = None
    for name in names:
        version = _version(name)
        if version is not None and contains(text, version):
            found = (version, name)
            best = found if best is None or _beats(found, best) else best
    return best[1] if best else None


def contains(text: str, version: Version) -> bool:
    """Whether the version is in the range."""
    return any(_within(bounds, version) for bounds in _alternatives(text))


def _within(bounds: tuple[_Bounds, ...], version: Version) -> bool:
    numbers = (version.major, version.minor, version.patch)
    allowed = version.prerelease is None or any(one.named == numbers for one in bounds)
    return allowed and all(one.holds(version) for one in bounds)


def _beats(one: tuple[Version, str], other: tuple[Version, str]) -> bool:
    """By precedence; of equals, which differ in what follows a `+`, the later in the alphabet."""
    order = one[0].compare(other[0])
    return order > 0 or (order == 0 and one[1] > other[1])


def _version(name: str) -> Version | None:
    if len(name) > _LONGEST:
        return None
    try:
        return Version.parse(name.removeprefix("v"))
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _alternatives(text: str) -> tuple[tuple[_Bounds, ...], ...]:
    return tuple(tuple(_bounds(one) for one in part.split()) for part in text.split("||"))


def _bounds(comparator: str) -> _Bounds:
    """One comparator as bounds. Numbers that are left out, or `x`, stand for any."""
    found = _COMPARATOR.fullmatch(comparator)
    sign, numbers, prerelease = (found[1] or "=", found[2], found[3]) if found else ("=", "*", None)
    said = [int(part) for part in numbers.split(".") if part.isdigit()]
    if not said:
        return _NOTHING if sign in ("<", ">") else _Bounds()
    low = _filled(said, prerelease)
    named = (low.major, low.minor, low.patch) if prerelease else None
    after = _next(said, len(said) - 1) if len(said) < 3 else _follows(low)
    match sign:
        case ">":
            return _Bounds(after if len(said) == 3 else after.replace(prerelease=None), None, named)
        case ">=":
            return _Bounds(low, None, named)
        case "<":
            return _Bounds(None, low if len(said) == 3 else _filled(said, "0"), named)
        case "<=":
            return _Bounds(None, after, named)
        case "~":
            return _Bounds(low, _next(said, min(len(said), 2) - 1), named)
        case "^":
            first = next((at for at, number in enumerate(said) if number), len(said) - 1)
            return _Bounds(low, _next(said, first), named)
    return _Bounds(low, after, named)


def _next(said: list[int], at: int) -> Version:
    """The least version, pre-releases included, whose number at this place is higher."""
    return _filled([*said[:at], said[at] + 1], "0")


def _filled(said: list[int], prerelease: str | None) -> Version:
    """The version of these numbers, with zeros for those that are left out."""
    major, minor, patch = [*said, 0, 0][:3]
    return Version(major, minor, patch, prerelease)


def _follows(version: Version) -> Version:
    """The least version that is higher: nothing lies between them."""
    if version.prerelease is None:
        return Version(version.major, version.minor, version.patch + 1, prerelease="0")
    return version.replace(prerelease=f"{version.prerelease}.0")
