"""Catches a stream that is left in the middle and holds its connection for whoever comes next."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import partial

import pytest
from crossfade.adapters.artifacts import azureml_artifacts
from crossfade.adapters.artifacts.azureml_artifacts import AzureMlArtifacts, _Store
from crossfade.adapters.artifacts.bucket_artifacts import BucketArtifacts
from crossfade.adapters.artifacts.hub_artifacts import HubArtifacts
from crossfade.adapters.artifacts.mlflow_artifacts import MlflowArtifacts
from crossfade.adapters.artifacts.oci_artifacts import OciArtifacts
from crossfade.adapters.artifacts.sagemaker_artifacts import SageMakerArtifacts
from crossfade.adapters.artifacts.vertex_artifacts import VertexArtifacts
from crossfade.adapters.artifacts.wandb_artifacts import WandbArtifacts
from crossfade.adapters.azureml_places import Blobs
from crossfade.adapters.azureml_server import AzureMlServer
from crossfade.adapters.buckets.bucket import place
from crossfade.adapters.buckets.opening import opened_bucket
from crossfade.adapters.hub_server import HubServer
from crossfade.adapters.mlflow_server import MlflowServer
from crossfade.adapters.oci_server import OciServer
from crossfade.adapters.sagemaker_server import SageMakerServer
from crossfade.adapters.signed import SignedFiles
from crossfade.adapters.vertex_server import VertexServer
from crossfade.adapters.wandb_server import WandbServer
from crossfade.adapters.web import Web
from crossfade.model.access import Access, Secrets
from crossfade.ports import Artifacts, SourceError

URL = "http://store.invalid"
AZURE = "azureml://workspaces/w/models/m/versions/1"
LAYER = f"sha256:{'1' * 64}"
OCI = f"oci://store.invalid/risk/model@{LAYER}"
WANDB = f"wandb://risk/fraud/model/v1?artifact=a&digest={'0' * 32}"
SAGE_MAKER = Access("sageMaker", URL, (("region", "eu-central-1"), ("s3", URL)))


def in_azure_ml() -> Artifacts:
    secrets = Secrets({"tenantId": "t", "clientId": "c", "clientSecret": "s"})
    made = AzureMlArtifacts(AzureMlServer(Access("azureML", URL, (("login", URL), ("workspace", "w")), secrets)))
    blobs = Blobs("models", "models.blob.core.windows.net", place("az://models/risk"))
    made._folders[AZURE] = blobs, BucketArtifacts(_Store(made._server, blobs, partial(made._blobs, AZURE)), blobs.place)
    return made


def in_oci() -> Artifacts:
    made = OciArtifacts(OciServer(Access("oci", URL)))
    made._kept[OCI] = {"weights": LAYER}
    return made


def in_bucket(scheme: str) -> Artifacts:
    access = Access("objectStore", URL, (("account", "models"), ("region", "eu-central-1")))
    return BucketArtifacts(opened_bucket(scheme, access, None, 1.0), place(f"{scheme}://models"))


ALL: dict[str, Callable[[], Artifacts]] = {
    f"hf://risk/model@{'c' * 40}": lambda: HubArtifacts(HubServer(Access("huggingFace", URL))),
    "mlflow-artifacts:/1/model": lambda: MlflowArtifacts(MlflowServer(Access("mlflow", URL))),
    AZURE: in_azure_ml,
    OCI: in_oci,
    "s3://models/risk": lambda: in_bucket("s3"),
    "gs://models/risk": lambda: in_bucket("gs"),
    "az://models/risk": lambda: in_bucket("az"),
    "s3://models/risk/one": lambda: SageMakerArtifacts(SageMakerServer(SAGE_MAKER)),
    "s3://models/risk/one?as=object": lambda: SageMakerArtifacts(SageMakerServer(SAGE_MAKER)),
    "gs://models/risk/one": lambda: VertexArtifacts(VertexServer(Access("vertexAI", URL, (("storage", URL),)))),
    WANDB: lambda: WandbArtifacts(WandbServer(Access("wandb", URL))),
}


@pytest.fixture(autouse=True)
def open_streams(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Those of every server."""
    found: list[object] = []

    async def stream(*_: object, **__: object) -> AsyncIterator[bytes]:
        found.append(stream)
        try:
            while True:
                yield bytes(1 << 20)
        finally:
            found.pop()

    monkeypatch.setattr(Web, "stream", stream)
    monkeypatch.setattr(SignedFiles, "read", stream)
    monkeypatch.setattr(azureml_artifacts, "ranged", stream)
    return found


@pytest.mark.parametrize("uri", ALL)
async def test_whoever_stops_reading_gives_the_connection_back_at_once(uri: str, open_streams: list[object]) -> None:
    chunks = ALL[uri]().read(uri, "weights")
    assert isinstance(chunks, AsyncGenerator)
    async with aclosing(chunks):
        assert await anext(chunks)
        assert len(open_streams) == 1
    assert open_streams == []


async def test_what_is_too_large_to_be_kept_is_let_go_at_once(open_streams: list[object]) -> None:
    assert await SageMakerServer(SAGE_MAKER).small("models", "risk/evaluation.json") is None
    assert open_streams == []
    with pytest.raises(SourceError, match="push a smaller one"):
        await OciServer(Access("oci", URL)).config("risk/model", LAYER)
    assert open_streams == []
