"""Catches a stand-in for Vertex AI that Google's own clients would not have, or that has another model for them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crossfade.model.manifest import File, mvd1
from crossfade.model.moments import moment
from crossfade.model.writing import Point, Release, Tag

from testbed.binaries.environments import python_env
from tests.contract.registry_contract import digest, listed, opened, resolve
from tests.contract.telling import AT, RECORD, tell
from tests.contract.vertex_bench import LOCATION, PROJECT, VertexBench, a_bench, source

pytestmark = pytest.mark.slow

JOB = f"projects/{PROJECT}/locations/{LOCATION}/pipelineJobs/train-7"
_CLIENT = Path(__file__).parents[1] / "support" / "vertex_client.py"


@pytest.fixture(scope="module")
def bench() -> Iterator[VertexBench]:
    """Vertex AI with two users."""
    with a_bench() as made:
        yield made


@pytest.fixture(scope="session")
def vertex_environment() -> Path:
    """The folder of its clients' virtual environment."""
    return python_env("vertex")


def by_the_client(
    bench: VertexBench, name: str, who: str, home: Path, environment: Path, **more: Any
) -> dict[str, Any]:
    """What Google's own clients make of it."""
    where = f"projects/{PROJECT}/locations/{LOCATION}/models/{name}"
    told = json.dumps({"address": bench.url, "key": bench.door.key(who), "name": where, **more})
    variables = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(environment / "bin" / "python"), str(_CLIENT), told]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


async def test_googles_own_clients_have_the_same_model_page_by_page(
    bench: VertexBench, tmp_path: Path, vertex_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.cloud, "page", 1)
    bench.cloud.jobs[JOB] = {"runtimeConfig": {"parameterValues": {"data": "gs://data/1", "lr": 0.1}}}
    more = {"labels": {"team": "risk"}, "pipelineJob": JOB}
    bench.version("fraud", 1)
    bench.version("fraud", 2, more=more, metrics=[{"metrics": {"auRoc": 0.97}}], aliases={"champion", "default"})
    bench.cloud.register("unicode", {"poids é/模型.json": b"{}", "a b+c%20.bin": b"1" * 300})
    for asked, name in (
        (source("unicode"), "unicode@1"),
        (source("fraud", "2"), "fraud@2"),
        (source("fraud", "champion"), "fraud@champion"),
    ):
        theirs = by_the_client(bench, name, "reader", tmp_path, vertex_environment)
        access = bench.access(bench.url)
        reference = await resolve(access, asked)
        assert (theirs["version"], theirs["uri"]) == (reference.registry_version, reference.immutable_uri)
        async with opened(access) as found:
            sizes = {file.path: file.size for file in await found.artifacts.files(reference.immutable_uri)}
        assert sizes.keys() == theirs["files"].keys()
        files = (File(path, sizes[path], sha256) for path, sha256 in theirs["files"].items())
        assert mvd1(files) == await digest(access, reference)
    facts = reference.facts
    assert facts is not None
    assert facts.tags is not None
    assert facts.lineage is not None
    assert facts.evaluation is not None
    assert ", ".join(theirs["aliases"]) == facts.tags.values["versionAliases"]
    assert theirs["labels"].items() <= facts.tags.values.items()
    assert {name: str(value) for name, value in theirs["parameters"].items()} == facts.lineage.parameters
    assert facts.provenance is not None
    assert facts.provenance.created_at is not None
    assert moment(facts.provenance.created_at) == theirs["made"]
    assert {name: str(value) for name, value in theirs["scores"].items()} == {
        score.metric: score.value for score in facts.evaluation.scores
    }


def test_googles_own_clients_are_refused_as_we_are(
    bench: VertexBench, tmp_path: Path, vertex_environment: Path
) -> None:
    bench.version("refused", 1)
    for name, who, error in (
        ("refused@9", "reader", "NotFound"),
        ("none@1", "reader", "NotFound"),
        ("refused@1", "outsider", "Forbidden"),
        ("refused@1", "stranger", "RefreshError"),
    ):
        assert by_the_client(bench, name, who, tmp_path, vertex_environment) == {"error": error}


async def test_googles_own_client_sees_what_was_told_and_says_the_like_of_it_alike(
    bench: VertexBench, tmp_path: Path, vertex_environment: Path
) -> None:
    access, written = bench.access(bench.url, "writer"), bench.cloud.written
    for number in (1, 2):
        bench.version("told", number)
    record = Tag("told", "2", RECORD, "f", AT)
    await tell(access, Point("told", "challenger", "challenger", "2"), record)
    noted = written[-1]
    written.clear()
    saves = {"alias": "champion", "takes": "challenger", "labels": {"theirs": "true"}}
    theirs = by_the_client(bench, "told@challenger", "writer", tmp_path, vertex_environment, saves=saves)
    assert "error" not in theirs, written
    pointed, taken, labelled = written
    assert (theirs["version"], theirs["aliases"]) == ("2", ["champion"])
    assert theirs["labels"] == labelled["labels"] == {**noted["labels"], "theirs": "true"}
    assert {name: type(value) for name, value in labelled.items()} == {
        name: type(value) for name, value in noted.items()
    }
    bench.cloud.alias("told", "champion", 1)
    bench.cloud.alias("told", "challenger", 2)
    written.clear()
    await tell(
        access, Point("told", "champion", "champion", "2"), Release("told", "challenger", "challenger", "2"), record
    )
    assert written == [pointed, taken]


async def test_what_googles_own_client_labels_as_a_version_is_in_a_range(
    bench: VertexBench, tmp_path: Path, vertex_environment: Path
) -> None:
    for number in range(1, 5):
        bench.version("ranged", number)
    bench.cloud.alias("ranged", "champion", 1)
    for number, label in ((1, "1_2_0"), (2, "1_10_0"), (4, "2_0_0-rc_1")):
        saves = {"alias": "challenger", "takes": "champion", "labels": {"version": label}}
        by_the_client(bench, f"ranged@{number}", "writer", tmp_path, vertex_environment, saves=saves)
    theirs = by_the_client(bench, "ranged@1", "reader", tmp_path, vertex_environment, lists="version")
    followed = {"vertexAI": {"model": "ranged", "semver": "^1"}, "registryRef": {"name": "r"}}
    ours = await listed(bench.access(bench.url), **followed)
    assert {said.replace(".", "_"): one.vertex_ai and one.vertex_ai.version for said, one in ours.items()} == theirs
    assert theirs == {"1_2_0": "1", "1_10_0": "2", "2_0_0-rc_1": "4"}
