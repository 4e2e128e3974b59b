"""What a container image means on a bed, which has no container engine: a program of this machine."""

import json
import os
import sys
from pathlib import Path

from testbed import places
from testbed.binaries import ENVOY_GATEWAY, located
from testbed.binaries.environments import existing_env

Image = dict[str, object]
"""`entrypoint` and `cmd` (lists of words), `env` (name -> value), `workdir`: as in an OCI image's configuration.

`paths` are the folders of this machine that its program consists of; a container sees them whatever volume covers them.
"""

_PACKAGES = {
    "mlserver": ("mlserver", "start", "/mnt/models"),
    "kserve": ("python",),
    "asgi": ("python",),
}
"""Image name, which is its environment's too, -> its program and that program's arguments."""


def catalogue() -> dict[str, Image]:
    """Image name, without registry, tag and digest, -> what running it means here.

    Those that are packages are there only once their environments are made (see testbed.binaries.environments).
    """
    here = Path(sys.executable).parent
    images = {
        "crossfade": _image([str(here / "crossfade")], PYTHONPATH=str(places.REPOSITORY / "operator")),
        "v2server": _image([sys.executable, "-m", "testbed.servers.v2"], PYTHONPATH=str(places.REPOSITORY)),
    }
    for name, (program, *arguments) in _PACKAGES.items():
        if environment := existing_env(name):
            programs = environment / "bin"
            images[name] = _image([str(programs / program)], arguments, PATH=_path(programs))
    return images | _envoy()


def _envoy() -> dict[str, Image]:
    """Envoy and Envoy Gateway. Envoy is the program itself: its Python wrapper passes on its parent's signals."""
    images = {}
    if environment := existing_env("envoy"):
        for program in environment.glob("lib/python*/site-packages/envoy/_bin/envoy"):
            images["envoy"] = _image([str(program)], PATH=_path(program.parent))
    if programs := located(ENVOY_GATEWAY):
        (program_words,) = programs.values()
        images[ENVOY_GATEWAY.name] = _image([*program_words], PATH=_path(Path(program_words[0]).parent))
    return images


def write(path: Path) -> None:
    """Write the catalogue as JSON for the node; it takes the place of an older file at once."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(catalogue(), indent=1) + "\n")
    fresh.replace(path)


def _image(entrypoint: list[str], cmd: list[str] | None = None, **env: str) -> Image:
    return {
        "entrypoint": entrypoint,
        "cmd": cmd or [],
        "env": {"PATH": _path(Path(sys.executable).parent)} | env,
        "workdir": "/",
        "paths": sorted({str(places.REPOSITORY), sys.prefix, sys.base_prefix, str(Path(entrypoint[0]).parents[1])}),
    }


def _path(first: Path) -> str:
    return f"{first}:{os.defpath.lstrip(':')}:/usr/local/bin:/usr/sbin:/sbin"
