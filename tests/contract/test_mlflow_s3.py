"""Catches an MLflow that keeps its files in S3 of which others are read than its own client loads, or by whom they must
not be."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from crossfade.adapters.artifacts.router import ArtifactStore, plain_stores
from crossfade.api.v1alpha1.modelversion import MlflowSource, Source
from crossfade.model.access import Access, Secrets
from crossfade.model.manifest import mvd1
from crossfade.observe.staging import STAGING
from crossfade.observe.verify import DigestMismatch, _on_disk, fetch, measure
from crossfade.ports import SourceError

from testbed.binaries.environments import python_env
from tests.contract.conftest import inherited_environment, mlflow_server
from tests.contract.registry_contract import digest, opened, resolve
from tests.contract.store_bench import S3Bench

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

TOKEN = "canary-of-a-tenant"
CHAMPION = Source(mlflow=MlflowSource(name="fraud", alias="champion"))
WEIGHTS = bytes(range(256)) * 40
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
HOW = {
    "mlflow-artifacts": ("--serve-artifacts", "--artifacts-destination"),
    "s3": ("--no-serve-artifacts", "--default-artifact-root"),
}
"""By the scheme of what it answers: MLflow reads S3 for its clients, or sends them there."""
LOG = """
import sys, mlflow, mlflow.artifacts
url, files, theirs = sys.argv[1:]
mlflow.set_tracking_uri(url)
with mlflow.start_run() as run:
    mlflow.log_artifacts(files, "model")
client = mlflow.MlflowClient()
client.create_registered_model("fraud")
client.create_model_version("fraud", f"{run.info.artifact_uri}/model", run.info.run_id)
client.set_registered_model_alias("fraud", "champion", "1")
mlflow.artifacts.download_artifacts("models:/fraud@champion", dst_path=theirs)
"""


@dataclass(frozen=True)
class Kept:
    """An MLflow whose files are in a bucket of S3, beneath `root` those with the scheme that it answers with. Its own
    client has logged a model and put what it downloads of it into the folder `theirs`."""

    access: Access
    scheme: str
    root: str
    theirs: Path

    def key(self, uri: str, path: str) -> str:
        """Of a file of the model in the bucket."""
        return f"{self.root}{uri.removeprefix('s3://models/').removeprefix('mlflow-artifacts:/')}/{path}"


@pytest.fixture(scope="module", params=HOW)
def kept_in_s3(
    request: pytest.FixtureRequest, users_of_s3: S3Bench, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kept]:
    """Each way in turn."""
    scheme, folder = request.param, tmp_path_factory.mktemp("mlflow")
    (folder / "files" / "data").mkdir(parents=True)
    (folder / "files" / "MLmodel").write_bytes(b"flavors: {}")
    (folder / "files" / "data" / "poids é.bin").write_bytes(WEIGHTS)
    owner = dict(zip(KEYS, users_of_s3.keys["owner"], strict=True))
    owner |= {"MLFLOW_S3_ENDPOINT_URL": users_of_s3.url, "AWS_REGION": "us-east-1"}
    with mlflow_server(folder, *HOW[scheme], f"s3://models/of-{scheme}", **owner) as url:
        command = [python_env("mlflow") / "bin" / "python", "-c", LOG, url, folder / "files", folder / "theirs"]
        # by the server, for this S3 takes no addresses that are signed
        through = owner if scheme == "s3" else {"MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false"}
        environment = inherited_environment(HOME=str(folder), **through)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        access = Access("mlflow", url, secrets=Secrets({"token": TOKEN}))
        yield Kept(access, scheme, "" if scheme == "s3" else f"of-{scheme}/", folder / "theirs")


@pytest.fixture
def operator_is(users_of_s3: S3Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Gives the operator, and the loader, the identity of a user of S3."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", users_of_s3.url)
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    def become(who: str) -> None:
        for name, value in zip(KEYS, users_of_s3.keys[who], strict=True):
            monkeypatch.setenv(name, value)

    return become


async def test_what_lies_in_s3_is_what_mlflows_own_client_downloads_and_never_another_byte(
    kept_in_s3: Kept, users_of_s3: S3Bench, operator_is: Callable[[str], None], tmp_path: Path
) -> None:
    operator_is("reader" if kept_in_s3.scheme == "s3" else "outsider")
    uri = (await resolve(kept_in_s3.access, CHAMPION)).immutable_uri
    assert uri.startswith(f"{kept_in_s3.scheme}:")
    async with opened(kept_in_s3.access) as found:
        promised = (await measure(found.artifacts, uri)).digest
        # MLflow's client adds a file of its own to what it downloads
        assert promised == mvd1(file for file in _on_disk(kept_in_s3.theirs) if file.path != "registered_model_meta")
        users_of_s3.put(kept_in_s3.key(uri, "data/poids é.bin"), WEIGHTS[:-1] + b"!")
        with pytest.raises(DigestMismatch):
            await fetch(found.artifacts, uri, promised, tmp_path / "m")
        assert {entry.name for entry in (tmp_path / "m").iterdir()} <= {STAGING}
        users_of_s3.put(kept_in_s3.key(uri, "data/poids é.bin"), WEIGHTS)
        await fetch(found.artifacts, uri, promised, tmp_path / "m")
    assert (tmp_path / "m" / "data" / "poids é.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize("kept_in_s3", ["s3"], indirect=True)
async def test_a_tenants_mlflow_opens_no_more_of_s3_than_naming_the_address_does(
    kept_in_s3: Kept, operator_is: Callable[[str], None]
) -> None:
    reference = await resolve(kept_in_s3.access, CHAMPION)
    operator_is("reader")
    assert await digest(kept_in_s3.access, reference) == (await named(reference.immutable_uri))
    operator_is("outsider")
    with pytest.raises(SourceError, match="answered with 403; check the credentials' permission") as through:
        await digest(kept_in_s3.access, reference)
    with pytest.raises(SourceError) as by_name:
        await named(reference.immutable_uri)
    assert str(through.value) == str(by_name.value)
    assert through.value.retry


async def named(uri: str) -> str:
    """The digest of what a ModelVersion without a ModelRegistry names in `source.uri`."""
    return (await measure(ArtifactStore(plain_stores(None)), uri)).digest
