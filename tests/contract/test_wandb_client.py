"""Catches a stand-in for Weights & Biases that its own client would not have, or that has another model for it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crossfade.adapters.wandb_address import parsed
from crossfade.model.writing import Point, Release, Tag

from testbed.binaries.environments import python_env
from tests.contract.loads import digest_of
from tests.contract.registry_contract import digest, listed, opened, resolve
from tests.contract.telling import AT, RECORD, tell
from tests.contract.wandb_bench import (
    ITS_ENTITY,
    ORGANIZATION,
    OUTSIDER,
    READER,
    STRANGER,
    a_cloud,
    a_link,
    a_path,
    a_subject,
    logged,
    source,
    way_in,
)
from tests.support.wandb_cloud import Cloud

pytestmark = pytest.mark.slow

_CLIENT = Path(__file__).parents[1] / "support" / "wandb_client.py"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """W&B with two users."""
    with a_cloud() as made:
        yield made


@pytest.fixture(scope="session")
def wandb_environment() -> Path:
    """The folder of its client's virtual environment."""
    return python_env("wandb")


def by_the_client(cloud: Cloud, name: str, key: str, folder: Path, environment: Path, **more: Any) -> dict[str, Any]:
    """What W&B's own client makes of it."""
    told = json.dumps({"address": cloud.url, "key": key, "name": name, "folder": str(folder / "files"), **more})
    folders = {name: str(folder / name) for name in ("HOME", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_DIR")}
    quiet = {"WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true", "PYTHONDONTWRITEBYTECODE": "1"}
    patient = {"WANDB_HTTP_TIMEOUT": "60"}
    variables = {**folders, **quiet, **patient, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    command = [str(environment / "bin" / "python"), str(_CLIENT), told]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


async def test_wandbs_own_client_has_the_same_model_page_by_page(
    cloud: Cloud, tmp_path: Path, wandb_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "page", 1)
    subject = a_subject(cloud)
    by_organization = source(a_link(cloud).replace(ITS_ENTITY, ORGANIZATION), "production")
    for number, asked in enumerate((subject.exact, subject.mutable, subject.unicode, by_organization)):
        model = asked.wandb
        assert model is not None
        project = model.project or f"wandb-registry-{model.registry}"
        name = f"{model.entity}/{project}/{model.collection}:{model.version or model.alias}"
        folder = tmp_path / str(number)
        theirs = by_the_client(cloud, name, READER, folder, wandb_environment)
        access = way_in(READER, cloud.url)
        reference = await resolve(access, asked)
        address = parsed(reference.immutable_uri)
        assert (theirs["version"], theirs["id"], theirs["digest"], theirs["manifestDigest"]) == (
            *(reference.registry_version, address.artifact),
            *(address.digest, address.digest),
        )
        async with opened(access) as found:
            ours = await found.artifacts.files(reference.immutable_uri)
        assert {file.path: [file.size, file.md5] for file in ours} == theirs["files"]
        assert digest_of(folder / "files") == await digest(access, reference)
    assert reference.facts is not None
    assert reference.facts.lineage is not None
    assert (theirs["run"], theirs["commit"]) == (reference.facts.lineage.run_id, reference.facts.lineage.git_commit)
    assert {name: str(value) for name, value in theirs["config"].items()} == reference.facts.lineage.parameters
    assert reference.facts.provenance is not None
    assert reference.facts.provenance.created_at == theirs["createdAt"]
    assert reference.facts.tags is not None
    assert ", ".join(theirs["usedBy"]) == reference.facts.tags.values["usedBy"]
    assert ", ".join(theirs["aliases"]) == reference.facts.tags.values["aliases"]


def test_wandbs_own_client_is_refused_as_we_are(cloud: Cloud, tmp_path: Path, wandb_environment: Path) -> None:
    model = a_subject(cloud).exact.wandb
    assert model is not None
    place = f"{model.entity}/{model.project}"
    for name, key, error in (
        (f"{place}/model:v9", READER, "artifact membership 'model:v9' not found"),
        ("team/none/model:v0", READER, "project 'none' not found"),
        (f"{place}/model:v0", OUTSIDER, "permission denied"),
        (f"{place}/model:v0", STRANGER, "user is not logged in"),
    ):
        assert error in by_the_client(cloud, name, key, tmp_path, wandb_environment)["error"]


async def test_wandbs_own_client_sees_what_was_told_and_says_the_like_of_it_alike(
    cloud: Cloud, tmp_path: Path, wandb_environment: Path
) -> None:
    access, plain = way_in(READER, cloud.url), a_path()
    logged(cloud, plain, 1)
    for path, index in ((plain, 0), (a_link(cloud), 1)):
        version = f"v{index}"
        await tell(access, Point(path, "challenger", "challenger", version), Tag(path, version, RECORD, "f", AT))
        cloud.written.clear()
        saves = {"alias": "champion", "takes": "challenger", "metadata": {"theirs": True}}
        theirs = by_the_client(cloud, f"{path}:{version}", READER, tmp_path, wandb_environment, saves=saves)
        assert "error" not in theirs
        assert (theirs["version"], theirs["metadata"]) == (version, {"crossfade": RECORD, "theirs": True})
        assert ("champion" in theirs["aliases"], "challenger" in theirs["aliases"]) == (True, False)
        pointed, taken, updated = [{name: value for name, value in one.items() if value} for one in cloud.written]
        assert updated.keys() >= {"artifactID", "metadata"}
        cloud.alias(path, "challenger", index)
        cloud.alias(path, "champion", -1)
        cloud.written.clear()
        await tell(
            access,
            Point(path, "champion", "champion", version),
            Release(path, "challenger", "challenger", version),
        )
        assert cloud.written == [pointed, taken]


async def test_an_alias_that_wandbs_own_client_gives_is_in_a_range(
    cloud: Cloud, tmp_path: Path, wandb_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "page", 1)
    path = a_path()
    for number in (1, 2):
        logged(cloud, path, number)
    theirs: dict[str, Any] = {}
    for version, alias in (("v0", "1.2.0"), ("v1", "v1.10.0"), ("v1", "2.0.0-rc.1")):
        theirs = by_the_client(cloud, f"{path}:{version}", READER, tmp_path, wandb_environment, gives=alias)
    entity, project, collection = path.split("/")
    asked = {"entity": entity, "project": project, "collection": collection, "semver": "^1"}
    ours = await listed(way_in(READER, cloud.url), wandb=asked, registryRef={"name": "r"})
    assert sorted(theirs["aliases"]) == sorted([*ours, "latest"])
    assert {"1.2.0", "2.0.0-rc.1", "v1.10.0"} == set(ours)
