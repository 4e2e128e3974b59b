"""What GTO's tags say: which commit a version or a stage of an artifact means. Pure.

`<artifact>@v1.2.3` registers, `<artifact>#stage` assigns, both with `#<number>` behind them or without; `!` takes
either back, and `<artifact>@deprecated` the whole. GTO counts annotated tags alone, the later one wins, and so here.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from crossfade.model.loose import member, text
from crossfade.yaml_object import yaml_object

ARTIFACTS: Final = "artifacts.yaml"
_NAME: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-/_]*[a-zA-Z0-9])?"
_MEANT: Final = re.compile(rf"(?:@(v[0-9][0-9A-Za-z.+-]*|deprecated)|#({_NAME}))(!?)(?:#([0-9]{{1,18}}))?")


@dataclass(frozen=True, slots=True)
class Event:
    """An annotated tag of an artifact: its name, the commit that it leads to, and when it was made, in Unix seconds. It
    is of a `version`, of a `stage`, or deprecates."""

    tag: str
    commit: str
    at: int
    version: str = ""
    stage: str = ""
    cancels: bool = False
    number: int = 0


def prefixes(artifact: str) -> list[str]:
    """What the names of its tags begin with."""
    return [f"{_in_tags(artifact)}@", f"{_in_tags(artifact)}#"]


def event(artifact: str, tag: str, commit: str, at: int) -> Event | None:
    """What this tag says of the artifact; None when it is none of GTO's."""
    found = _MEANT.fullmatch(tag.removeprefix(_in_tags(artifact)))
    if found is None:
        return None
    version, stage, cancels, number = found.groups()
    return Event(tag, commit, at, version or "", stage or "", bool(cancels), int(number or 0))


def is_deprecated(events: Iterable[Event]) -> bool:
    """Whether the last word on the artifact is that it is not to be used."""
    ordered = _ordered(events)
    return bool(ordered) and ordered[-1].version == "deprecated"


def registered(events: Iterable[Event], version: str) -> Event | None:
    """The registration of the version that holds, the latest where there are several."""
    return _latest([event for event in events if event.version == version], lambda event: event.commit)


def versions(events: Iterable[Event]) -> list[str]:
    """The versions whose registration holds. Each is looked at once: there may be thousands of tags."""
    by_version: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.version:
            by_version[event.version].append(event)
    return [version for version, its in by_version.items() if registered(its, version)]


def assigned(events: Sequence[Event], stage: str) -> Event | None:
    """The assignment to the stage that holds, the latest where there are several. What is not registered any more is in
    no stage; what never was may be, and GTO does not let it be taken out again."""
    versions = [event for event in events if event.version]
    was = {event.commit for event in versions}
    gone = was - {event.commit for event in _holding(versions, lambda event: event.commit + event.version)}
    of_stage = [event for event in events if event.stage == stage and event.commit not in gone]
    among = [event for event in of_stage if event.commit in was or not event.cancels]
    return _latest(among, lambda event: event.commit)


def version_at(events: Iterable[Event], commit: str) -> str:
    """The version that is registered at this commit; empty where none is."""
    versions = [event for event in events if event.version and event.commit == commit]
    found = _latest(versions, lambda event: event.version)
    return found.version if found else ""


def paths(artifact: str) -> list[str]:
    """The files that may say where the artifact lies, the first of which does."""
    folder = artifact.rpartition(":")[0].strip("/")
    return [ARTIFACTS, f"{folder}/dvc.yaml".lstrip("/")]


def described(artifact: str, path: str, content: bytes) -> dict[str, Any]:
    """What one of these files says of the artifact, with its `path` in the repository; empty where it says nothing."""
    said = yaml_object(content) or {}
    if path == ARTIFACTS:
        return member(said, artifact)
    folder, _, name = artifact.rpartition(":")
    found = member(member(said, "artifacts"), name)
    if inner := text(found.get("path")):
        return found | {"path": f"{folder.strip('/')}/{inner}".lstrip("/")}
    return found


def _latest(events: Sequence[Event], place: Callable[[Event], str]) -> Event | None:
    return next(reversed(_holding(events, place)), None)


def _holding(events: Sequence[Event], place: Callable[[Event], str]) -> list[Event]:
    """Of each place the last event, when it is none that takes back."""
    last = {place(event): event for event in _ordered(events)}
    return [event for event in _ordered(last.values()) if not event.cancels]


def _ordered(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (event.at, event.number))


def _in_tags(artifact: str) -> str:
    return artifact.replace(":", "=")
