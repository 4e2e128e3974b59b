"""Images without a registry: a name stands for a command on this machine."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Image:
    """What an image brings: the command and environment of a container that sets none."""

    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env: Mapping[str, str]
    workdir: str
    paths: tuple[str, ...]
    """Folders of the node that its program consists of."""


class UnknownImageError(Exception):
    """No image of that name; the message is the one the pod's status shows."""


def short_name(reference: str) -> str:
    """Last path part without tag and digest: `ghcr.io/x/crossfade:0.1.0` is `crossfade`."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]


def find(catalogue: Path, reference: str) -> Image:
    """The image behind a reference. The file is read each time, so that it may grow while pods run."""
    images = json.loads(catalogue.read_text()) if catalogue.exists() else {}
    by_name = {short_name(key): value for key, value in images.items()}
    entry = by_name.get(short_name(reference))
    if entry is None:
        known = ", ".join(sorted(by_name)) or "none"
        raise UnknownImageError(f'image "{reference}" is not in {catalogue} (known: {known}); add it there')
    return Image(
        entrypoint=tuple(entry.get("entrypoint", ())),
        cmd=tuple(entry.get("cmd", ())),
        env=entry.get("env", {}),
        workdir=entry.get("workdir", "/"),
        paths=tuple(entry.get("paths", ())),
    )
