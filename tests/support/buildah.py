"""buildah with a store of its own: images are built without a daemon and without anything left on the machine."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.binaries.debian_root import DebianRoot, debian_root
from tests.support.dockerfile import ARCHITECTURES, ROOT

_CERTIFICATES = Path("/etc/ssl/certs")
_WITH_LIBRARIES = 'mount --bind "$0" /etc/ld.so.cache && exec "$@"'
"""In mounts of its own. For each RUN buildah starts itself anew without its environment, LD_LIBRARY_PATH included."""


class BuildahError(Exception):
    """It, or what it ran, ended with another status than 0; the message has its words."""


def program(name: str) -> str:
    """The path of buildah or mmdebstrap, the machine's own or that of Debian's package. Raises TestbedError."""
    return shutil.which(name) or debian_root("buildah").program(name)


@dataclass(frozen=True)
class Buildah:
    """Its store, configuration and results are below `folder`."""

    folder: Path

    def run(self, *words: str) -> str:
        """One command of it. Returns what it printed. Raises BuildahError, and TestbedError where there is none."""
        places = ("--root", str(self.folder / "root"), "--runroot", str(self.folder / "run"))
        configuration = ("--registries-conf", str(self._written("registries.conf", "")))
        command = [program("buildah"), *places, "--storage-driver", "vfs", *configuration, *words]
        environment = dict(os.environ)
        if not shutil.which("buildah"):
            packages = debian_root("buildah")
            command = ["unshare", "--mount", "sh", "-c", _WITH_LIBRARIES, str(self._found(packages)), *command]
            environment |= packages.environment()
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildahError(
                f"`{' '.join(words)}` ended with {done.returncode}: {(done.stderr + done.stdout)[-3000:]}"
            )
        return done.stdout.strip()

    def build(self, context: Path, name: str, base: str, **arguments: str) -> str:
        """Build the Dockerfile of a folder from nothing that an earlier build left. Returns the image's identity.

        The build trusts whom this machine trusts, which may stand behind a proxy that has certificates of its own.
        """
        uv = self._written("uv/uv.toml", "system-certs = true\n").parent
        given = {"BASE": base, "TARGETARCH": ARCHITECTURES[os.uname().machine]} | arguments
        words = [f"--build-arg={key}={value}" for key, value in given.items()]
        words += [f"--volume={_CERTIFICATES}:{_CERTIFICATES}:ro", f"--volume={uv}:/etc/uv:ro"]
        return self.run(
            "build", "--isolation=chroot", "--no-cache", "--layers=false", "--timestamp=0", "--quiet",
            f"--signature-policy={self.policy}", *words, f"--tag={name}", str(context),
        )  # fmt: skip

    @property
    def policy(self) -> Path:
        """Whose images are let in: anybody's, as tests name what they take."""
        return self._written("policy.json", json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))

    def manifest(self, image: str) -> tuple[str, dict[str, Any]]:
        """The digest and the content of the manifest with which a registry would get the image."""
        layout = self.folder / "layouts" / image.partition(":")[2][:12]
        shutil.rmtree(layout, ignore_errors=True)
        layout.parent.mkdir(exist_ok=True)
        self.run("push", "--quiet", f"--signature-policy={self.policy}", image, f"oci:{layout}:it")
        digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
        return digest, json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())

    def archive(self, image: str) -> Path:
        """The image by its name as `docker save` writes it."""
        path = self.folder / f"{re.sub(r'[^a-z0-9]+', '-', image)}.tar"
        self.run("push", "--quiet", f"--signature-policy={self.policy}", image, f"docker-archive:{path}:{image}")
        return path

    def _found(self, packages: DebianRoot) -> Path:
        """Where this machine's libraries are, and those of the packages: what /etc/ld.so.cache says, and more."""
        path = self.folder / "ld.so.cache"
        if not path.exists():
            ldconfig = shutil.which("ldconfig", path=f"/sbin:/usr/sbin:{os.defpath}") or "ldconfig"
            self.folder.mkdir(parents=True, exist_ok=True)
            subprocess.run([ldconfig, "-X", "-C", str(path), *packages.libraries()], check=True, capture_output=True)
        return path

    def _written(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path
