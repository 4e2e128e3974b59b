"""Catches an Azure ML whose versions lose something when their tags are written, or that is told again and again."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crossfade.model.access import Access
from crossfade.model.writing import Point, Tag
from crossfade.ports import RefusedError

from testbed.binaries.environments import python_env
from testbed.certificates import Authority
from tests.contract.azureml_bench import REGISTRY, SECRETS, WORKSPACE, source, way_in
from tests.contract.registry_contract import listed
from tests.contract.telling import AT, RECORD, named, refused, tell
from tests.support.azure_ml import GROUP, HOME, SUBSCRIPTION, TENANT, Azure, serving
from tests.support.faults import proxy, refusing

TAGS = {f"crossfade.{name}": text for name, text in RECORD.items()}
MODEL = "Fraud_1"
MORE = {
    "tags": {"team": "risk"},
    "stage": "Production",
    "description": "of people",
    "jobName": "train-7",
    "flavors": {"python_function": {"data": {"loader_module": "mlflow.sklearn"}}},
    "properties": {"mlflow.modelId": "m-1"},
    "ofAnotherRelease": [1, None, {"a": "b"}],
}
_CLIENT = Path(__file__).parents[1] / "support" / "azureml_client.py"


@pytest.fixture(params=[WORKSPACE, REGISTRY])
def owner(request: pytest.FixtureRequest) -> str:
    """Both are told alike."""
    return str(request.param)


@pytest.fixture
def azure(owner: str) -> Iterator[Azure]:
    """Azure with a model of two versions, and one who may write."""
    made = Azure(dict(SECRETS), {"reader"}, "account", "", "", writers={"writer"})
    for version in ("1", "2"):
        made.register(owner, MODEL, version, f"azureml://datastores/blobs/paths/{version}", **MORE)
    with serving(made):
        yield made


@pytest.fixture
def access(azure: Azure, owner: str) -> Access:
    return way_in(azure.url, "writer", owner)


def properties(azure: Azure, owner: str, version: int) -> dict[str, Any]:
    return dict(azure.models[f"{HOME}/{owner}/models/{MODEL}/versions"][version - 1]["properties"])


async def test_the_record_is_in_the_tags_and_nothing_else_of_the_version_is_another(
    azure: Azure, access: Access, owner: str
) -> None:
    found = await named(access, source(MODEL, version="2"))
    assert (found.model, found.version) == (MODEL, "2")
    first, second = (properties(azure, owner, version) for version in (1, 2))
    again = {**RECORD, "outcome": "RolledBack"}
    for record in (RECORD, again, again):
        await tell(access, Tag(MODEL, "2", record, "f", AT))
    told = {"team": "risk", **TAGS, "crossfade.outcome": "RolledBack"}
    assert properties(azure, owner, 2) == second | {"tags": told}
    assert properties(azure, owner, 1) == first
    assert len(azure.written) == 2


async def test_a_sentence_that_is_too_long_ends_early(azure: Azure, access: Access, owner: str) -> None:
    record = RECORD | {"reason": "é" * 2000, "link": f"https://grafana/{'x' * 250}"}
    await tell(access, *[Tag(MODEL, "1", record, "f", AT)] * 2)
    tags = properties(azure, owner, 1)["tags"]
    assert (tags["crossfade.reason"], "crossfade.link" in tags) == ("é" * 256, False)
    assert len(azure.written) == 1


async def test_a_record_without_a_link_leaves_none_of_the_rollout_before(
    azure: Azure, access: Access, owner: str
) -> None:
    """It would show the evidence of another rollout."""
    bare = {name: text for name, text in RECORD.items() if name != "link"}
    await tell(access, *(Tag(MODEL, "1", record, "f", AT) for record in (RECORD, bare)))
    assert "crossfade.link" not in properties(azure, owner, 1)["tags"]


async def test_what_azure_takes_in_its_own_time_is_not_acknowledged_before(
    azure: Azure, access: Access, owner: str
) -> None:
    """A registry answers 201 and goes on, and may yet fail."""
    azure.slow = True
    assert isinstance(await refused(access, Tag(MODEL, "1", RECORD, "f", AT)), RefusedError)
    azure.slow = False
    await tell(access, Tag(MODEL, "1", RECORD, "f", AT))
    assert properties(azure, owner, 1)["tags"] == {"team": "risk", **TAGS}


async def test_a_version_that_is_gone_needs_no_record(azure: Azure, access: Access) -> None:
    await tell(access, Tag(MODEL, "9", RECORD, "f", AT), Tag("None", "1", RECORD, "f", AT))
    assert azure.written == []


async def test_who_may_read_and_not_write_is_told_so_and_it_is_about_this_model_alone(azure: Azure, owner: str) -> None:
    failure = await refused(way_in(azure.url, "reader", owner), Tag(MODEL, "1", RECORD, "f", AT), *SECRETS.values())
    assert isinstance(failure, RefusedError)
    right = "registries/assets/write" if owner == REGISTRY else "workspaces/models/versions/write"
    assert f"does not let the operator write the version 1 of the model {MODEL} (403 AuthorizationFailed)" in str(
        failure
    )
    assert f"`Microsoft.MachineLearningServices/{right}`" in str(failure)


async def test_who_is_not_known_and_a_bad_moment_are_about_the_registry(azure: Azure, owner: str) -> None:
    deed = Tag(MODEL, "1", RECORD, "f", AT)
    assert not isinstance(await refused(way_in(azure.url, "stranger", owner), deed), RefusedError)
    with proxy(azure.url) as front:
        front.inject(refusing(429, Retry_After="7"), "/models/")
        failure = await refused(way_in(front.url, "writer", owner), deed, *SECRETS.values())
    assert (isinstance(failure, RefusedError), failure.wait) == (False, 7.0)


async def test_aliases_are_not_for_it(access: Access) -> None:
    assert isinstance(await refused(access, Point(MODEL, "champion", "champion", "1")), RefusedError)


@pytest.fixture(scope="session")
def azureml_environment() -> Path:
    """The folder of its client's virtual environment."""
    return python_env("azureml")


def saved(environment: Path, address: str, ca: Path, owner: str, **tags: str) -> dict[str, Any]:
    """What Azure's own client finds after it has added these tags to the first version."""
    told = {
        "endpoint": address,
        "ca": str(ca),
        "tenant": TENANT,
        "client": "writer",
        "secret": SECRETS["writer"],
        "subscription": SUBSCRIPTION,
        "group": GROUP,
        "name": MODEL,
        "version": "1",
        "saves": tags,
        **dict(zip(("kind", "owner"), owner.split("/"), strict=True)),
    }
    command = [environment / "bin" / "python", _CLIENT, json.dumps(told)]
    variables = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.slow
async def test_azures_own_client_sees_what_was_told_and_says_the_like_of_it_alike(
    azure: Azure, owner: str, tmp_path: Path, azureml_environment: Path
) -> None:
    authority = Authority(tmp_path / "pki")
    with proxy(azure.url, authority.issue("azure", names=("127.0.0.1",)), keeps_host=True) as front:
        access = replace(way_in(front.url, "writer", owner), ca=authority.certificate.read_text())
        await tell(access, Tag(MODEL, "1", RECORD, "f", AT))
        seen = saved(azureml_environment, front.url, authority.certificate, owner, theirs="true")
    assert seen["tags"] == {"team": "risk", **TAGS, "theirs": "true"}
    ours, after = (one["properties"] for one in azure.written)
    after["tags"].pop("theirs")
    assert after == ours


@pytest.mark.slow
async def test_what_azures_own_client_tags_as_a_version_is_in_a_range(
    azure: Azure, owner: str, tmp_path: Path, azureml_environment: Path
) -> None:
    authority = Authority(tmp_path / "pki")
    azure.register(owner, MODEL, "1.3.0", "azureml://none")
    with proxy(azure.url, authority.issue("azure", names=("127.0.0.1",)), keeps_host=True) as front:
        azure.page, azure.follows = 1, front.url
        theirs = saved(azureml_environment, front.url, authority.certificate, owner, version="1.10.0")["all"]
        access = replace(way_in(front.url, "writer", owner), ca=authority.certificate.read_text())
        followed = {"azureML": {"name": MODEL, "semver": "^1"}, "registryRef": {"name": "r"}}
        ours = await listed(access, **followed)
    assert {said: one.azure_ml and one.azure_ml.version for said, one in ours.items()} == {
        "1.10.0": "1",
        "1.3.0": "1.3.0",
    }
    assert theirs["1"]["version"] == "1.10.0"
    assert "1.3.0" in theirs
