"""Catches a Git repository whose model never serves, and bytes of DVC's that serve although one bit of them differs."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.address import HOST
from testbed.bed import Bed
from tests.cluster.test_registries import EXAMPLES
from tests.support import objects
from tests.support.endpoint import Endpoint, serves
from tests.support.git_repositories import Repositories, serving
from tests.support.operator_process import OperatorProcess
from tests.support.verified import assert_hidden, flip_a_bit, is_resolved, never_serves

pytestmark = pytest.mark.cluster

READER = ("reader", "canary-of-the-reader")
EXAMPLE = ("crossfade-reader", "change-me")
NAME = "team/models.git"
CONFIG = "['remote \"store\"']\n    url = {url}/kept\n[core]\n    remote = store\n"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Repositories]:
    """A repository on the bed's network, and what DVC keeps for it."""
    made = Repositories(tmp_path / "bare", tmp_path / "kept", dict((READER, EXAMPLE)))
    with serving(made, HOST, 8092):
        made.create(NAME)
        yield made


def committed(served: Repositories, path: str, content: bytes, **more: bytes) -> str:
    """A file that DVC tracks and keeps; returns the commit."""
    md5 = hashlib.md5(content).hexdigest()
    kept(served, md5).parent.mkdir(parents=True, exist_ok=True)
    kept(served, md5).write_bytes(content)
    notes = f"outs:\n- md5: {md5}\n  size: {len(content)}\n  hash: md5\n  path: {path.rpartition('/')[2]}\n"
    config = CONFIG.format(url=served.url).encode()
    return served.commit(NAME, {f"{path}.dvc": notes.encode(), ".dvc/config": config, **more})


def kept(served: Repositories, md5: str) -> Path:
    return served.kept / "files" / "md5" / md5[:2] / md5[2:]


@pytest.mark.slow
async def test_the_example_is_resolved_as_it_is(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], served: Repositories
) -> None:
    first = committed(served, "models/fraud-detector/model.bin", b"1", **{"models/fraud-detector/config.json": b"{}"})
    served.git(NAME, "branch", "release-1.5", first)
    artifacts = b"fraud-detector:\n  path: models/fraud-detector\n"
    second = committed(served, "models/fraud-detector/model.bin", b"2", **{"artifacts.yaml": artifacts})
    served.git(NAME, "tag", "--annotate", "--message", "register", "fraud-detector@v1.6.0", second)
    start_operator(endpoint.namespace)
    bed.kubectl("apply", "--namespace", endpoint.namespace, "-f", str(EXAMPLES / "git.yaml"))
    for name, commit in (("fraud-detector-1-5-0", first), ("fraud-detector-1-6-0", second)):
        found = await endpoint.recorder.until("ModelVersion", name, is_resolved)
        resolved = found["status"]["resolved"]
        place = f"git+http://git.models:8092/{NAME}@{commit}#models/fraud-detector"
        assert (resolved["immutableUri"], resolved["registryVersion"], resolved["files"]) == (place, commit, 2)
        assert resolved["lineage"]["gitCommit"] == commit
        assert resolved["access"]["options"] == {"dvcRemote": "store"}


async def test_a_model_of_dvc_serves_and_once_a_bit_of_it_has_changed_never(
    endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], served: Repositories, tmp_path: Path
) -> None:
    operator = start_operator(endpoint.namespace)
    await endpoint.create(objects.model_registry("git", git={"address": f"{served.url}/{NAME}"}))
    await endpoint.create(objects.secret("git", {"username": READER[0], "password": READER[1]}))
    content = b""
    for number in (1, 2):
        objects.write_model(tmp_path / str(number), f"{number}.0.0")
        content = (tmp_path / str(number) / "model.json").read_bytes()
        commit = committed(served, f"models/{number}/model.json", content)
        source = {"git": {"path": f"models/{number}", "revision": commit}, "registryRef": {"name": "git"}}
        await endpoint.create(objects.model_version(f"fraud-{number}", f"{number}.0.0", source))
        await endpoint.recorder.until("ModelVersion", f"fraud-{number}", is_resolved)
    await endpoint.create(objects.rollout("fraud", "fraud-1", endpoint.host, endpoint.parent))
    stable = (await endpoint.until(lambda one: serves(one, 1)))["status"]["stable"]["revision"]
    flip_a_bit(kept(served, hashlib.md5(content).hexdigest()))
    await never_serves(endpoint, 2, stable)
    assert_hidden(endpoint, operator, READER[1], ":".join(READER))
