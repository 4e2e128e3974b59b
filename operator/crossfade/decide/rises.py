"""How much of a promise lies between two semantic versions: what callers of the lower one may count on of the higher.

As npm's `^` reads it, below 1.0 the leftmost number that is not zero is the one that promises.
"""

from enum import IntEnum

from semver import Version


class Rise(IntEnum):
    """What a version allows to be new since a lower release, the least first."""

    NOTHING = 0
    PACKAGING = 1
    MODEL = 2
    INTERFACE = 3


def rise(before: Version, after: Version) -> Rise:
    """What `after` allows to be new since the release `before`, which is not higher. A pre-release allows what its
    release does; versions below 0.1.0 promise nothing, so they allow everything."""
    if after.major != before.major or (after.major == 0 and after.minor != before.minor):
        return Rise.INTERFACE
    if promises_nothing(after):
        return Rise.INTERFACE
    if after.minor != before.minor:
        return Rise.MODEL
    if after.patch != before.patch:
        return Rise.MODEL if after.major == 0 else Rise.PACKAGING
    return Rise.NOTHING


def least(before: Version, needed: Rise) -> Version:
    """The lowest release above the release `before` that allows as much. Above a pre-release, which is compared with
    nothing but its own likes, the next one."""
    if before.prerelease is not None:
        return before.replace(prerelease=_next(before.prerelease), build=None)
    if promises_nothing(before):
        return before.bump_patch()
    match needed:
        case Rise.INTERFACE:
            return before.bump_minor() if before.major == 0 else before.bump_major()
        case Rise.MODEL:
            return before.bump_patch() if before.major == 0 else before.bump_minor()
    return before.bump_patch()


def _next(prerelease: str) -> str:
    head, dot, last = prerelease.rpartition(".")
    return f"{head}{dot}{int(last) + 1}" if last.isdigit() else f"{prerelease}.1"


def promises_nothing(version: Version) -> bool:
    """Whether it is one of those that SemVer and `^` hold to nothing: 0.0.z."""
    return (version.major, version.minor) == (0, 0)
