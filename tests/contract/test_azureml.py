"""Catches an Azure ML of which another version is served than was asked for, or whose tokens go where they must not."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crossfade.adapters import azureml_server
from crossfade.api.v1alpha1.facts import Dataset, Provenance
from crossfade.model.access import Access, Secrets
from crossfade.model.moments import moment
from crossfade.observe.verify import fetch
from crossfade.ports import Asked, SourceError

from testbed.binaries.environments import python_env
from testbed.certificates import Authority
from tests.contract.azureml_bench import REGISTRY, SECRETS, WORKSPACE, AzureMlBench, Model, a_subject, azureml_bench
from tests.contract.registry_contract import RegistryContract, Subject, digest, listed, opened, resolve
from tests.contract.store_bench import Clients
from tests.support.azure_ml import GROUP, MADE_AT, SUBSCRIPTION, TENANT
from tests.support.faults import Proxy, proxy
from tests.support.folders import on_disk

_CLIENT = Path(__file__).parents[1] / "support" / "azureml_client.py"


@pytest.fixture(scope="module")
def bench(cloud_clients: Clients) -> Iterator[AzureMlBench]:
    """The stand-in, with Azurite behind it."""
    with azureml_bench(cloud_clients) as made:
        yield made


@pytest.fixture(scope="module")
def subject(bench: AzureMlBench) -> Subject:
    """One that all tests share."""
    return a_subject(bench)


@pytest.fixture
def fresh(bench: AzureMlBench) -> Subject:
    """One of the test's own."""
    return a_subject(bench)


def clients_view(bench: AzureMlBench, front: Proxy, ca: Path, model: Model, who: str) -> dict[str, Any]:
    """What Azure's own clients make of the first version."""
    kind, _, owner = model.owner.partition("/")
    told = {
        "endpoint": front.url,
        "ca": str(ca),
        "tenant": TENANT,
        "client": who,
        "secret": SECRETS.get(who, "unknown"),
        "subscription": SUBSCRIPTION,
        "group": GROUP,
        "kind": kind,
        "owner": owner,
        "name": model.name,
        "version": "1",
        "account": bench.store.account,
    }
    command = [python_env("azureml") / "bin" / "python", _CLIENT, json.dumps(told)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.parametrize("owner", [WORKSPACE, REGISTRY])
async def test_azures_own_clients_have_the_same_model_and_are_refused_as_we_are(
    bench: AzureMlBench, owner: str, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "pki")
    model = bench.model(owner)
    model.register("1", stage="Production", tags={"team": "risk"})
    model.register("2")
    with proxy(bench.azure.url, authority.issue("azure", names=("127.0.0.1",)), keeps_host=True) as front:
        theirs = clients_view(bench, front, authority.certificate, model, "reader")
        refused = [
            clients_view(bench, front, authority.certificate, model, who)["error"] for who in ("outsider", "stranger")
        ]
        access = replace(bench.access(front.url, owner=owner), ca=authority.certificate.read_text())
        ours = await loaded(access, model.asked(version="1"), tmp_path / "m")
        newest = await resolve(access, model.asked(label="latest"))
        facts = (await resolve(access, model.asked(stage=theirs["stage"]))).facts
    assert theirs["files"] == {name: len(content) for name, content in ours.items()}
    assert (theirs["version"], theirs["newest"]) == ("1", newest.registry_version)
    assert refused == ["AuthorizationFailed", "unknown"]
    assert facts is not None
    assert facts.tags is not None
    assert facts.tags.values.items() >= theirs["tags"].items()
    assert facts.provenance is not None
    assert facts.provenance.created_at is not None
    assert (facts.provenance.created_by, moment(facts.provenance.created_at)) == (theirs["maker"], theirs["made"])


class TestContract(RegistryContract):
    """A workspace."""


@pytest.mark.slow
class TestRegistry(RegistryContract):
    """A registry, for whose blobs Azure signs."""

    @pytest.fixture
    def subject(self, bench: AzureMlBench) -> Subject:
        """One of the test's own."""
        return a_subject(bench, REGISTRY)

    @pytest.fixture
    def fresh(self, bench: AzureMlBench) -> Subject:
        """One of the test's own."""
        return a_subject(bench, REGISTRY)


async def loaded(access: Access, asked: Any, folder: Path) -> dict[str, bytes]:
    """What a loader puts there."""
    reference = await resolve(access, asked)
    async with opened(access) as found:
        await fetch(found.artifacts, reference.immutable_uri, await digest(access, reference), folder)
    return on_disk(folder)


@pytest.mark.parametrize("owner", [WORKSPACE, REGISTRY])
async def test_a_folder_and_a_single_blob_are_read(bench: AzureMlBench, owner: str, tmp_path: Path) -> None:
    model = bench.model(owner)
    folder = model.register("1")
    bench.azure.register(owner, model.name, "2", bench.uri(f"{folder}/weights.bin", owner))
    bench.put(f"{folder}0", **{"weights.bin": b"of another"})
    access = bench.access(bench.azure.url, owner=owner)
    found = [await loaded(access, model.asked(version=version), tmp_path / version) for version in ("1", "2")]
    assert found == [{"MLmodel": b"{}", "weights.bin": b"1" * 100}, {"weights.bin": b"1" * 100}]


async def test_a_registrys_blobs_are_read_with_its_signature_alone(bench: AzureMlBench, tmp_path: Path) -> None:
    model = bench.model(REGISTRY)
    model.register("1")
    with proxy(bench.azure.url) as front:
        assert await loaded(bench.access(front.url, owner=REGISTRY), model.asked(version="1"), tmp_path / "m")
        blobs = [(path, headers) for path, headers in front.seen if path.startswith("/blob/")]
    assert blobs
    assert all("sig=" in path and "authorization" not in headers for path, headers in blobs)


@pytest.mark.parametrize(
    ("selector", "version"),
    [({"label": "latest"}, "3"), ({"stage": "Staging"}, "2"), ({"tag": "champion=yes"}, "1")],
)
async def test_the_newest_that_is_meant_is_found_behind_other_pages_and_no_archived_one(
    bench: AzureMlBench, monkeypatch: pytest.MonkeyPatch, selector: dict[str, str], version: str
) -> None:
    model = bench.model()
    model.register("0", tags={"champion": "yes"}, stage="Staging")
    model.register("1", tags={"champion": "yes"})
    model.register("2", stage="Staging", tags={"champion": "no"})
    model.register("3")
    model.register("4", isArchived=True, stage="Staging", tags={"champion": "yes"})
    monkeypatch.setattr(bench.azure, "page", 1)
    found = await resolve(bench.access(bench.azure.url), model.asked(**selector))
    assert found.registry_version == version
    assert found.immutable_uri == f"azureml://{WORKSPACE}/models/{model.name}/versions/{version}"


@pytest.mark.parametrize("owner", [WORKSPACE, REGISTRY])
async def test_versions_are_listed_by_their_tag_or_by_what_they_are_called(
    bench: AzureMlBench, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    model = bench.model(owner)
    for version, tags in (
        *(("1", {"version": "1.2.0"}), ("2", {"version": "v1.10.0"}), ("3", {}), ("4", {"version": "newest"})),
        *(("1.3.0", {}), ("6", {"version": "1.2.0", "team": "risk"}), ("7.0.0", {"version": "2.0.0-rc.1"})),
    ):
        model.register(version, tags=tags)
    model.register("8", isArchived=True, tags={"version": "1.99.0"})
    monkeypatch.setattr(bench.azure, "page", 2)
    followed = {"azureML": {"name": model.name, "semver": "^1"}, "registryRef": {"name": "r"}}
    found = await listed(bench.access(bench.azure.url, owner=owner), **followed)
    assert {said: one.azure_ml and one.azure_ml.version for said, one in found.items()} == {
        "1.2.0": "6",
        "v1.10.0": "2",
        "1.3.0": "1.3.0",
        "2.0.0-rc.1": "7.0.0",
    }
    with pytest.raises(SourceError, match="does not let the operator read the model"):
        await listed(bench.access(bench.azure.url, "outsider", owner), **followed)


@pytest.mark.parametrize("owner", [WORKSPACE, REGISTRY])
async def test_whether_it_is_there_is_told_and_needs_no_right(bench: AzureMlBench, owner: str) -> None:
    bench.model(owner).register("1")
    async with opened(bench.access(bench.azure.url, "outsider", owner)) as found:
        assert isinstance(found.registry, Asked)
        await found.registry.check()
    async with opened(bench.access(bench.azure.url, owner=f"{owner}-2")) as found:
        assert isinstance(found.registry, Asked)
        with pytest.raises(SourceError, match=r"is not at .* \(404\); correct `azureML` in the ModelRegistry"):
            await found.registry.check()


@pytest.mark.slow
async def test_ten_thousand_versions_are_listed_by_page(bench: AzureMlBench) -> None:
    model = bench.model()
    for number in range(10_000):
        tags = {"champion": "yes"} if not number else {}
        bench.azure.register(WORKSPACE, model.name, str(number), bench.uri("none"), tags=tags)
    bench.azure.asked.clear()
    found = await resolve(bench.access(bench.azure.url), model.asked(tag="champion=yes"))
    assert found.registry_version == "0"
    assert sum("/versions?" in path for path in bench.azure.asked) == 10_000 // bench.azure.page


async def test_a_list_without_an_end_has_one(bench: AzureMlBench, monkeypatch: pytest.MonkeyPatch) -> None:
    model = bench.model()
    for number in range(3):
        bench.azure.register(WORKSPACE, model.name, str(number), bench.uri("none"))
    monkeypatch.setattr(bench.azure, "page", 1)
    monkeypatch.setattr(azureml_server, "_MOST_PAGES", 2)
    with pytest.raises(SourceError, match=r"lists versions of .* without end; name one by `version`"):
        await resolve(bench.access(bench.azure.url), model.asked(stage="None"))


async def test_what_azure_tells_is_kept(bench: AzureMlBench) -> None:
    model = bench.model()
    bench.azure.job(
        "ws-risk",
        "brave_sun_1",
        command="python train.py",
        properties={
            "mlflow.source.git.commit": "a" * 40,
            "azureml.git.repository_uri": "https://user:canary@git.example/risk.git",
        },
        parameters={"depth": 3, "nested": {}},
        inputs={"payments": {"jobInputType": "uri_file", "uri": "azureml:payments:7"}, "rate": {"value": "0.1"}},
    )
    model.register(
        "1",
        jobName="brave_sun_1",
        stage="Production",
        description="finds fraud",
        tags={"team": "risk", "stage": "of people"},
        properties={"mlflow.version": "3", "team": "of the machine"},
        datasets=[{"name": "Training", "id": "azureml:train:1"}, {"id": "of no name"}],
    )
    found = (await resolve(bench.access(bench.azure.url), model.asked(version="1"))).facts
    assert found is not None
    assert found.lineage is not None
    told = found.lineage
    assert (told.run_id, told.git_commit, told.user) == ("brave_sun_1", "a" * 40, None)
    assert found.provenance == Provenance(origin="Registry", created_by="Ada", created_at=MADE_AT)
    assert (told.git_repository, told.source) == ("https://git.example/risk.git", "python train.py")
    assert told.datasets == [
        Dataset(name="Training", uri="azureml:train:1"),
        Dataset(name="payments", uri="azureml:payments:7", role="training"),
    ]
    assert told.parameters == {"depth": "3"}
    assert found.tags is not None
    assert found.tags.values == {
        "team": "risk",
        "stage": "Production",
        "description": "finds fraud",
        "modelType": "custom_model",
        "mlflow.version": "3",
    }


async def test_a_job_that_is_gone_is_no_fault(bench: AzureMlBench) -> None:
    model = bench.model()
    model.register("1", jobName="gone")
    found = (await resolve(bench.access(bench.azure.url), model.asked(version="1"))).facts
    assert found is not None
    assert found.lineage is not None
    assert (found.lineage.run_id, found.lineage.datasets) == ("gone", [])


async def test_tokens_are_asked_for_once_and_anew_when_they_are_refused(bench: AzureMlBench) -> None:
    model = bench.model()
    model.register("1")
    bench.azure.asked.clear()
    async with opened(bench.access(bench.azure.url)) as found:
        uri = ""
        for _ in range(3):
            uri = (await found.registry.resolve(model.asked(version="1"))).immutable_uri
            await found.artifacts.files(uri)
        asked = [path for path in bench.azure.asked if path.endswith("/token")]
        assert len(asked) == 2, "one for the manager and one for the storage"
        bench.azure.tokens.clear()
        with pytest.raises(SourceError, match="does not accept who asks"):
            await found.registry.resolve(model.asked(version="1"))
        await found.registry.resolve(model.asked(version="1"))
        with pytest.raises(SourceError, match="does not accept who asks"):
            await found.artifacts.files(uri)
        assert len(await found.artifacts.files(uri)) == 2


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("azureml://jobs/j/outputs/model/paths/m", "is at no address of Azure's blob storage"),
        (
            "azureml://subscriptions/s/resourceGroups/g/workspaces/w/datastores/blobs/paths/m",
            "of another workspace",
        ),
        ("azureml://datastores/files/paths/m", "of the type 'AzureFile'; register it from one of type AzureBlob"),
        ("azureml://datastores/evil/paths/m", "is at no address of Azure's blob storage"),
        ("azureml://datastores/none/paths/m", "has no datastore none .404 UserError.; register it there"),
        ("http://devstoreaccount1.blob.core.windows.net/models/m", "is at no address of Azure's blob storage"),
        ("https://devstoreaccount1.blob.example.com/models/m", "is at no address of Azure's blob storage"),
        ("https://devstoreaccount1.blob.core.windows.net.example.com/models/m", "is at no address of Azure's"),
        ("https://devstoreaccount1.blob.core.windows.net@example.com/models/m", "is at no address of Azure's"),
        ("https://x.devstoreaccount1.blob.core.windows.net/models/m", "is at no address of Azure's blob storage"),
    ],
)
async def test_no_token_for_the_storage_goes_anywhere_else(bench: AzureMlBench, uri: str, told: str) -> None:
    bench.azure.datastore("ws-risk", "files", datastoreType="AzureFile")
    bench.azure.datastore("ws-risk", "evil", endpoint="core.windows.net.example.com")
    model = bench.model()
    bench.azure.register(WORKSPACE, model.name, "1", uri)
    access = bench.access(bench.azure.url)
    reference = await resolve(access, model.asked(version="1"))
    bench.azure.asked.clear()
    with pytest.raises(SourceError, match=told):
        await digest(access, reference)
    assert not [path for path in bench.azure.asked if path.startswith("/blob/")]


async def test_a_loader_that_may_not_ask_any_longer_says_what_it_may_not(bench: AzureMlBench) -> None:
    for owner, right in ((WORKSPACE, "workspaces/models/versions/read"), (REGISTRY, "registries/assets/read")):
        model = bench.model(owner)
        model.register("1")
        reference = await resolve(bench.access(bench.azure.url, owner=owner), model.asked(version="1"))
        told = f"read the version 1 of the model {model.name} .* allow .* `Microsoft.MachineLearningServices/{right}`"
        with pytest.raises(SourceError, match=told):
            await digest(bench.access(bench.azure.url, "outsider", owner), reference)


async def test_a_signature_for_another_container_is_not_used(
    bench: AzureMlBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = bench.model(REGISTRY)
    model.register("1")
    access = bench.access(bench.azure.url, owner=REGISTRY)
    reference = await resolve(access, model.asked(version="1"))
    monkeypatch.setattr(bench.azure, "signed_for", "others")
    with pytest.raises(SourceError, match="has a signature for another container") as failure:
        await digest(access, reference)
    assert "sig=" not in str(failure.value)


async def test_a_version_that_is_not_ready_is_waited_for(bench: AzureMlBench) -> None:
    model = bench.model()
    model.register("1", provisioningState="Creating")
    with pytest.raises(SourceError, match="is 'Creating' and not 'Succeeded'; wait for Azure") as failure:
        await resolve(bench.access(bench.azure.url), model.asked(version="1"))
    assert failure.value.retry


async def test_a_model_of_another_workspace_is_not_read(bench: AzureMlBench) -> None:
    async with opened(bench.access(bench.azure.url)) as found:
        for uri in ("azureml://workspaces/other/models/m/versions/1", f"azureml://{REGISTRY}/models/m/versions/1"):
            with pytest.raises(SourceError, match="is no azureml://workspaces/ws-risk/models/"):
                await found.artifacts.files(uri)


@pytest.mark.parametrize(
    ("secrets", "told"),
    [
        ({}, "give `credentials` in the ModelRegistry"),
        ({"tenantId": "../x?", "clientId": "reader", "clientSecret": "canary"}, "`tenantId` of the Secret must be"),
    ],
)
async def test_what_cannot_be_asked_with_is_said(bench: AzureMlBench, secrets: dict[str, str], told: str) -> None:
    access = replace(bench.access(bench.azure.url), secrets=Secrets(secrets))
    with pytest.raises(SourceError, match=told) as failure:
        await resolve(access, bench.model().asked(version="1"))
    assert failure.value.retry
    assert "canary" not in str(failure.value)
