"""Catches an MLflow whose credentials are not sent, or are shown, and whose bad days end in wrong bytes."""

import base64
import dataclasses
import uuid
from functools import partial
from pathlib import Path

import pytest
from crossfade.adapters.registries import mlflow as mlflow_registry
from crossfade.adapters.sources import OpenSources
from crossfade.api.v1alpha1.modelversion import MlflowSource, Source
from crossfade.model.access import Access, Secrets
from crossfade.ports import SourceError

from testbed.certificates import Authority
from tests.contract.conftest import MLFLOW_ADMIN, MlflowBench
from tests.contract.registry_contract import RegistryContract, Subject, digest, listed, resolve
from tests.support.faults import proxy
from tests.support.networks import HERE

pytestmark = pytest.mark.cluster

READER = ("reader", "canary-of-the-reader")
OUTSIDER = ("outsider", "canary-of-the-outsider")
STRANGER = ("stranger", "canary-of-the-stranger")


def by_password(who: tuple[str, str], address: str, **options: str) -> Access:
    """The way in of this user."""
    secrets = Secrets({"username": who[0], "password": who[1]})
    return Access("mlflow", address, tuple(options.items()), secrets)


def shapes(who: tuple[str, str]) -> tuple[str, str]:
    """The secret as it is, and as it is sent."""
    return who[1], base64.b64encode(":".join(who).encode()).decode()


def source(name: str, **selector: str) -> Source:
    return Source(mlflow=MlflowSource.model_validate({"name": name, **selector}))


@pytest.fixture(scope="session")
def users(mlflow_with_users: MlflowBench) -> MlflowBench:
    """The server with two users, of whom one may read what tests register."""
    for name, password in (READER, OUTSIDER):
        mlflow_with_users.user(name, password)
    mlflow_with_users.grant(READER[0], "experiment", "0", "READ")
    return mlflow_with_users


def readable(users: MlflowBench, files: dict[str, bytes], name: str) -> tuple[str, str]:
    """A version of a model that the reader may read."""
    _, version = users.model(files, name)
    if version == "1":
        users.grant(READER[0], "registered_model", name, "READ")
    return name, version


def a_subject(users: MlflowBench) -> Subject:
    """A model of two versions, read by a user who may read and nothing else."""
    name, spelled = f"model-{uuid.uuid4().hex[:8]}", f"模型 é {uuid.uuid4().hex[:8]}"
    _, first = readable(users, {"MLmodel": b"flavors: {}", "weights": b"1" * 64}, name)
    _, second = readable(users, {"MLmodel": b"flavors: {}", "weights": b"2" * 64}, name)
    readable(users, {"poids é": b"1"}, spelled)
    users.alias(name, "champion", first)
    return Subject(
        upstream=users.url,
        access=partial(by_password, READER),
        stranger=partial(by_password, STRANGER),
        outsider=partial(by_password, OUTSIDER),
        exact=source(name, version=first),
        mutable=source(name, alias="champion"),
        missing=(source(name, version="7"), source(name, alias="none"), source(name, stage="Staging")),
        unicode=source(spelled, version="1"),
        move=lambda: users.alias(name, "champion", second),
        overwrite=lambda uri: users.put(f"{uri}/weights", b"9" * 64),
        permission="READ on the registered model",
        canaries=tuple(shape for who in (READER, OUTSIDER, STRANGER, MLFLOW_ADMIN) for shape in shapes(who)),
        asks="/model-versions/get",
        reads="/mlflow-artifacts/artifacts/",
    )


@pytest.fixture(scope="module")
def subject(users: MlflowBench) -> Subject:
    """One that all tests share."""
    return a_subject(users)


@pytest.fixture
def fresh(users: MlflowBench) -> Subject:
    """One of the test's own."""
    return a_subject(users)


class TestContract(RegistryContract):
    """MLflow's own server, with users."""


async def test_a_stage_means_its_newest_version(users: MlflowBench) -> None:
    name, first = readable(users, {"weights": b"1"}, f"model-{uuid.uuid4().hex[:8]}")
    _, second = readable(users, {"weights": b"2"}, name)
    access = by_password(READER, users.url)
    for version in (first, second):
        users.post("model-versions/transition-stage", name=name, version=version, stage="Production")
        assert (await resolve(access, source(name, stage="Production"))).registry_version == version
    with pytest.raises(SourceError, match="no version in the stage Archived of a model"):
        await resolve(access, source(name, stage="Archived"))


async def test_a_token_goes_with_every_request(mlflow: MlflowBench) -> None:
    """The bed's own server asks nobody who they are: what counts is what it is sent."""
    name, version = mlflow.model({"weights": b"1"})
    with proxy(mlflow.url) as front:
        access = Access("mlflow", front.url, secrets=Secrets({"token": "canary-token"}))
        sources = OpenSources((), None, allowed=HERE)
        async with sources.open(access) as opened:
            reference = await opened.registry.resolve(source(name, version=version))
            assert len(await opened.artifacts.files(reference.immutable_uri)) == 1
        await sources.close()
        assert front.sent("Authorization") == {"Bearer canary-token"}
        assert front.sent("X-MLFLOW-WORKSPACE") == {None}


async def test_a_workspace_is_asked_for_and_a_server_without_any_says_so(mlflow: MlflowBench) -> None:
    name, version = mlflow.model({"weights": b"1"})
    with proxy(mlflow.url) as front:
        access = Access("mlflow", front.url, (("workspace", "risk"),))
        with pytest.raises(SourceError, match=r"has no workspaces; leave `mlflow\.workspace` out") as failure:
            await resolve(access, source(name, version=version))
        assert failure.value.retry
        assert front.sent("X-MLFLOW-WORKSPACE") == {"risk"}


async def test_a_private_authority_is_trusted_where_it_is_named_and_nowhere_else(
    mlflow: MlflowBench, tmp_path: Path
) -> None:
    name, version = mlflow.model({"weights": b"1"})
    authority = Authority(tmp_path / "ca")
    with proxy(mlflow.url, authority.issue("mlflow", names=("127.0.0.1", "localhost"))) as front:
        for address in (front.url, front.url.replace("127.0.0.1", "localhost")):
            plain = Access("mlflow", address)
            trusting = dataclasses.replace(plain, ca=authority.certificate.read_text())
            assert (await resolve(trusting, source(name, version=version))).registry_version == version
            with pytest.raises(SourceError, match="its certificate is not trusted; name its authority"):
                await resolve(plain, source(name, version=version))
        with pytest.raises(SourceError, match="is no PEM certificate"):
            await resolve(dataclasses.replace(plain, ca="nonsense"), source(name, version=version))


async def test_a_name_that_the_certificate_does_not_have_is_refused(mlflow: MlflowBench, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with proxy(mlflow.url, authority.issue("mlflow", names=("other.example",))) as front:
        access = Access("mlflow", front.url.replace("127.0.0.1", "localhost"), ca=authority.certificate.read_text())
        with pytest.raises(SourceError, match="its certificate is not trusted"):
            await resolve(access, source("churn", version="1"))


async def test_who_may_not_read_the_experiment_knows_the_model_and_is_told_what_its_files_need(
    users: MlflowBench,
) -> None:
    name, password = f"user-{uuid.uuid4().hex[:8]}", "canary-of-a-user"
    users.user(name, password)
    model, version = readable(users, {"weights": b"1"}, f"model-{uuid.uuid4().hex[:8]}")
    users.grant(name, "registered_model", model, "READ")
    access = by_password((name, password), users.url)
    found = await resolve(access, source(model, version=version))
    with pytest.raises(SourceError, match="permission READ on the experiment of its run") as failure:
        await digest(access, found)
    assert failure.value.retry


@pytest.mark.slow
async def test_versions_are_listed_by_their_tag_page_by_page(
    users: MlflowBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_registry, "_PAGE", 2)
    name = f"model é {uuid.uuid4().hex[:8]}"
    for said in ("1.10.0", None, "1.10.0", "latest", "2.0.0-rc.1"):
        _, version = readable(users, {"weights": b"1"}, name)
        if said:
            users.post("model-versions/set-tag", name=name, version=version, key="version", value=said)
    with proxy(users.url) as front:
        access = by_password(READER, front.url)
        found = await listed(access, mlflow={"name": name, "semver": "^1"})
        assert {said: one.mlflow and one.mlflow.version for said, one in found.items()} == {
            "1.10.0": "3",
            "latest": "4",
            "2.0.0-rc.1": "5",
        }
        assert sum("/model-versions/search" in path for path, _ in front.seen) == 3
    assert await listed(by_password(READER, users.url), mlflow={"name": f"none-{name}", "semver": "^1"}) == {}
    assert await listed(by_password(OUTSIDER, users.url), mlflow={"name": name, "semver": "^1"}) == {}
    with pytest.raises(SourceError, match="does not accept who asks"):
        await listed(by_password(STRANGER, users.url), mlflow={"name": name, "semver": "^1"})
