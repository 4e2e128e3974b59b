"""Would catch a secret that is shown, a Secret of which more is read than is needed, and a wait that names no cause."""

import base64
import json
from typing import Any

import pytest
from crossfade.api.v1alpha1 import ModelRegistrySpec
from crossfade.model.access import Access, Secrets
from crossfade.model.snapshot import RegistryFacts
from crossfade.observe.credentials import access_to
from crossfade.ports import ClusterError, Kind, Object, SourceError

from tests.unit.fakes.cluster import FakeCluster

CANARY = "canary-4711"
SPEC = {
    "mlflow": {"address": "https://mlflow", "workspace": "risk"},
    "credentials": {"secretRef": {"name": "mlflow"}},
    "tls": {"caConfigMapRef": {"name": "ca"}},
}


def secret(**data: bytes) -> Object:
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    metadata = {"name": "mlflow", "namespace": "ml"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}


def authority(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "ml"}, "data": data}


async def access(*objects: Object, cluster: FakeCluster | None = None, **changes: Any) -> Access:
    cluster = cluster or FakeCluster()
    for one in objects:
        cluster.create(one)
    return await access_to(cluster, "ml", RegistryFacts("risk", "u", ModelRegistrySpec.model_validate(SPEC | changes)))


async def test_what_a_registry_says_is_put_together_with_its_secret_and_its_authority() -> None:
    found = await access(secret(token=b"t\n", other=b"x"), authority(**{"ca.crt": "PEM"}))
    assert (found.system, found.address, found.option("workspace"), found.ca) == (
        "mlflow",
        "https://mlflow",
        "risk",
        "PEM",
    )
    assert dict(found.secrets) == {"token": "t"}, "the line break of a file is no part of it, other keys stay there"


async def test_a_hub_is_the_public_one_unless_it_says_another_and_wants_a_token() -> None:
    found = await access(secret(token=b"hf_t", username=b"u"), mlflow=None, huggingFace={}, tls=None)
    assert (found.system, found.address, dict(found.secrets)) == (
        "huggingFace",
        "https://huggingface.co",
        {"token": "hf_t"},
    )
    with pytest.raises(SourceError, match=r"must have `token`$"):
        await access(secret(username=b"u"), mlflow=None, huggingFace={}, tls=None)


async def test_a_repository_takes_a_token_or_a_password_and_the_name_of_its_remote() -> None:
    spec = {"mlflow": None, "git": {"address": "https://git/m.git", "dvcRemote": "store"}, "tls": None}
    found = await access(secret(token=b"t", other=b"x"), **spec)
    assert (found.system, found.address, found.options) == ("git", "https://git/m.git", (("dvcRemote", "store"),))
    assert dict(found.secrets) == {"token": "t"}
    with pytest.raises(SourceError, match=r"must have `token`, or `username` and `password`"):
        await access(secret(username=b"u"), **spec)


DOCKER = b'{\n\t"auths": {\n\t\t"ghcr.io": {"auth": "cjpw"}\n\t}\n}\n'


async def test_an_oci_registry_takes_a_secret_of_either_kind() -> None:
    spec = {"mlflow": None, "oci": {"address": "https://ghcr.io"}, "tls": None}
    found = await access(secret(username=b"r", password=b"p", token=b"x"), **spec)
    assert (found.system, found.address, found.options) == ("oci", "https://ghcr.io", ())
    assert dict(found.secrets) == {"username": "r", "password": "p"}
    found = await access(secret(**{".dockerconfigjson": DOCKER}), **spec)
    assert json.loads(found.secrets[".dockerconfigjson"]) == {"auths": {"ghcr.io": {"auth": "cjpw"}}}
    with pytest.raises(SourceError, match=r"must have `.dockerconfigjson`, or `username` and `password`"):
        await access(secret(token=b"x"), **spec)


@pytest.mark.parametrize(
    ("store", "address", "options"),
    [
        ({"uri": "s3://m/risk"}, "https://s3.us-east-1.amazonaws.com", {"uri": "s3://m/risk"}),
        ({"uri": "s3://m", "region": "cn-north-1"}, "https://s3.cn-north-1.amazonaws.com.cn", {"region": "cn-north-1"}),
        ({"uri": "s3://m", "endpoint": "http://minio:9000"}, "http://minio:9000", {"uri": "s3://m"}),
        ({"uri": "gs://m"}, "https://storage.googleapis.com", {"uri": "gs://m"}),
        ({"uri": "az://m", "account": "team"}, "https://team.blob.core.windows.net", {"account": "team"}),
    ],
)
async def test_an_object_store_is_its_clouds_own_unless_it_says_another(
    store: dict[str, str], address: str, options: dict[str, str]
) -> None:
    found = await access(credentials=None, tls=None, mlflow=None, objectStore=store)
    assert (found.system, found.address) == ("objectStore", address)
    assert dict(found.options).items() >= options.items()


async def test_an_object_store_wants_the_keys_of_one_store_and_takes_no_others() -> None:
    spec = {"mlflow": None, "objectStore": {"uri": "s3://m"}, "tls": None}
    found = await access(secret(accessKeyId=b"a", secretAccessKey=b"s\n", sessionToken=b"t", other=b"x"), **spec)
    assert dict(found.secrets) == {"accessKeyId": "a", "secretAccessKey": "s", "sessionToken": "t"}
    found = await access(secret(serviceAccountKey=b'{\n "type": "service_account"\n}\n'), **spec)
    assert dict(found.secrets) == {"serviceAccountKey": '{ "type": "service_account" }'}
    ways = r"must have `accessKeyId` and `secretAccessKey`, or `serviceAccountKey`, or `accountKey`, or `sasToken`$"
    for data in ({"sessionToken": b"t"}, {"accessKeyId": b"a"}):
        with pytest.raises(SourceError, match=ways):
            await access(secret(**data), **spec)


async def test_sagemaker_is_amazons_own_unless_it_says_another() -> None:
    spec = {"mlflow": None, "tls": None}
    keys = secret(accessKeyId=b"a", secretAccessKey=b"s")
    found = await access(keys, sageMaker={"region": "eu-central-1"}, **spec)
    assert (found.system, found.address) == ("sageMaker", "https://api.sagemaker.eu-central-1.amazonaws.com")
    assert dict(found.options) == {"region": "eu-central-1", "s3": "https://s3.eu-central-1.amazonaws.com"}
    own = {"region": "cn-north-1", "endpoint": "https://vpce", "s3Endpoint": "https://s3"}
    found = await access(keys, sageMaker=own, **spec)
    assert (found.address, found.option("s3")) == ("https://vpce", "https://s3")


async def test_azure_is_the_public_cloud_unless_it_says_another() -> None:
    spec = {"mlflow": None, "tls": None}
    keys = secret(tenantId=b"t", clientId=b"c", clientSecret=b"s", other=b"x")
    place = {"subscription": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "resourceGroup": "rg"}
    found = await access(keys, azureML={**place, "workspace": "w"}, **spec)
    assert (found.system, found.address) == ("azureML", "https://management.azure.com")
    assert dict(found.options) == {**place, "workspace": "w", "login": "https://login.microsoftonline.com"}
    assert dict(found.secrets) == {"tenantId": "t", "clientId": "c", "clientSecret": "s"}
    own = {"endpoint": "https://manager", "loginEndpoint": "https://login", "blobEndpoint": "https://blobs"}
    found = await access(keys, azureML={**place, "registry": "r", **own}, **spec)
    assert (found.address, found.option("login"), found.option("blobs")) == (*own.values(),)
    assert (found.option("registry"), found.option("workspace")) == ("r", None)


async def test_vertex_is_googles_own_unless_it_says_another_and_wants_a_service_accounts_key() -> None:
    spec: dict[str, object] = {"mlflow": None, "tls": None}
    where = {"project": "risk-1", "location": "europe-west4"}
    key = secret(serviceAccountKey=b'{\n "type": "service_account"\n}\n', token=b"x")
    found = await access(key, vertexAI=where, **spec)
    assert (found.system, found.address) == ("vertexAI", "https://europe-west4-aiplatform.googleapis.com")
    assert dict(found.options) == where | {"storage": "https://storage.googleapis.com"}
    assert dict(found.secrets) == {"serviceAccountKey": '{ "type": "service_account" }'}
    own = {"endpoint": "https://vertex", "storageEndpoint": "https://storage"}
    found = await access(key, vertexAI=where | own, **spec)
    assert (found.address, found.option("storage")) == ("https://vertex", "https://storage")
    with pytest.raises(SourceError, match=r"must have `serviceAccountKey`$"):
        await access(secret(token=b"x"), vertexAI=where, **spec)


async def test_wandb_is_the_public_one_unless_it_says_another_and_wants_a_key() -> None:
    spec: dict[str, object] = {"mlflow": None, "tls": None}
    found = await access(secret(apiKey=b"k\n", token=b"x"), wandb={}, **spec)
    assert (found.system, found.address, dict(found.secrets)) == ("wandb", "https://api.wandb.ai", {"apiKey": "k"})
    found = await access(secret(apiKey=b"k"), wandb={"address": "https://wandb.example.com"}, **spec)
    assert (found.address, found.options) == ("https://wandb.example.com", ())
    with pytest.raises(SourceError, match=r"must have `apiKey`$"):
        await access(secret(token=b"x"), wandb={}, **spec)


async def test_a_registry_that_wants_neither_is_asked_as_nobody() -> None:
    assert dict((await access(credentials=None, tls=None)).secrets) == {}


@pytest.mark.parametrize(
    ("objects", "sentence"),
    [
        ((), "Secret mlflow, which `credentials.secretRef` names, is not in the namespace ml; create it"),
        ((secret(user=b"x"),), "must have `token`, or `username` and `password`"),
        ((secret(username=b"x"),), "must have `token`, or `username` and `password`"),
        ((secret(token=b"a\nb"),), "must have one line of text in UTF-8 in `token`"),
        ((secret(token=b"\xff"),), "must have one line of text in UTF-8 in `token`"),
        ((secret(token=b"t"),), "ConfigMap ca, which `tls.caConfigMapRef` names, is not in the namespace ml"),
        ((secret(token=b"t"), authority()), "must have certificates in PEM in its key `ca.crt`"),
    ],
)
async def test_what_is_missing_is_named_and_waited_for(objects: tuple[Object, ...], sentence: str) -> None:
    with pytest.raises(SourceError) as failure:
        await access(*objects)
    assert sentence in str(failure.value)
    assert failure.value.retry


class Forbidding(FakeCluster):
    """Lets nobody read a Secret."""

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """See ports.Cluster."""
        raise ClusterError("forbidden", 403)


async def test_a_right_that_is_missing_is_named() -> None:
    with pytest.raises(SourceError, match="may not be read by the operator; let it `get` that Secret in the namespace"):
        await access(cluster=Forbidding())


@pytest.mark.parametrize("broken", [b"canary-4711\n\nx", b"canary-4711\x00", b"canary-4711\xff"])
async def test_no_value_is_repeated_when_it_cannot_be_used(broken: bytes) -> None:
    with pytest.raises(SourceError) as failure:
        await access(secret(token=broken), authority(**{"ca.crt": "PEM"}))
    assert CANARY not in repr(failure.value)
    assert failure.value.__cause__ is None


def test_an_access_shows_no_secret() -> None:
    shown = Access("mlflow", "https://mlflow", secrets=Secrets({"token": CANARY}), ca="PEM")
    assert CANARY not in f"{shown!r} {shown} {shown.secrets} {shown.secrets!r} {vars(Secrets)}"
    with pytest.raises(TypeError):
        __import__("pickle").dumps(shown.secrets)


def test_the_same_access_is_one_and_another_secret_is_another() -> None:
    one, same, other = (Access("mlflow", "a", secrets=Secrets({"token": token})) for token in ("1", "1", "2"))
    assert len({one, same, other}) == 2
