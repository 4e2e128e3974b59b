"""Catches a registry in which ten thousand versions of a model cost many questions or much memory, or of which only the
first page is seen."""

import json
import sqlite3
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from crossfade.adapters.sources import OpenSources
from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
from crossfade.api.v1alpha1.modelversion import RegistryRef, SageMakerSource, Source
from crossfade.model.access import Access, Secrets
from crossfade.ports import MOST_LISTED, catalogue

from tests.contract.azureml_bench import SECRETS as AZURE_SECRETS
from tests.contract.azureml_bench import WORKSPACE
from tests.contract.azureml_bench import way_in as in_to_azure
from tests.contract.conftest import MLFLOW_ADMIN, MlflowBench
from tests.contract.git_bench import MODEL, anybody
from tests.contract.store_bench import Clients
from tests.contract.test_oci_tags import Paging
from tests.contract.vertex_bench import a_bench as a_vertex
from tests.contract.wandb_bench import READER as WANDB_READER
from tests.contract.wandb_bench import a_cloud as a_wandb
from tests.contract.wandb_bench import way_in as in_to_wandb
from tests.support.azure_ml import Azure
from tests.support.azure_ml import serving as serving_azure
from tests.support.faults import proxy
from tests.support.git_repositories import Repositories
from tests.support.git_repositories import serving as serving_git
from tests.support.hub import Hub
from tests.support.hub import serving as serving_hub
from tests.support.networks import HERE
from tests.support.servers import Quiet, serving
from tests.support.vertex_cloud import Version

COUNT = MOST_LISTED // 2
TAGS = sorted(f"v1.{number}.0" for number in range(COUNT))
_MOST_BYTES = 48 << 20
"""Of memory, with what the server of the test takes, which is in the same process."""


async def listed(access: Access, **followed: Any) -> list[str]:
    """The versions of what is followed, got in bounded memory."""
    told = {"registryRef": {"name": "r"}, "template": {"modelName": "m"}, **followed}
    spec = ModelSourceSpec.model_validate(told)
    sources = OpenSources((), None, allowed=HERE, timeout=120.0)
    async with sources.open(access) as found:
        tracemalloc.start()
        try:
            versions = await catalogue(found.registry, spec.system).versions(spec)
            assert tracemalloc.get_traced_memory()[1] < _MOST_BYTES
        finally:
            tracemalloc.stop()
    await sources.close()
    return sorted(versions.names)


def tag(repository: Path, commit: str) -> None:
    """All tags at one commit, as Git packs them."""
    lines = [f"{commit} refs/tags/{name}\n" for name in TAGS]
    (repository / "packed-refs").write_text("# pack-refs with: peeled fully-peeled sorted \n" + "".join(lines))


async def test_of_the_hub_with_one_question(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    tag(tmp_path / "org/m", hub.push("org/m", {"config.json": b"{}"}))
    with serving_hub(hub), proxy(hub.url) as front:
        found = await listed(Access("huggingFace", front.url), huggingFace={"repo": "org/m", "semver": "^1"})
        assert found == TAGS
        assert len(front.seen) == 1


async def test_of_git_with_two_questions(tmp_path: Path) -> None:
    made = Repositories(tmp_path / "bare", tmp_path / "kept")
    made.create("m.git")
    tag(tmp_path / "bare/m.git", made.commit("m.git", {f"{MODEL}/model.bin": b"1"}))
    with serving_git(made), proxy(made.url) as front:
        assert await listed(anybody(f"{front.url}/m.git"), git={"path": MODEL, "semver": "^1"}) == TAGS
        assert len(front.seen) == 2, "what the server can do, and its tags"


async def test_of_an_oci_registry_with_a_question_for_a_thousand() -> None:
    class Many(Paging):
        tags = tuple(TAGS)
        most = 1000

    with serving(Many) as address, proxy(address) as front:
        assert await listed(Access("oci", front.url), oci={"repository": "m", "semver": "^1"}) == TAGS
        assert len(front.seen) == COUNT // 1000


def registered(database: Path, name: str) -> None:
    """All versions, each as the first of the model is but for its number and its tag `version`. A server that is asked
    to register them one by one takes many minutes."""
    numbers = "WITH RECURSIVE numbers(number) AS (SELECT 2 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?)"
    other = {"model_versions": {"version": "number"}}
    other["model_version_tags"] = {**other["model_versions"], "value": "'v1.' || (number - 1) || '.0'"}
    with closing(sqlite3.connect(database, timeout=60)) as rows, rows:
        for table, changed in other.items():
            columns = [row[1] for row in rows.execute(f"PRAGMA table_info({table})")]
            chosen = ", ".join(changed.get(column, column) for column in columns)
            first = f"SELECT {chosen} FROM {table}, numbers WHERE name = ? AND version = 1"
            rows.execute(f"{numbers} INSERT INTO {table} {first}", (COUNT, name))


@pytest.mark.slow
@pytest.mark.cluster
async def test_of_mlflow_with_a_question_for_five_hundred(mlflow_with_users: MlflowBench) -> None:
    name, version = mlflow_with_users.model({"MLmodel": b"flavors: {}"})
    mlflow_with_users.post("model-versions/set-tag", name=name, version=version, key="version", value="v1.0.0")
    assert mlflow_with_users.database is not None
    registered(mlflow_with_users.database, name)
    secrets = Secrets(dict(zip(("username", "password"), MLFLOW_ADMIN, strict=True)))
    with proxy(mlflow_with_users.url) as front:
        found = await listed(Access("mlflow", front.url, (), secrets), mlflow={"name": name, "semver": "^1"})
        assert found == TAGS
        assert len(front.seen) == COUNT // 500


async def test_of_vertex_with_a_question_for_a_hundred() -> None:
    with a_vertex() as bench:
        versions = [Version("gs://m/1", more={"labels": {"version": name.replace(".", "_")}}) for name in TAGS]
        bench.cloud.models["m"] = versions
        with proxy(bench.url) as front:
            access = bench.access(front.url)
            assert await listed(access, vertexAI={"model": "m", "semver": "^1"}) == TAGS
            assert len(front.seen) == COUNT // 100


async def test_of_wandb_with_a_question_for_a_thousand() -> None:
    with a_wandb() as cloud:
        cloud.log("team/risk/m", {"model.bin": b"1"})
        for name in TAGS:
            cloud.alias("team/risk/m", name, 0)
        asked = {"entity": "team", "project": "risk", "collection": "m", "semver": "^1"}
        with proxy(cloud.url) as front:
            assert await listed(in_to_wandb(WANDB_READER, front.url), wandb=asked) == TAGS
            assert len(front.seen) == COUNT // 1000 + 1, "of the aliases, `latest` is one too"


async def test_of_azure_ml_with_a_question_for_each_of_its_pages() -> None:
    azure = Azure(AZURE_SECRETS, {"reader"}, "account", "http://127.0.0.1:1", "sig=1")
    for number, name in enumerate(TAGS, 1):
        azure.register(WORKSPACE, "m", str(number), "azureml://none", tags={"version": name})
    with serving_azure(azure):
        access = in_to_azure(azure.url, "reader", WORKSPACE)
        assert await listed(access, azureML={"name": "m", "semver": "^1"}) == TAGS
        assert sum("/versions?" in path for path in azure.asked) == COUNT // azure.page


GROUP = "arn:aws:sagemaker:us-east-1:123456789012:model-package/fraud"


def packages(asked: list[str]) -> Callable[..., BaseHTTPRequestHandler]:
    """A SageMaker with a group of which the oldest version alone is approved, and of which a search finds all approved;
    gives a hundred at a time, as Amazon does at most. What it is asked goes to `asked`. moto gives all at once."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            asked.append(operation)
            told = json.loads(self.content())
            said = {"ListModelPackages": listed_at, "Search": found_at}.get(operation, oldest)
            self.say(200, json.dumps(said(int(told.get("NextToken", "0")))).encode())

    def page(at: int) -> tuple[range, dict[str, str]]:
        return range(COUNT - at, COUNT - at - 100, -1), {"NextToken": str(at + 100)} if at + 100 < COUNT else {}

    def listed_at(at: int) -> dict[str, Any]:
        numbers, following = page(at)
        summaries = [
            {"ModelPackageArn": f"{GROUP}/{number}", "ModelApprovalStatus": "Approved" if number == 1 else "Rejected"}
            for number in numbers
        ]
        return {"ModelPackageSummaryList": summaries, **following}

    def found_at(at: int) -> dict[str, Any]:
        numbers, following = page(at)
        packages = [
            {
                "ModelPackageArn": f"{GROUP}/{number}",
                "ModelPackageVersion": number,
                "ModelApprovalStatus": "Approved",
                "CustomerMetadataProperties": {"version": TAGS[number - 1]},
            }
            for number in numbers
        ]
        return {"Results": [{"ModelPackage": one} for one in packages], **following}

    def oldest(_: int) -> dict[str, Any]:
        data = {"ModelDataUrl": "s3://models/model.tar.gz"}
        inference = {"InferenceSpecification": {"Containers": [data]}}
        return {"ModelPackageArn": f"{GROUP}/1", "ModelPackageStatus": "Completed", **inference}

    return Handler


def in_to_sagemaker(address: str) -> Access:
    keys = Secrets({"accessKeyId": "a", "secretAccessKey": "b"})
    return Access("sageMaker", address, (("region", "us-east-1"), ("s3", address)), keys)


async def test_of_sagemaker_with_a_search_for_a_hundred() -> None:
    asked: list[str] = []
    followed = {"group": "fraud", "approvalStatus": "Approved", "semver": "^1"}
    with serving(packages(asked)) as address:
        assert await listed(in_to_sagemaker(address), sageMaker=followed) == TAGS
    assert asked == ["Search"] * (COUNT // 100)


@pytest.mark.slow
def test_boto3_turns_the_pages_of_the_same_sagemaker(cloud_clients: Clients) -> None:
    filters = [{"Name": "ModelPackageGroupName", "Operator": "Equals", "Value": "fraud"}]
    search = {"Resource": "ModelPackage", "SearchExpression": {"Filters": filters}}
    asked: list[str] = []
    with serving(packages(asked)) as address:
        told = {"service": "sagemaker", "endpoint": address, "keys": ["a", "b"], "pages": True}
        lists = cloud_clients.done("amazon", do="list_model_packages", **told, **{"with": {}})["pages"]
        found = cloud_clients.done("amazon", do="search", **told, **{"with": search})["pages"]
    numbers = list(range(COUNT, 0, -1))
    arns = [one["ModelPackageArn"] for page in lists for one in page["ModelPackageSummaryList"]]
    versions = [one["ModelPackage"]["ModelPackageVersion"] for page in found for one in page["Results"]]
    assert (arns, versions) == ([f"{GROUP}/{number}" for number in numbers], numbers)


async def test_of_sagemaker_the_newest_that_is_approved_behind_all_the_others() -> None:
    asked: list[str] = []
    source = Source(
        sage_maker=SageMakerSource(group="fraud", approval_status="Approved"), registry_ref=RegistryRef(name="r")
    )
    sources = OpenSources((), None, allowed=HERE, timeout=120.0)
    with serving(packages(asked)) as address:
        async with sources.open(in_to_sagemaker(address)) as found:
            tracemalloc.start()
            try:
                assert (await found.registry.resolve(source)).registry_version == "1"
                assert tracemalloc.get_traced_memory()[1] < _MOST_BYTES
            finally:
                tracemalloc.stop()
        await sources.close()
    assert asked == ["ListModelPackages"] * (COUNT // 100) + ["DescribeModelPackage"]
