"""A small image as an archive that container engines import: one layer of a few files."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path

from testbed.binaries.catalogue import machine


def write(path: Path, name: str, files: Mapping[str, Path], command: list[str]) -> None:
    """Write the image `name` (with its tag), which has these programs by their paths in it and runs `command`."""
    layer = _tar({inside: found.read_bytes() for inside, found in files.items()})
    config = {
        "architecture": machine(),
        "os": platform.system().lower(),
        "config": {"Entrypoint": command},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    parts = {"manifest.json": json.dumps(manifest).encode(), "config.json": json.dumps(config).encode()}
    path.write_bytes(_tar(parts | {"layer.tar": layer}))


def _tar(files: Mapping[str, bytes]) -> bytes:
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w") as made:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            made.addfile(entry, io.BytesIO(content))
    return kept.getvalue()
